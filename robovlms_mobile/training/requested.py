"""Callbacks that only some runs want: for a GPU, or for an option. Loaded by those."""

from typing import Any

from lightning.pytorch.callbacks import Callback


def requested(configs: dict, device: Any) -> list[Callback]:
    """Return what comes to the callbacks of every run, for a config and a torch device."""
    if (configs.get("mobile") or {}).get("optimizer"):
        from robovlms_mobile.training.small_moments import SmallMoments

        return [SmallMoments()]
    if device.type == "cuda":
        from robovlms_mobile.training.fused_steps import FusedSteps

        return [FusedSteps()]
    return []
