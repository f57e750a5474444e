"""Checks of the installed packages, by their metadata; what must be imported is imported in another process."""

import base64
import hashlib
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from robovlms_mobile.doctor.subject import Subject
from robovlms_mobile.findings import Finding

OURS = "robovlms-mobile"
TESTED = {  # package → newest version the plugin was run with
    "torch": (2, 13),
    "transformers": (5, 23),
    "lightning": (2, 6),
    "pytorch-lightning": (2, 6),
    "peft": (0, 21),
}
KOSMOS = "transformers.models.kosmos2.modeling_kosmos2"
IMPORT_TIMEOUT = 180  # seconds; a cold torch on a small board is slow


def versions(subject: Subject) -> Iterator[Finding]:
    """Yield every required package that is missing, too old or newer than tested, and the versions of the rest."""
    from packaging.requirements import Requirement
    from packaging.version import Version

    try:
        declared = metadata.requires(OURS) or []
    except metadata.PackageNotFoundError:
        yield Finding("error", "not installed, so upstream never sees it", OURS, "pip install -e . in its folder")
        return
    good = []
    for requirement in map(Requirement, declared):
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        seen = _version(requirement.name)
        finding = _judge(requirement, None if seen is None else Version(seen))
        if finding is None:
            good.append(f"{requirement.name} {seen}")
        else:
            yield finding
    if good:
        yield Finding("ok", ", ".join(good), "packages")


def _version(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _judge(requirement, version):
    name, install = requirement.name, f'pip install "{requirement.name}{requirement.specifier}"'
    if version is None:
        return Finding("error", f"not installed, expected {requirement.specifier or 'any version'}", name, install)
    if not requirement.specifier.contains(version, prereleases=True):
        return Finding("error", f"{version} is too old, expected {requirement.specifier}", name, install)
    tested = TESTED.get(name)
    if tested and version.release[:2] > tested:
        newest = ".".join(map(str, tested))
        fix = f'if a run fails: pip install "{name}=={newest}.*"'
        return Finding("warn", f"{version} is newer than tested, {newest}", name, fix)
    return None


def torchvision(subject: Subject) -> Iterator[Finding]:
    """Yield whether an installed torchvision can be imported; a missing one is fine, upstream's use of it is."""
    version = _version("torchvision")
    if version is None:
        return
    problem = import_problem("torchvision")
    if problem is None:
        yield Finding("ok", f"torchvision {version}", "torchvision")
        return
    fix = "pip uninstall torchvision (the mobile path does without), or install the build that fits this torch"
    yield Finding("error", f"{version} is installed and cannot be imported: {problem}", "torchvision", fix)


def kosmos(subject: Subject) -> Iterator[Finding]:
    """Yield whether transformers' Kosmos-2 is the file its wheel brought, or another was copied over it."""
    try:
        distribution = metadata.distribution("transformers")
    except metadata.PackageNotFoundError:
        return  # reported with the packages
    yield from kosmos_findings(distribution)


def kosmos_findings(distribution: metadata.Distribution) -> Iterator[Finding]:
    """Yield the finding about one installation of transformers, an `importlib.metadata.Distribution`."""
    suffix = f"{KOSMOS.replace('.', '/')}.py"
    file = next((each for each in distribution.files or () if each.as_posix() == suffix), None)
    reinstall = f"pip install --force-reinstall --no-deps transformers=={distribution.version}"
    if file is None or file.hash is None:
        yield Finding("ok", "installed without a list of checksums, so its Kosmos-2 was not compared", "transformers")
        return
    path = Path(file.locate())
    if not path.is_file():
        yield Finding("error", "is missing from the installed transformers", str(path), reinstall)
    elif _hash(path, file.hash.mode) == file.hash.value:
        yield Finding("ok", "Kosmos-2 is as transformers ships it", "transformers")
    else:
        yield _overwritten(path, reinstall)


def _hash(path, algorithm):
    """Return a file's hash as RECORD writes it: URL-safe base64 without padding."""
    digest = hashlib.new(algorithm, path.read_bytes()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _overwritten(path, reinstall):
    what = 'is not the file transformers shipped: upstream copies its own there for "model": "kosmos"'
    problem = import_problem(KOSMOS)
    if problem is None:
        return Finding("warn", f"{what}; the plugin does not need that", str(path), reinstall)
    return Finding("error", f"{what}, and it cannot be imported: {problem}", str(path), reinstall)


def import_problem(module: str) -> str | None:
    """Import a module in another process. Returns the last line of its error, or None when it worked."""
    command = [sys.executable, "-c", f"import {module}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=IMPORT_TIMEOUT, errors="replace")
    except subprocess.TimeoutExpired:
        return f"no answer in {IMPORT_TIMEOUT} s"
    if done.returncode == 0:
        return None
    return (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
