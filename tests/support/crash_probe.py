"""A process that has imported everything, and forks a child for each run that is to be killed or refused.

Reads one JSON object a line, {"do": name, ...}, and answers each with one: what `do` returns, or {"failed": traceback}.
"""

import contextlib
import gc
import importlib
import json
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

import torch
from support import crash_run
from support.crash_faults import faults, limits, read_only, refusing
from support.crash_run import RECORD, STATE, hidden, noisy, read_run, run_of, train, verify
from support.crash_steps import Child, Steps, fork, result_of

from robovlms_mobile import files
from robovlms_mobile.leftovers import recover
from robovlms_mobile.training import curves
from robovlms_mobile.training.resume.earlier import newest_state

PERIOD = 3  # of the `epoch-…` folders
A_RUN = 30  # kills
EARLY = 8  # of so many kills one comes while the run still starts
EPOCH = 5  # it is the best so far, the third best goes, and it has a folder of its own


def kills(vlm, folder, count, exchange, seed):
    """Kill runs at random moments, each going on from what the one before left; see `Killed`."""
    module, chance = crash_run.Tiny(vlm, noisy, PERIOD), random.Random(seed)
    files.exchange = files.exchange if exchange else no_exchange
    total, cut = {"kills": 0, "inside": 0, "starting": 0, "epochs": 0}, Counter()
    while total["kills"] < count:
        run = Killed(module, Path(folder) / str(total["kills"]), chance, exchange)
        for _ in range(min(A_RUN, count - total["kills"])):
            outcome = run.once()
            total["kills"] += 1
            cut.update(run.check())
            total["inside"] += outcome == "inside"
            total["starting"] += outcome == "starting"
        total["epochs"] += run.begun
    return total | {"half written": cut.total(), "cut": cut}


class Killed:
    """A run that is killed again and again, and checked each time."""

    def __init__(self, module, folder, chance, exchange):
        self.module, self.folder, self.chance, self.exchange = module, Path(folder), chance, exchange
        self.done = self.begun = -1  # the newest epoch that was saved whole; whose saving began
        self.found = {}
        self.cycle = self.start = None  # seconds

    def once(self):
        """Go on and be killed. Returns where: "starting", "inside" a save, or "between" two."""
        pid, file = fork(self._train)
        began, early, lines = time.monotonic(), self.cycle and self.chance.randrange(EARLY) == 0, []
        if early:
            time.sleep(self.chance.uniform(0, self.start))
        else:
            self._wait(file, lines)
        if self.cycle is None:
            self.start, began = time.monotonic() - began, time.monotonic()
            for _ in range(3):
                self._wait(file, lines)
            self.cycle = (time.monotonic() - began) / 3
        if not early:
            time.sleep(self.chance.uniform(0, 2 * self.cycle))
        os.kill(pid, signal.SIGKILL)
        lines += file.readlines()
        file.close()
        status = os.waitpid(pid, 0)[1]
        if not os.WIFSIGNALED(status):
            raise AssertionError("the run ended by itself:\n" + "".join(lines))
        return self._note([line.split() for line in lines])

    def _wait(self, file, lines):
        """Wait until the next save begins."""
        line = None
        while line != "" and not (line or "").startswith("begun"):
            lines.append(line := file.readline())

    def _train(self, say):
        train(
            self.module,
            self.folder,
            before=lambda epoch: say(f"begun {epoch}"),
            after=lambda epoch: say(f"done {-1 if epoch is None else epoch}"),
        )

    def _note(self, words):
        for word, epoch in words:
            setattr(self, word, max(getattr(self, word), int(epoch)))
        return (
            "starting" if words[-1:] in ([], [["done", "-1"]]) else "inside" if words[-1][0] == "begun" else "between"
        )

    def check(self):
        """Raise unless everything is whole, of one epoch each, and still there. Returns names of what was cut off."""
        run = run_of(self.folder)
        left = {re.sub(r"^\.|(\.\w+\.part|\.part|\.aside)$", "", name) for name in hidden(run)}
        if self.exchange:
            self._verify(run)
        recover(run)
        crash_run.same("rubbish", hidden(run), [])
        self._verify(run)
        return left

    def _verify(self, run):
        found = read_run(run, self.module)
        verify(found, self.module, self.done, self.begun)
        older = {name: epoch for name, epoch in self.found.items() if found.get(name, -1) < epoch}
        lost = {name for name in older if not name.startswith("best-epoch-")}
        crash_run.same("older than before", lost - {RECORD}, set())  # which tells what the newest state can go on from
        state = newest_state(self.folder, "run")
        crash_run.same("the newest state", state, run / STATE if STATE in found else None)
        self.found = found


