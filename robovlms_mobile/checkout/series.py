"""The patch series: upstream's pinned commit, and for each patch the one file it changes, before and after."""

import json
from dataclasses import dataclass
from pathlib import Path

from robovlms_mobile.checkout.location import shipped
from robovlms_mobile.errors import CheckoutError


@dataclass(frozen=True)
class Patch:
    """One change to one upstream file, made for the content `before` and giving the content `after` (git blob ids)."""

    name: str
    path: Path
    file: str
    before: str
    after: str


@dataclass(frozen=True)
class Series:
    """Upstream's URL, the pinned commit, and the patches in the order they are applied."""

    upstream: str
    commit: str
    patches: tuple[Patch, ...]

    @classmethod
    def load(cls, folder: str | Path | None = None) -> "Series":
        """Read `series.json` from `folder` (default: the patches that came with the package).

        Raises:
            CheckoutError: no such file, a key or a patch file is missing, or two patches change the same file.
        """
        listing = (shipped("patches") if folder is None else Path(folder)) / "series.json"
        try:
            content = json.loads(listing.read_text(encoding="utf-8"))
            patches = tuple(_read_patch(listing.parent, entry) for entry in content["patches"])
            series = cls(upstream=content["upstream"], commit=content["commit"], patches=patches)
        except (OSError, ValueError, KeyError) as error:
            raise CheckoutError(f"{listing}: cannot be used ({error!r}). Reinstall robovlms-mobile.") from error
        files = [patch.file for patch in patches]
        missing = [str(patch.path) for patch in patches if not patch.path.is_file()]
        if missing or len(set(files)) != len(files):
            raise CheckoutError(f"{listing}: one patch a file, each beside it; missing: {missing}, files: {files}")
        return series


def _read_patch(folder, entry):
    path = (folder / entry["patch"]).absolute()
    return Patch(path.stem, path, entry["file"], entry["before"], entry["after"])
