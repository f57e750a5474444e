"""Checks of the base model's files: there, whole, and not stand-ins for a download that never happened."""

import json
from collections.abc import Iterator
from pathlib import Path

from robovlms_mobile.config.access import lookup
from robovlms_mobile.config.paths import TOKENIZER, VLM
from robovlms_mobile.doctor.subject import Subject
from robovlms_mobile.findings import Finding

INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "sentencepiece.bpe.model", "vocab.json", "vocab.txt")
LFS = b"version https://git-lfs"


def files(subject: Subject) -> Iterator[Finding]:
    """Yield the findings about the folders of the model and of its tokenizer; the lint speaks of absent ones."""
    model, tokenizer = (lookup(subject.config, key) for key in (VLM, TOKENIZER))
    before = []
    for value, check in ((model, _model), (tokenizer, _tokenizer)):
        if isinstance(value, str) and Path(value).is_dir():
            for finding in check(Path(value), subject.config):
                before.append(finding)
                yield finding
    if not before:
        yield Finding("warn", "no model folder to look at", "base model", "correct the paths in the config first")


def in_bytes(size: int) -> str:
    """Show a number of bytes, e.g. `1.4 MB`."""
    return f"{size / 1e9:.1f} GB" if size >= 10**9 else f"{size / 1e6:.1f} MB"


def weight_files(folder: Path) -> list[Path]:
    """Return the files a model folder's weights are in, whether they exist or not: list[Path]."""
    for name in INDEXES:
        if (folder / name).is_file():
            shards = json.loads((folder / name).read_text(encoding="utf-8"))["weight_map"].values()
            return [folder / shard for shard in sorted(set(shards))]
    return next((found for pattern in WEIGHTS if (found := sorted(folder.glob(pattern)))), [])


def _model(folder, config):
    broken = _broken_json(folder / "config.json")
    if broken:
        yield Finding("error", broken, str(folder / "config.json"), "download the model again")
    weights = weight_files(folder)
    if not weights:
        what = f"no weights ({' or '.join(WEIGHTS)})"
        yield Finding("error", what, str(folder), "download the model again")
    damaged = [(path, problem) for path in weights if (problem := _damage(path))]
    for path, problem in damaged:
        fix = "git lfs pull in that folder" if "git-lfs" in problem else "download it again"
        yield Finding("error", problem, str(path), fix)
    if weights and not damaged and not broken:
        size = sum(path.stat().st_size for path in weights)
        yield Finding("ok", f"config.json and {in_bytes(size)} of weights", str(folder))


def _damage(path):
    """Return what is wrong with a weights file, or None. Reads its first bytes only."""
    if not path.is_file():
        return "is missing, and the index of the weights names it"
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(max(8, len(LFS)))
        if start.startswith(LFS):
            return "is a git-lfs pointer, not the weights"
        if path.suffix != ".safetensors":
            return None if size else "is empty"
        file.seek(8)
        length = int.from_bytes(start[:8], "little")  # of the JSON header that follows
        if size < 8 or length > size - 8:
            return f"is cut short: {size} bytes"
        try:
            header = json.loads(file.read(length))
        except ValueError:
            return "is not a safetensors file"
    end = max((entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"), default=0)
    return None if size == 8 + length + end else f"is cut short: {size} bytes, expected {8 + length + end}"


def _tokenizer(folder, config):
    wanted = ["preprocessor_config.json"] if lookup(config, "tokenizer.type") == "AutoProcessor" else []
    processor = any((folder / name).is_file() for name in ("processor_config.json", *wanted))
    if wanted and not processor:
        what = "no preprocessor_config.json, which AutoProcessor needs"
        yield Finding("error", what, str(folder), "download the model again, all of its small files")
    if not any((folder / name).is_file() for name in TOKENIZERS):
        what = f"no tokenizer file ({', '.join(TOKENIZERS)})"
        yield Finding("error", what, str(folder), "download the model again, all of its small files")
    elif processor or not wanted:
        yield Finding("ok", "tokenizer files", str(folder))


def _broken_json(path):
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return "is missing"
    except (OSError, ValueError) as error:
        return f"does not parse: {error}"
    return None
