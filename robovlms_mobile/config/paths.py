"""Rules for the paths of a config: the base model's three, and what a run continues from."""

import re
from collections.abc import Iterator
from pathlib import Path

from robovlms_mobile.config.access import as_json, lookup
from robovlms_mobile.config.keys import NOT_A_FILE
from robovlms_mobile.findings import Finding

MODEL_PATH, TOKENIZER, VLM = MODEL = (
    "model_path",
    "tokenizer.pretrained_model_name_or_path",
    "vlm.pretrained_model_name_or_path",
)
HUB = re.compile(r"(?:https?://huggingface\.co/)?([\w-][\w.-]*/[\w][\w.-]*?)(?:\.git)?/?")


def lint_paths(config: dict, root: str | Path | None = None) -> Iterator[Finding]:
    """Yield the findings about a config's paths, each path named once.

    Args:
        config: dict from `load_config`.
        root: folder that relative paths start from; default: the working directory.
    """
    root = Path(root) if root is not None else Path.cwd()
    yield from _base_model(config, root)
    yield from _continued(config, root)


def _base_model(config, root):
    users = {}  # path as written → keys that say it
    for key in MODEL:
        value = lookup(config, key)
        if isinstance(value, str) and value:
            users.setdefault(value, []).append(key)
        elif value is not None or key == TOKENIZER:  # the other two are reported as missing
            yield Finding("error", f"is {as_json(value)}, expected a folder", key, "name the base model's folder")
    for value, keys in users.items():
        if not (root / value).is_dir():
            yield _absent(config, root, value, keys)
    if len({(root / value).resolve() for value in users}) > 1:
        named = "; ".join(f"{', '.join(keys)}: {value}" for value, keys in users.items())
        what = f"these name one base model and do not agree: {named}"
        yield Finding("warn", what, ", ".join(MODEL), "give all three the same folder")


def _absent(config, root, value, keys):
    where = ", ".join(keys)
    local = MODEL_PATH in keys or (root / value).parent.is_dir()  # else "org/name" is a name on the hub
    hub_id = None if local else HUB.fullmatch(value)
    if hub_id and keys == [TOKENIZER]:
        what = f"no folder {value}, so the tokenizer is fetched from the Hugging Face hub at the start"
        return Finding("warn", what, where, f"name the base model's folder, {as_json(lookup(config, VLM))}")
    why = "upstream reads config.json from there" if VLM in keys else "expected the base model's folder"
    if MODEL_PATH in keys:
        why = f"upstream would git clone {config.get('model_url') or 'model_url (missing)'} at the start"
    repo = HUB.fullmatch(str(config.get("model_url"))) or hub_id
    into = f".vlms/{value.rpartition('/')[2]}" if hub_id else value
    fix = f"hf download {repo[1]} --local-dir {into}" if repo else "put the base model there"
    fix += f", and name {into} here" if hub_id else " (or, without network: robovlms-mobile tiny-vlm DIR)"
    return Finding("error", f"{root / value} is not a folder; {why}", where, fix)


def _continued(config, root):
    for key in ("resume", "model_load_path"):
        value = config.get(key)
        if value is None or (key == "resume" and value in NOT_A_FILE):
            continue
        if not isinstance(value, str) or not (root / value).exists():
            what = f"{as_json(value)} does not exist, seen from {root}"
            yield Finding("error", what, key, f'correct it, or set "{key}": null to start anew')
