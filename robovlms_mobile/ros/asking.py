"""Ask in a thread of its own: whoever waits for an answer never waits for the policy."""

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue

from robovlms_mobile.ros.exchange import Answer, Job


class Asking:
    """One question at a time.

    Args:
        ask: answers a job; may take for ever, and may raise.
        answered: called in that thread whenever an answer has come.
    """

    def __init__(self, ask: Callable[[Job], Answer], answered: Callable[[], object] = lambda: None):
        self._ask, self._answered = ask, answered
        self._jobs: SimpleQueue[Job] = SimpleQueue()
        self._answers: SimpleQueue[Answer] = SimpleQueue()
        threading.Thread(target=self._serve, name="asking", daemon=True).start()

    def start(self, job: Job) -> None:
        """Begin to ask; returns at once."""
        self._jobs.put(job)

    def answer(self) -> Answer | None:
        """Return the answer that has come, None while there is none."""
        try:
            return self._answers.get_nowait()
        except Empty:
            return None

    def _serve(self):
        while True:
            job = self._jobs.get()
            try:
                answer = self._ask(job)
            except Exception as error:
                answer = Answer.failed(error)
            self._answers.put(answer)
            self._answered()
