"""Ask a policy object what a job wants to know, and say in plain values what came of it. Runs where the policy is."""

import time
from dataclasses import replace
from typing import Any

from robovlms_mobile.errors import MobileError
from robovlms_mobile.policy.camera_input import picture
from robovlms_mobile.ros.exchange import Answer, Facts, Job, Kind


class Answering:
    """A policy, as `robovlms_mobile.policy.MobilePolicy` is one, behind jobs and answers."""

    def __init__(self, policy: Any):
        self._policy = policy
        self._instruction: str | None = None  # the one the policy has taken

    def facts(self) -> Facts:
        """Return what the node must know of the policy."""
        found = self._policy.metadata
        contract = found["contract"]
        low, high = (contract["action"].get(name) for name in ("low", "high"))
        unscaled = low is None or high is None
        period = (contract.get("period") or {}).get("median")
        shown = {name: str(found.get(name)) for name in ("folder", "hash", "device", "dtype", "execute")}
        shown["not known of the recordings"] = ", ".join(found["unknown"]) or "nothing"
        return Facts(tuple(self._policy.dims), -1.0 if unscaled else low, 1.0 if unscaled else high, period, shown)

    def ask(self, job: Job) -> Answer:
        """Return the policy's answer to one job; raises nothing."""
        started = time.perf_counter()
        try:
            answer = self._asked(job)
        except Exception as error:
            answer = Answer.failed(error)
        return replace(answer, seconds=time.perf_counter() - started)

    def _asked(self, job):
        if job.fresh or job.instruction != self._instruction:
            self._instruction = None
            try:
                self._policy.reset(job.instruction)
            except MobileError as error:
                return Answer(Kind.REFUSED, text=str(error))
            self._instruction = job.instruction
        try:
            image = picture(job.frame.image, job.frame.encoding, job.frame.height, job.frame.width)
        except MobileError as error:
            return Answer(Kind.BAD_FRAME, text=str(error))
        observed = {"image": image, "instruction": job.instruction, "stamp": job.frame.stamp}
        return Answer(Kind.ACTION, self._policy.select_action(observed))