def no_exchange(one, other):
    """What `files.exchange` does on a file system that cannot exchange names."""
    return False


def steps(vlm, folder, exchange, moment, stride=1):
    """Kill right before each step of one save (moment "save"), or of a resumed run's start ("start").

    Args:
        stride: 2 for every other step only, and so on.
    """
    module = crash_run.Tiny(vlm, noisy, PERIOD)
    files.exchange = files.exchange if exchange else no_exchange
    killer = AtEachStep(module, run_of(folder), exchange, stride)
    train(module, folder, epochs=EPOCH)
    hooks = {"before": killer.before} if moment == "save" else {"start": killer.start}
    train(module, folder, after=killer.after, epochs=EPOCH + 2, **hooks)
    killer.verify(EPOCH + 1, EPOCH + 1)
    return killer.outcome


def dying_at(step):
    """Have this process end right before a step; None: count them only."""
    return Steps(lambda name, number: os._exit(9) if number == step else None).install()


class AtEachStep:
    """Forks a child for each step, in the middle of a run: it dies before that step, and what it leaves is checked."""

    def __init__(self, module, run, exchange, stride):
        self.module, self.run, self.exchange, self.stride = module, run, exchange, stride
        self.outcome = {"steps": 0, "kills": 0, "half written": 0, "names": []}
        self._child = None  # the steps of a child, and what it says with

    def start(self, run):
        """A killed writer's rubbish is there too, as `recover` finds it."""
        shutil.copytree(run / "best", run / ".best.abcd1234.part")
        shutil.copytree(run / "last", run / ".last.aside")
        shutil.copy(run / STATE, run / f".{STATE}.abcd1234.part")
        os.replace(run / "epoch-0003", run / ".epoch-0003.aside")
        self._each(EPOCH - 1, EPOCH - 1, recovered=False)

    def before(self, epoch):
        if epoch == EPOCH:
            self._each(EPOCH - 1, EPOCH, recovered=self.exchange)

    def after(self, epoch):
        """Ends a child that was not killed."""
        if self._child:
            steps, say = self._child
            say(json.dumps(steps.names))
            os._exit(0)

    def _each(self, low, high, recovered):
        """Do not come back in a child: it goes on with the run."""
        kept = self.run.with_name("kept")
        shutil.copytree(self.run, kept)
        step, names = 0, None
        while names is None or step < len(names):
            child = Child()
            if child.mine:
                self._child = dying_at(None if names is None else step), child.say
                return
            said, code = child.wait()
            if names is None:
                names = json.loads(said)
                continue
            crash_run.same(f"exit at step {step}, {names[step]}: {said}", code, 9)
            self._check(f"before step {step}, {names[step]}", low, high, recovered)
            shutil.rmtree(self.run)
            shutil.copytree(kept, self.run)
            step += self.stride
            self.outcome["kills"] += 1
        shutil.rmtree(kept)
        self.outcome.update(steps=len(names), names=names)

    def _check(self, where, low, high, recovered):
        try:
            if recovered:
                self.verify(low, high)
            self.outcome["half written"] += bool(hidden(self.run))
            recover(self.run)
            crash_run.same("rubbish", hidden(self.run), [])
            self.verify(low, high)
        except Exception as error:
            raise AssertionError(f"killed {where}") from error

    def verify(self, low, high):
        verify(read_run(self.run, self.module), self.module, low, high)
        crash_run.same("the newest state", newest_state(self.run.parent.parent, "run"), self.run / STATE)


def used_modules():
    """Return the names of what a run imports, once it is under way."""
    from robovlms_mobile.simulation.tiny_vlm import make_tiny_vlm

    with tempfile.TemporaryDirectory() as folder:
        make_tiny_vlm(Path(folder) / "vlm")
        train(crash_run.Tiny(Path(folder) / "vlm", noisy, PERIOD), Path(folder) / "run", epochs=1)
    return sorted(sys.modules)


def import_all(names):
    """Import once what each child would import anew."""
    for name in names:
        with contextlib.suppress(Exception):
            importlib.import_module(name)


def serve():
    torch.set_num_threads(1)
    os.fsync = lambda handle: None  # it is for power cuts: what was written outlives its process; and it takes seconds
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what runs print
    curves._has_matplotlib = lambda: False  # a plot takes as long as all the rest
    import_all(result_of(used_modules))
    gc.freeze()  # children then share what is there
    actions = {each.__name__: each for each in (kills, steps, faults, limits, read_only, refusing)}
    for line in sys.stdin:
        order = json.loads(line)
        action = actions[order.pop("do")]
        try:
            answer = result_of(lambda action=action, order=order: action(**order))
        except Exception:
            answer = {"failed": traceback.format_exc()}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    serve()
