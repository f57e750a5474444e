"""Which checks run, in which order, and that one that fails does not stop the others. No check's own knowledge."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from robovlms_mobile.config.load import load_config
from robovlms_mobile.doctor import checkout, configuration, machine, memory, model, output, packages, reach, recorded
from robovlms_mobile.doctor.subject import Subject
from robovlms_mobile.errors import ConfigError, MobileError
from robovlms_mobile.findings import Finding

MACHINE = (  # title → checks, each (name, function of a Subject that yields findings)
    ("Machine", (("python", machine.python), ("GPU", machine.gpu))),
    (
        "Packages",
        (
            ("packages", packages.versions),
            ("torchvision", packages.torchvision),
            ("Kosmos-2 in transformers", packages.kosmos),
        ),
    ),
    ("RoboVLMs", (("checkout", checkout.checkout), ("plugin", checkout.plugin))),
)
RUN = (
    (
        "Config",
        (
            ("config", configuration.content),
            ("precision", configuration.precision),
            ("packages the config needs", configuration.needed_packages),
        ),
    ),
    ("Data", (("episodes", recorded.episodes),)),
    ("Base model", (("base model", model.files),)),
    ("Output", (("output folders", output.folders), ("room for checkpoints", output.room))),
)
LAST = (("memory", memory.memory), ("audit", reach.reach))  # build the model: only where nothing else is wrong
Check = Callable[[Subject], Iterator[Finding]]
INSTALL = {"PIL": "pillow", "git": "gitpython"}  # import name → distribution, where they differ


@dataclass(frozen=True)
class Section:
    """The findings of one group of checks. Args: title (str), findings (tuple[Finding, ...])."""

    title: str
    findings: tuple[Finding, ...]


def diagnose(config_path: str | Path | None = None, root: str | None = None) -> list[Section]:
    """Run every check.

    Args:
        config_path: a config; None runs the checks of the machine only.
        root: the checkout's folder, or None for where it is looked for by default.

    Returns:
        list[Section]. Nothing raises: whatever goes wrong in a check is a finding of that check.
    """
    sections = [_section(title, checks, Subject(root)) for title, checks in MACHINE]
    if config_path is None:
        return sections
    try:
        config = load_config(config_path)
    except ConfigError as error:
        broken = Finding("error", str(error), "config", "correct it; what depends on it was not checked")
        return [*sections, Section("Config", (broken,))]
    subject = Subject(root, config, str(config_path))
    sections += [_section(title, checks, subject) for title, checks in RUN]
    wrong = any(finding.level == "error" for section in sections for finding in section.findings)
    return sections if wrong else [*sections, _section("Picture and instruction", LAST, subject)]


def _section(title, checks, subject):
    return Section(title, tuple(finding for name, check in checks for finding in run_check(name, check, subject)))


def run_check(name: str, check: Check, subject: Subject) -> list[Finding]:
    """Return a check's findings, list[Finding]; if it fails, those it made before and one that names it."""
    findings = []
    try:
        for finding in check(subject):
            findings.append(finding)  # one by one: a failure keeps those before it
    except ImportError as error:
        package = (error.name or "").partition(".")[0] or "a package"
        fix = f"pip install {INSTALL.get(package, package)}"
        findings.append(Finding("error", f"not checked: {package} cannot be imported ({error})", name, fix))
    except MobileError as error:
        findings.append(Finding.from_error(error, name))
    except Exception as error:
        what = f"this check failed itself ({type(error).__name__}: {error})"
        findings.append(
            Finding("error", what, name, "please report it with the output of `robovlms-mobile doctor --json`")
        )
    return findings
