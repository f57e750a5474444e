"""Runs whose disk refuses: at each single step of a save, at each size of a file, from the start."""

import errno
import importlib.util
import logging
import os
import resource
import shutil
import signal
from collections import Counter
from pathlib import Path

from safetensors import SafetensorError
from support import crash_run
from support.crash_run import CURVES, KEEP, RECORD, STATE, falling, hidden, read_run, run_of, same, train
from support.crash_steps import OPENED, REMOVING, Steps

from robovlms_mobile import files
from robovlms_mobile.errors import CheckpointError
from robovlms_mobile.leftovers import recover
from robovlms_mobile.training import curves

PERIOD = 1  # each epoch writes the same
WARM = 5  # epochs; from the third on one goes from `best-epoch-…`
PLOT = "losses.png"


def faults(vlm, folder, code, onwards, exchange, stride=1):
    """Refuse each step of a save in turn; with `onwards` every later one of that save too.

    Args:
        stride: 2 for every other step only, and so on.
    """
    module, disk = crash_run.Tiny(vlm, falling, PERIOD), Disk(code, onwards)
    if not exchange:
        files.exchange = lambda one, other: False
    disk.steps.install()
    count = steps_of_a_save(module, folder, disk.steps)
    judge = Judge(module, run_of(folder), os.strerror(code))
    judge.leaves_rubbish = code == errno.EROFS
    judge.run_all(folder, [lambda step=step: disk.refuse(step) for step in range(0, count, stride)], disk.accept)
    return {"steps": count, **judge.outcome}


def steps_of_a_save(module, folder, steps):
    """Train WARM epochs and return how many steps the save of the last but one had."""
    at = {}
    mark = {name: lambda epoch, name=name: at.update({(name, epoch): len(steps.names)}) for name in ("before", "after")}
    train(module, folder, epochs=WARM, **mark)
    return at["after", WARM - 2] - at["before", WARM - 2]


class Disk:
    """Refuses steps, as a disk with this error does."""

    def __init__(self, code, onwards):
        self.code, self.onwards = code, onwards
        self.steps, self._first = Steps(self._strike), None

    def refuse(self, step):
        """Refuse that step from now, counted from 0."""
        self._first = len(self.steps.names) + step

    def accept(self):
        self._first = None

    def _strike(self, name, number):
        """Raise, or return False, for a step that is refused."""
        due = self._first is not None and (number >= self._first if self.onwards else number == self._first)
        if not due or name == OPENED or (name in REMOVING and self.code != errno.EROFS):  # a full disk lets go
            return True
        reason = os.strerror(self.code)
        if name == "exchange":
            return False
        if name == "serialize_file":
            raise SafetensorError(f"Error while serializing: I/O error: {reason} (os error {self.code})")
        if name == "save":
            raise RuntimeError(f"PytorchStreamWriter failed writing file: {reason}")
        raise OSError(self.code, reason)


def limits(vlm, folder, plot):
    """Refuse files beyond a size, for sizes from nothing to the largest there is; with `plot` of losses.png too."""
    curves._has_matplotlib = lambda: plot and importlib.util.find_spec("matplotlib") is not None
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    module = crash_run.Tiny(vlm, falling, PERIOD)
    train(module, folder, epochs=WARM)
    chosen = [0, 1]
    for size in sorted({path.stat().st_size for path in run_of(folder).rglob("*") if path.is_file()}):
        if size > 1.1 * max(chosen):
            chosen += [size // 3, 2 * size // 3, size - 1]
    judge = Judge(module, run_of(folder), "")
    judge.run_all(folder, [lambda limit=limit: limit_size(limit) for limit in sorted(chosen)], limit_size)
    return {"limits": chosen, **judge.outcome}


def limit_size(limit=resource.RLIM_INFINITY):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))


