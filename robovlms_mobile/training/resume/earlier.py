"""What earlier runs left: the state a run resumes from, and trained weights it starts with. Loaded when asked for."""

import json
import logging
import os
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from robovlms_mobile.adapters.loading import UNSAFE, can_be_fooled, load_into, trained_tensors
from robovlms_mobile.errors import CheckpointError
from robovlms_mobile.training.resume.folders import KEY, RECORD, STATE, say
from robovlms_mobile.training.resume.lock import hold

if TYPE_CHECKING:
    from torch.nn import Module

UNREADABLE = (OSError, ValueError, zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError)

log = logging.getLogger(__name__)


def resumed(wanted: str, folder: Path, experiment: str) -> tuple[Path | None, str | None]:
    """Return (the folder of the run that is gone on with, which is held then; the state that `resume` means).

    The first is None where the run is to have a folder of its own, both where there is nothing to resume.

    Args:
        wanted: the config's `resume`: "last", or a path.
        folder: where the run would write if it were new.
        experiment: the config's `exp_name`.

    Raises:
        CheckpointError: no such file, a damaged one, or the folder of a run that is under way.
    """
    state = _state(wanted, folder.parent.parent, experiment)
    if state is None:
        return None, None
    run = Path(state).parent
    same_task = run.resolve().parent.parent == folder.resolve().parent.parent
    if not (same_task and experiment_of(run) == experiment):
        if can_be_fooled():
            warnings.warn(f"{state} is read though this run did not write it. {UNSAFE}", stacklevel=2)
        return None, state
    if holder := hold(run):
        raise CheckpointError(
            f"{run} is in use: {holder}. Two runs cannot go on in one folder. Wait for that one or end it; "
            'for a second run from here set "resume": null and "model_load_path": "…/best".'
        )
    return run, state


def _state(wanted, task, experiment):
    if wanted == "last":
        found = newest_state(task, experiment)
        say(f"resuming from {found}" if found else f"no earlier run of {experiment!r}: starting afresh")
        return str(found) if found else None
    if not is_whole(wanted):
        state = "damaged" if Path(wanted).is_file() else "not a file"
        raise CheckpointError(
            f'resume is {wanted}, which is {state}. Name a run\'s last.ckpt, or set it to "last" (the newest whole one '
            "of this exp_name) or null (a new run)."
        )
    return wanted


def is_ours(path: str) -> bool:
    """True for an adapter folder, a run's folder, and a `last.ckpt` of a run; False for a checkpoint of upstream's."""
    if os.path.isdir(path):
        kinds = ("adapter_config.json", "policy.safetensors")
        return any(any(Path(path).glob(f"{below}{kind}")) for kind in kinds for below in ("", "*/"))
    return is_state(Path(path))


def loaded(stock: Callable, path: str, source: str, configs: dict) -> "Module":
    """Return upstream's module with what `model_load_path` names in it: what an earlier run trained, or upstream's own.

    Args:
        stock: upstream's `from_checkpoint`, bound to its class.
        path, source, configs: its arguments.
    """
    if not is_ours(path):
        return stock(path, source, configs)
    module = stock(None, source, configs)
    load(module, path)
    return module


def load(module: "Module", path: str | Path) -> None:
    """Copy what an earlier run trained into upstream's module; a run's folder means its `best`.

    Raises:
        CheckpointError: damaged, tampered with, for another model or config, or a last.ckpt where torch cannot read one
            safely; nothing is changed then.
    """
    from robovlms_mobile.adapters.reading import POLICY, check_base, read_adapters

    path = Path(path)
    if path.is_file() and can_be_fooled():
        raise CheckpointError(
            f"model_load_path is {path}, a pickle that this torch does not read safely. Name an adapter folder of that "
            f"run, best or last beside the file: those hold safetensors, which run nothing. {UNSAFE}"
        )
    if path.is_file():
        load_into(module, trained_tensors(path))
    else:
        adapters = read_adapters(path if (path / POLICY).exists() else path / "best", module)
        check_base(adapters, module.model.backbone)
        load_into(module, adapters.state)
    say(f"starting from what was trained in {path}")


def experiment_of(folder: Path) -> str:
    """Return the `exp_name` of a run's config; the folder's name where its run.json does not say."""
    try:
        return json.loads((Path(folder) / RECORD).read_text(encoding="utf-8"))["config"]["exp_name"]
    except (OSError, ValueError, LookupError, TypeError):
        return Path(folder).name


def newest_state(task: Path, experiment: str) -> Path | None:
    """Return the newest whole `last.ckpt` of an experiment, None where there is none. Damaged ones are said.

    Args:
        task: the folder above the days' folders, OUTPUT_ROOT/MODEL/TASK.
        experiment: the config's `exp_name`.
    """
    found = [path for path in Path(task).glob(f"*/*/{STATE}") if experiment_of(path.parent) == experiment]
    for path in sorted(found, key=lambda path: path.stat().st_mtime_ns, reverse=True):
        if is_whole(path):
            return path
        log.warning("%s is damaged and passed over: the newest whole state is looked for.", path)
    return None


def is_whole(path: Path) -> bool:
    """True when every record of a checkpoint file has the checksum written with it."""
    try:
        with zipfile.ZipFile(path) as file:
            return file.testzip() is None
    except UNREADABLE:
        return False


def is_state(path: Path) -> bool:
    """True for a checkpoint file with an entry of ours: the word is looked for in its pickle, nothing is unpickled."""
    word = b"X" + len(KEY).to_bytes(4, "little") + KEY.encode()  # a string as torch.save pickles it
    try:
        with zipfile.ZipFile(path) as file:
            return any(word in file.read(name) for name in file.namelist() if name.endswith("/data.pkl"))
    except UNREADABLE:
        return False
