"""What only some runs want: in half precision, on a GPU, or for an option. Loaded by those."""

from typing import Any

from lightning.pytorch.callbacks import Callback

from robovlms_mobile.options import BITS


def requested(configs: dict, device: Any) -> list[Callback]:
    """Return what comes to the callbacks of every run, for a config and a torch device.

    Raises:
        ConfigError: a precision the device cannot do.
    """
    precision = str(configs.get("trainer", {}).get("precision", 32))  # Lightning makes bf16 of 16 on a CPU
    if not precision.startswith(("32", "64")):
        from robovlms_mobile.config.half import check_device

        check_device(precision, device.type)
    mobile, found = configs.get("mobile") or {}, []
    if configs.get("train_setup", {}).get("bits") in BITS:
        from robovlms_mobile.training.few_bit_base import FewBitBase

        found.append(FewBitBase())
    if mobile.get("optimizer"):
        from robovlms_mobile.training.small_moments import SmallMoments

        found.append(SmallMoments())
    elif device.type == "cuda":
        from robovlms_mobile.training.fused_steps import FusedSteps

        found.append(FusedSteps())
    if (mobile.get("frames") or {}).get("features") == "auto":
        from robovlms_mobile.training.kept_features import KeptFeatures

        found.append(KeptFeatures())
    return found
