"""The patch series: what it expects of each file, and a file's content before and after. Writes to no checkout."""

import hashlib
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

from robovlms_mobile.checkout.gitio import git_errors, git_in
from robovlms_mobile.errors import CheckoutError

EMPTY_BLOB = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
PACKAGE = Path(__file__).resolve().parents[1]


def blob_id(data):
    """data: bytes → git's id of a file with that content (40 hex digits), without any line-end conversion."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def source_tree():
    """Return the repository the package runs from (source tree or editable install), else None."""
    folder = PACKAGE.parent
    return folder if (folder / "patches" / "series.json").is_file() else None


@dataclass(frozen=True)
class Patch:
    """One change to one upstream file, made for the content `before` and giving the content `after` (blob ids)."""

    name: str
    path: Path
    file: str
    before: str
    after: str
    why: str
    until: str

    def unixed(self, data):
        """data: the file's bytes → (bytes as upstream committed them, whether they had CRLF line ends here)."""
        if blob_id(data) in (self.before, self.after) or b"\r\n" not in data:
            return data, False
        unix = data.replace(b"\r\n", b"\n")
        return (unix, True) if unix.replace(b"\n", b"\r\n") == data else (data, False)

    def blob_of(self, data):
        """Return the blob id of the file's bytes as upstream would have committed them."""
        return blob_id(self.unixed(data)[0])

    def rewrite(self, data, *, reverse=False):
        """Return the file's bytes after the patch (before it, with `reverse`), with the line ends `data` has.

        Raises:
            CheckoutError: the patch does not do what series.json says, so the patch itself is bad.
        """
        unix, crlf = self.unixed(data)
        with tempfile.TemporaryDirectory(prefix="robovlms-mobile-") as scratch:
            copy = Path(scratch, self.file)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(unix)
            options = ["--unidiff-zero", "--whitespace=nowarn", *(["--reverse"] if reverse else [])]
            with git_errors(
                f"{self.name} is bad, your checkout is fine: it does not apply to the file it was made for"
            ):
                git_in(scratch)(c="core.autocrlf=false").apply(*options, "--", str(self.path))
            result = copy.read_bytes()
        expected = self.before if reverse else self.after
        if blob_id(result) != expected:
            raise CheckoutError(
                f"{self.name} is bad, your checkout is fine: {self.file} would become blob {blob_id(result)}, "
                f"series.json says {expected}. Reinstall robovlms-mobile."
            )
        return result.replace(b"\n", b"\r\n") if crlf else result


@dataclass(frozen=True)
class Series:
    """Upstream's URL, the pinned commit, and the patches in the order they are applied."""

    upstream: str
    commit: str
    patches: tuple[Patch, ...]

    @classmethod
    def load(cls, folder=None):
        """Read `series.json` from `folder` (default: the patches that came with the package).

        Raises:
            CheckoutError: no such file, a key or a patch file is missing, or two patches change the same file.
        """
        source = Path(folder) if folder is not None else _shipped()
        listing = source / "series.json"
        try:
            content = json.loads(listing.read_text(encoding="utf-8"))
            patches = tuple(_read_patch(source, entry) for entry in content["patches"])
            series = cls(upstream=content["upstream"], commit=content["commit"], patches=patches)
        except (OSError, ValueError, KeyError) as error:
            raise CheckoutError(f"{listing}: cannot be used ({error!r}). Reinstall robovlms-mobile.") from error
        files = [patch.file for patch in patches]
        missing = [str(patch.path) for patch in patches if not patch.path.is_file()]
        if missing or len(set(files)) != len(files):
            raise CheckoutError(f"{listing}: one patch a file, each beside it; missing: {missing}, files: {files}")
        return series


def _shipped():
    inside = PACKAGE / "patches"  # a wheel carries the folder inside the package
    tree = source_tree()
    return inside if tree is None or (inside / "series.json").is_file() else tree / "patches"


def _read_patch(folder, entry):
    return Patch(
        name=entry["patch"].removesuffix(".patch"),
        path=(folder / entry["patch"]).absolute(),
        **{key: entry[key] for key in ("file", "before", "after", "why", "until")},
    )
