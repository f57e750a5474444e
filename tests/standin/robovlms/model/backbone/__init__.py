"""Backbones, looked up here by `robovlm_name`."""

from robovlms.model.backbone.others import (
    RoboFlamingo,
    RoboLLaVA,
    RoboMoonDream,
    RoboPaligemma,
    RoboQwen,
    RoboUform,
)
from robovlms.model.backbone.robokosmos import RoboKosMos

__all__ = [
    "RoboFlamingo",
    "RoboKosMos",
    "RoboLLaVA",
    "RoboMoonDream",
    "RoboPaligemma",
    "RoboQwen",
    "RoboUform",
]
