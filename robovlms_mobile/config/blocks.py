"""Rules for `train_dataset` and `val_dataset`: their keys, their values, and whether the two fit."""

from collections.abc import Iterator

from robovlms_mobile.config.access import as_json, lookup, section
from robovlms_mobile.config.keys import FROM_ABOVE, TEXT_FUNCTIONS
from robovlms_mobile.data.block import AUGMENT_KEYS, BLOCK_KEYS, RULES, Block
from robovlms_mobile.data.names import MOBILE_DATASET, wrong_values
from robovlms_mobile.data.unknown import unknown_keys
from robovlms_mobile.findings import Finding
from robovlms_mobile.options import blocks

COMPARED = (  # what val_loss should share with the training loss
    *("color_order", "shift_first", "instruction"),
    *("rate", "leave_out", "recorded_dims", "scenario_from"),
)


def lint_datasets(config: dict) -> Iterator[Finding]:
    """Yield the findings about a config's dataset blocks."""
    mobile = []
    for where, block, is_training in blocks(config):
        if not isinstance(block, dict) or "type" not in block:
            fix = f'write "type": "{MOBILE_DATASET}"'
            yield Finding("error", 'expected an object with a "type"', where, fix)
            continue
        yield from _overridden(where, block, config)
        if block["type"] == MOBILE_DATASET:
            mobile.append((where, block, is_training))
            yield from _keys(where, block)
            yield from _values(where, block)
            yield from _role(where, block, is_training)
    if mobile:
        yield from _rest_fits(config)
        yield from _pair(mobile)


def _overridden(where, block, config):
    for name, (source, default) in FROM_ABOVE.items():
        if name not in block:
            continue
        used = lookup(config, source)
        used = default if used is None else used
        if block[name] != used:
            what = f"{as_json(block[name])} is overwritten by {source} of the config, {as_json(used)}"
            yield Finding("error", what, f"{where}.{name}", f"remove it here and set {source} instead")


def _keys(where, block):
    for name, near in unknown_keys(block, (*BLOCK_KEYS, "is_training", *FROM_ABOVE)):
        fix = f"did you mean '{near}'?" if near else f"known: {', '.join(BLOCK_KEYS)}"
        yield Finding("error", f"no such key of {MOBILE_DATASET}", f"{where}.{name}", fix)
    if "data_dir" not in block:
        yield Finding("error", "required and missing: data_dir", where, "add the folder of the episode files")


def _values(where, block):
    for name, expected in wrong_values(block, RULES):
        what = f"is {as_json(block[name])}, expected {expected}"
        yield Finding("error", what, f"{where}.{name}", "correct it, or remove it for the default")


def _role(where, block, is_training):
    for name, expected in (("is_validation", not is_training), ("is_training", is_training)):
        if block.get(name, expected) not in (expected, None):
            used_for = "training" if is_training else "validation"
            what = f"is {as_json(block[name])} in a block used for {used_for}"
            yield Finding("error", what, f"{where}.{name}", f"set it to {as_json(expected)}, or remove it")


def _rest_fits(config):
    head = section(config, "act_head")
    if config.get("act_head", head) is None:
        fix = "take it from configs/mobile_vla_lora.json"
        yield Finding("error", "is null, so nothing learns to act", "act_head", fix)
    if head.get("action_dim", 7) != 7:
        what = f"is {as_json(head['action_dim'])}; actions are padded to upstream's 7 (6 and a gripper)"
        yield Finding("error", what, "act_head.action_dim", "set it to 7; real_dims says which of them count")
    if head.get("action_space", "continuous") != "continuous":
        what = f"is {as_json(head['action_space'])}; {MOBILE_DATASET} has continuous actions"
        yield Finding("error", what, "act_head.action_space", 'set it to "continuous"')
    own = lookup(config, "tokenizer.tokenizer_type")
    name = own or config.get("model")
    if name is not None and name not in TEXT_FUNCTIONS:
        what = f"upstream has no prompt for {as_json(name)}, only for {', '.join(TEXT_FUNCTIONS)}"
        fix = 'set tokenizer.tokenizer_type, for Kosmos-2 to "kosmos"'
        yield Finding("error", what, "tokenizer.tokenizer_type" if own else "model", fix)


def _pair(mobile):
    train = next((block for _, block, is_training in mobile if is_training), None)
    for where, val, is_training in mobile:
        if train is None or is_training:
            continue
        same_data = all(train.get(name) == val.get(name) for name in ("data_dir", "episode_pattern"))
        for name, default in (("train_split", Block.train_split), ("split", Block.split)):
            ours, theirs = val.get(name, default), train.get(name, default)
            if same_data and ours != theirs:
                what = f"is {as_json(ours)} and train_dataset's {as_json(theirs)}: they would share episodes"
                yield Finding("error", what, f"{where}.{name}", "set both to the same value")
        idle = [name for name in (*AUGMENT_KEYS, "balance") if val.get(name) not in (None, 0, 1)]
        if idle:
            yield Finding("warn", f"no effect in validation: {', '.join(idle)}", where, "remove it there")
        default = list(Block.real_dims)
        if train.get("real_dims", default) != val.get("real_dims", default):
            what = "differs from train_dataset's, and there is one policy head"
            yield Finding("error", what, f"{where}.real_dims", "set both to the same list")
        differing = [name for name in COMPARED if train.get(name) != val.get(name)]
        if differing:
            what = f"differs from train_dataset in {', '.join(differing)}, so val_loss measures another task"
            yield Finding("warn", what, where, "give both blocks the same values")
