"""Under which name a base model's files hold a weight of the loaded model: transformers renames some while loading.

LLaVA's and PaliGemma's files say `language_model.model.layers…`; transformers 5 loads that as
`model.language_model.layers…`. Adapters are named as the loaded model is, files keep the names they have.
"""

import json
import re
from collections.abc import Collection, Iterable
from pathlib import Path

from robovlms_mobile.errors import ModelError

SHOWN = 10  # names in a message


def stored_names(folder: str | Path, stored: Collection[str], wanted: Iterable[str]) -> dict[str, str]:
    """Return the names that weights of the loaded model have in its files: name there → name in the files.

    Args:
        folder: of the base model.
        stored: the names in its files.
        wanted: names of the loaded model's weights; those that neither the files have nor transformers renames one
            to are left out.

    Raises:
        ModelError: some are missing, and transformers makes weights out of others while loading (joins, splits or turns
            them), so that no tensor of the files is theirs; names them.
    """
    wanted = set(wanted)
    names = {name: name for name in wanted if name in stored}
    if len(names) == len(wanted):
        return names
    renamed, converts = _loaded_names(Path(folder), stored)
    names |= {name: renamed[name] for name in wanted - names.keys() if name in renamed}
    missing = sorted(wanted - names.keys())
    if missing and converts:
        more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
        raise ModelError(
            f"{folder} has no tensor for {len(missing)} weights of the loaded model; transformers makes them out of "
            f"others while loading: {', '.join(missing[:SHOWN])}{more}. Nothing can be merged into them. Export "
            "without --merge and without --base; PEFT loads the adapters beside the base model."
        )
    return names


def all_stored_names(folder: str | Path, stored: Collection[str], wanted: Iterable[str]) -> dict[str, str]:
    """Return `stored_names` of all that is wanted. Raises ModelError where some is missing; names it."""
    wanted = set(wanted)
    names = stored_names(folder, stored, wanted)
    if missing := sorted(wanted - names.keys()):
        raise ModelError(
            f"{folder} lacks {len(missing)} of the {len(wanted)} weights asked for: {', '.join(missing)}.",
            "It is another model than the adapters were made for; name the right folder with --base.",
        )
    return names


def model_class(folder: str | Path) -> type:
    """Return transformers' class of a base model. Raises ModelError where there is none; no remote code is run."""
    import transformers

    config = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
    name = (config.get("architectures") or ["a class that config.json does not name"])[0]
    kind = getattr(transformers, name, None)
    if kind is None:
        raise ModelError(
            f"transformers {transformers.__version__} has no {name}, so a merge into {folder} cannot be proven. "
            "Export without --merge; PEFT loads the adapters beside the base model."
        )
    return kind


def _loaded_names(folder, stored):
    """Return loaded name → stored name, and True when transformers also converts tensors of these files."""
    try:
        kind = model_class(folder)
    except (ModelError, OSError, ValueError):
        return {}, False
    try:
        from transformers.conversion_mapping import get_model_conversion_mapping
    except ImportError:  # before transformers 5: regular expressions on the class, or none at all
        patterns = getattr(kind, "_checkpoint_conversion_mapping", None) or {}
        return {_substituted(name, patterns): name for name in stored}, False
    from transformers.core_model_loading import WeightConverter, WeightRenaming, rename_source_key

    model = _without_weights(kind, folder)
    transforms, state = get_model_conversion_mapping(model), model.state_dict()
    renamings, converters = (
        [each for each in transforms if isinstance(each, wanted)] for wanted in (WeightRenaming, WeightConverter)
    )
    renamed, converts = {}, False
    for name in stored:
        loaded, converter = rename_source_key(name, renamings, converters, model.base_model_prefix, state)
        converts |= converter is not None
        if converter is None:
            renamed[loaded] = name
    return renamed, converts


def _substituted(name, patterns):
    for pattern, target in patterns.items():
        name = re.sub(pattern, target, name)
    return name


def _without_weights(kind, folder):
    import torch
    from transformers import AutoConfig

    try:
        with torch.device("meta"):
            return kind(AutoConfig.from_pretrained(str(folder), local_files_only=True))
    except Exception as error:  # transformers raises nearly anything for a broken config
        raise ModelError(f"{folder} does not load with transformers: {type(error).__name__}: {error}") from error