class Judge:
    """Refuses every other epoch of a run and compares what each has left with what was there before.

    Attributes:
        outcome: how many things could not be written, and how many could all the same.
        leaves_rubbish: a disk that refuses to remove leaves what was begun, until `recover`.
    """

    def __init__(self, module, run, reason):
        self.module, self.run, self.reason = module, run, reason
        self.outcome, self.leaves_rubbish = {"refused": 0, "written": 0}, False
        self.said = listen()

    def run_all(self, folder, refusals, accept):
        """Go on with a run of WARM epochs; each refusal is called before the save of an epoch of its own."""
        self._refusals, self._accept, self._before = list(refusals), accept, None
        epochs = WARM + 2 * len(self._refusals)
        train(self.module, folder, before=self.before, after=self.after, epochs=epochs)
        same("refusals not tried", len(self._refusals), 0)

    def before(self, epoch):
        self.said.clear()
        if (epoch - WARM) % 2 == 0:
            self._before = contents(self.run)
            self._refusals.pop(0)()

    def after(self, epoch):
        self._accept()
        if epoch is None:
            return
        found = read_run(self.run, self.module)
        if self._before is not None:
            self._refused(epoch, found)
            if self.leaves_rubbish:
                recover(self.run)
            self._before = None
        else:
            same("of the epoch after a refusal", {found.get(name) for name in written(epoch) if name != PLOT}, {epoch})
            same("said without a reason", self.said, [])
            for name in set(self.run.glob("epoch-*")) - {self.run / f"epoch-{epoch + 1:04d}"}:
                shutil.rmtree(name)
        same("rubbish", hidden(self.run), [])

    def _refused(self, epoch, found):
        """Each thing is new, or as it was and said once."""
        now, told = contents(self.run), 0
        for name in written(epoch):
            lines = [line for line in self.said if line.startswith(f"{self.run / name} could not be written (")]
            same(f"lines about {name}", (len(lines), self.said), (int(bool(lines)), self.said))
            told += len(lines)
            self._say_why(lines)
            whole = found.get(name) == epoch if name != PLOT else is_new_plot(now, self._before)
            self.outcome["written" if whole else "refused"] += 1
            if not whole:
                same(f"{name} is as it was, and said", (now.get(name) == self._before.get(name), len(lines)), (True, 1))
        removals = [line for line in self.said if " could not be removed (" in line]
        self._say_why(removals)
        same("lines", (told + len(removals), self.said), (len(self.said), self.said))
        others = self._before.keys() - written(epoch)
        gone = {name for name in others if name not in now}
        same("changed", [name for name in others - gone if now[name] != self._before[name]], [])
        kept = [name for name in now if name.startswith("best-epoch-")]
        same("gone", (gone, len(kept) >= KEEP), ({name for name in gone if name.startswith("best-epoch-")}, True))

    def _say_why(self, lines):
        for line in lines:
            reason = line.partition("(")[2].rpartition(")")[0]
            same("reason", (line, bool(reason) and self.reason in reason and "\n" not in reason), (line, True))


def written(epoch):
    """Names of what each epoch writes."""
    plot = [PLOT] if curves._has_matplotlib() else []
    return ["last", "best", f"best-epoch-{epoch + 1:04d}", f"epoch-{epoch + 1:04d}", STATE, RECORD, CURVES, *plot]


def contents(run):
    """Return what is in a run's folder: name → bytes, or for a folder {name: bytes}."""
    found = {path.name: path for path in run.glob("[!.]*")}
    return {
        name: {file.name: file.read_bytes() for file in path.iterdir()} if path.is_dir() else path.read_bytes()
        for name, path in found.items()
    }


def is_new_plot(now, before):
    return now[PLOT] != before[PLOT] and now[PLOT].endswith(b"IEND\xaeB\x60\x82")


def listen():
    """Return a list that fills with the package's warnings."""
    said, handler = [], logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())
    logging.getLogger("robovlms_mobile").addHandler(handler)
    return said


def read_only(vlm, folder, code, epochs):
    """Refuse everything from the start of a run, that resumes one of so many epochs; then start again without."""
    module, disk = crash_run.Tiny(vlm, falling, PERIOD), Disk(code, onwards=True)
    disk.steps.install()
    run, begun, stopped = run_of(folder), [], None
    if epochs:
        train(module, folder, epochs=epochs)
    before = contents(run)
    try:
        train(module, folder, start=lambda _: disk.refuse(0), after=begun.append, epochs=epochs + 2)
    except CheckpointError as error:
        stopped = str(error)
    disk.accept()
    unchanged(run, before)
    train(module, folder, epochs=epochs + 2)
    same("in the end", read_run(run, module)[STATE], epochs + 1)
    return {"stopped": stopped, "begun": begun}


def refusing(vlm, folder, code):
    """Refuse everything once a run trains; then start again without. Returns what was said, name → how often."""
    module, disk, said = crash_run.Tiny(vlm, falling, PERIOD), Disk(code, onwards=True), listen()
    disk.steps.install()
    run, before = run_of(folder), {}

    def refuse(epoch):
        if epoch is None:
            before.update(contents(run))
            disk.refuse(0)

    train(module, folder, after=refuse, epochs=2)
    disk.accept()
    unchanged(run, before)
    train(module, folder, epochs=2)
    same("in the end", read_run(run.with_name(f"{run.name}-2"), module)[STATE], 1)  # run.json keeps its folder
    return dict(Counter(str(Path(refused_path(line, os.strerror(code))).relative_to(run)) for line in said))


def unchanged(run, before):
    same("changed", contents(run) == before, True)
    same("rubbish", hidden(run), [])


def refused_path(line, reason):
    """Return the path that a line says could not be written, for this reason."""
    path, found, rest = line.partition(" could not be written (")
    same("line", (line, bool(found) and reason in rest), (line, True))
    return path
