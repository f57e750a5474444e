"""What a run needs of a card's memory, predicted in a process of its own: it imports the checkout's code."""

from collections.abc import Iterator

from robovlms_mobile.config.access import section
from robovlms_mobile.doctor.machine import has_cuda
from robovlms_mobile.doctor.subject import Subject
from robovlms_mobile.findings import Finding
from robovlms_mobile.training.foresight import GIB, name_of, remedy, tried

WHERE = "memory"
ELSEWHERE = "16GB"  # of the card it is predicted for where there is none


def memory(subject: Subject) -> Iterator[Finding]:
    """Yield the most that a step would take on CUDA; where that is too much, what would make it fit."""
    from robovlms_mobile.checkout.working_copy import checkout_status

    device, setup = _device(), section(subject.config, "train_setup")
    try:
        tries = tried(subject.config, device, checkout_status(subject.root).root)
    except ValueError:
        yield Finding("warn", "not predicted: this model cannot be counted", WHERE, "the run itself will tell")
        return
    again = setup.get("gradient_checkpointing") == "auto" and len(tries) > 1
    asis = tries[int(again)]
    what = f"{asis['peak'] / GIB:.1f} GiB at the peak of a step on CUDA, predicted"
    if asis["fits"]:
        yield Finding("ok", f"{what}{', with gradient_checkpointing' if again else ''}", WHERE)
        return
    yield Finding("error" if has_cuda() else "warn", f"{what}: too much for {device}", WHERE, remedy(tries))


def _device():
    if not has_cuda():
        return ELSEWHERE
    from torch import cuda

    return name_of(cuda.get_device_properties(0))
