"""What a LeRobotDataset of ours holds, and where one lies. lerobot itself is imported when it is needed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robovlms_mobile.data.names import ACTION_DIMS
from robovlms_mobile.errors import DataError, MobileError

CAMERA, ACTION, SOURCE, RECORDED_AT = "observation.images.front", "action", "source", "recorded_at"
HUB = "hf://datasets/"
INFO = Path("meta/info.json")
LOCAL = "local"  # the owner of a data set that has no place on the hub


@dataclass(frozen=True)
class Place:
    """Where a data set lies.

    Args:
        repo: OWNER/NAME.
        root: its folder; None: on the hub.
    """

    repo: str
    root: Path | None

    def __str__(self) -> str:
        return str(self.root or HUB + self.repo)


def place_of(text: str) -> Place:
    """`hf://datasets/OWNER/NAME` is on the Hugging Face hub, everything else a folder.

    Raises:
        DataError: an address on the hub that is none.
    """
    if not text.startswith("hf://"):
        return Place(f"{LOCAL}/{Path(text).resolve().name}", Path(text))
    repo = text.removeprefix(HUB)
    if not text.startswith(HUB) or repo.count("/") != 1 or not all(repo.split("/")):
        raise DataError(f"{text} is no data set of the hub, expected {HUB}OWNER/NAME.")
    return Place(repo, None)


@contextmanager
def hub_answers(repo: str, told: str = "") -> Iterator[None]:
    """Turn what the hub, or the way to it, refuses within the block into DataError; `told` goes before the next step.

    Raises:
        DataError: it did.
    """
    from httpx import HTTPError

    try:
        yield
    except (HTTPError, OSError) as error:
        why = str(error).strip().splitlines() or [type(error).__name__]
        fix = f"{told}Is {repo} its name, are you logged in (hf auth login), is there a network?"
        raise DataError(f"The hub did not do it for {repo} ({why[0]}).", fix) from error


@contextmanager
def readable(place: Place) -> Iterator[None]:
    """Turn what lerobot falls over within the block, when files are damaged or missing, into DataError.

    Raises:
        DataError: it fell.
    """
    from datasets.exceptions import DatasetsError
    from httpx import HTTPError

    try:
        yield
    except (ArithmeticError, LookupError, OSError, RuntimeError, TypeError, ValueError) as error:
        raise DataError(f"lerobot cannot read {place} ({type(error).__name__}: {str(error)[:200]}).") from error
    except (DatasetsError, HTTPError) as error:  # for files that are not in the folder it asks the hub
        fix = "Are all its files there, and whole?"
        raise DataError(f"lerobot cannot read {place} ({type(error).__name__}: {str(error)[:200]}).", fix) from error


def lerobot_dataset() -> Any:
    """Return lerobot's class LeRobotDataset.

    Raises:
        MobileError: lerobot is missing, or cannot be imported: says what to install where.
    """
    os.environ.setdefault("SVT_LOG", "1")  # else the encoder tells of every episode
    try:
        from datasets import disable_progress_bars
        from lerobot.datasets.lerobot_dataset import LeRobotDataset
    except ImportError as error:
        raise MobileError(
            f"lerobot cannot be imported ({error}).",
            "Install it, in an environment of its own where its torch is older than yours: "
            "pip install 'robovlms-mobile[lerobot]'. It needs Python 3.12 or later.",
        ) from error
    disable_progress_bars()
    return LeRobotDataset


def features(height: int, width: int, videos: bool) -> dict[str, dict]:
    """Return the features of a data set of ours, as lerobot describes them."""
    return {
        CAMERA: {
            "dtype": "video" if videos else "image",
            "shape": (height, width, 3),
            "names": ["height", "width", "channels"],
        },
        ACTION: {"dtype": "float32", "shape": (len(ACTION_DIMS),), "names": list(ACTION_DIMS)},  # m/s, m/s, rad/s
        SOURCE: {"dtype": "string", "shape": (1,), "names": None},  # FOLDER/FILE that the episode was recorded as
        RECORDED_AT: {"dtype": "float64", "shape": (1,), "names": None},  # seconds since the first frame
    }
