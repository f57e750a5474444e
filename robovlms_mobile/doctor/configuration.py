"""Checks of the config itself: the lint, and the packages its options need."""

from collections.abc import Iterator
from importlib.util import find_spec

from robovlms_mobile.config.access import section
from robovlms_mobile.config.half import half_precision
from robovlms_mobile.config.lint import lint
from robovlms_mobile.doctor.machine import has_cuda
from robovlms_mobile.doctor.subject import Subject
from robovlms_mobile.findings import Finding


def content(subject: Subject) -> Iterator[Finding]:
    """Yield what is wrong with the config, or that nothing is."""
    findings = lint(subject.config, cuda=has_cuda())
    yield from findings
    if not findings:
        yield Finding("ok", "every key is there and means something", subject.config_path)


def precision(subject: Subject) -> Iterator[Finding]:
    """Yield what is against the config's half precision on this machine's card."""
    if has_cuda():
        from torch import cuda

        wanted = str(section(subject.config, "trainer").get("precision"))
        for level, what, fix in half_precision(wanted, cuda.get_device_capability()):
            yield Finding(level, what, "trainer.precision", fix)


def needed_packages(subject: Subject) -> Iterator[Finding]:
    """Yield the packages that the config's logger and strategy need and that are missing."""
    trainer = section(subject.config, "trainer")
    loggers = trainer.get("logger")
    if isinstance(loggers, list) and "tensorboard" in loggers and not _any_installed("tensorboard", "tensorboardX"):
        fix = 'pip install tensorboard, or set it to ["csv"]'
        yield Finding("error", '"tensorboard" is not installed, and Lightning stops without it', "trainer.logger", fix)
    if str(trainer.get("strategy")).startswith("deepspeed") and not _any_installed("deepspeed"):
        fix = 'set it to "auto", or pip install deepspeed'
        yield Finding("error", "deepspeed is not installed", "trainer.strategy", fix)


def _any_installed(*packages):
    return any(find_spec(package) is not None for package in packages)
