"""What tests of the doctor share: episodes to look at, and what a check found."""

import h5py
import numpy as np

from robovlms_mobile.doctor.checks import Subject, run_check


def record(path, length=18, actions=None, seed=0):
    """Write an episode of `length` 8 × 6 frames."""
    with h5py.File(path, "w") as file:
        file["images"] = np.random.default_rng(seed).integers(0, 256, (length, 6, 8, 3), np.uint8)
        file.attrs["color_order"] = "rgb"
        file["actions"] = np.full((length, 3), [1.15, 0, 0], np.float32) if actions is None else actions


def look(check, subject=None):
    """Return a check's findings as [(level, where, what and fix)]."""
    return [
        (each.level, each.where, f"{each.what} | {each.fix}") for each in run_check("it", check, subject or Subject())
    ]


def only(findings, *levels):
    """Return the texts of the findings of some levels."""
    return [text for level, _, text in findings if level in levels]
