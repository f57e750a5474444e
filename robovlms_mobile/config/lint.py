"""Say everything that is wrong with a config at once. Rules about the dict; `blocks` and `paths` hold two groups."""

import math
import re
from pathlib import Path

from robovlms_mobile.config import keys
from robovlms_mobile.config.access import as_json, lookup, section
from robovlms_mobile.config.blocks import lint_datasets
from robovlms_mobile.config.paths import lint_paths
from robovlms_mobile.config.refusals import refusals
from robovlms_mobile.data.names import whole, wrong_values
from robovlms_mobile.data.unknown import closest
from robovlms_mobile.findings import Finding
from robovlms_mobile.training.checkpoint_options import VALUES, CheckpointOptions


def lint(config: dict, *, root: str | Path | None = None, cuda: bool | None = None) -> list[Finding]:
    """Check a config against what upstream and the plugin do with it.

    Args:
        config: dict from `load_config`.
        root: folder that relative paths start from; default: the working directory, as for upstream.
        cuda: whether this machine has CUDA; None leaves out what depends on it.

    Returns:
        list[Finding]: "warn" and "error" only, so empty for a config nothing can be said against. A key that upstream
        ignores or overwrites is a finding only where its value would have changed something.
    """
    return [
        *_missing(config),
        *(Finding("error", what, where, fix) for where, what, fix in refusals(config, cuda)),
        *_numbers(config),
        *_trainer(config, cuda),
        *_model(config),
        *_ignored(config),
        *_overwritten(config),
        *lint_datasets(config),
        *_experiment(config),
        *_mobile(config),
        *lint_paths(config, root),
    ]


def _missing(config):
    for name, required in keys.REQUIRED.items():
        given = config if not name else config.get(name)
        if given is None and (name not in config or name in keys.MAY_BE_NULL):
            continue  # reported with the top level, or meant
        if not isinstance(given, dict):
            yield _not_an_object(given, name)
            continue
        lora = name == "train_setup" and given.get("lora_enable")
        absent = [key for key in (*required, *(keys.LORA_REQUIRED if lora else ())) if key not in given]
        if absent:
            fix = 'add them, or make configs/mobile_vla_lora.json the "parent" of this config'
            yield Finding("error", f"required and missing: {', '.join(absent)}", name or "top level", fix)


def _not_an_object(value, where):
    return Finding("error", f"is {as_json(value)}, expected an object {{...}}", where, "write it in braces")


def _numbers(config):
    for name in keys.POSITIVE:
        value = config.get(name, 1)
        values = value if isinstance(value, list) and name == "batch_size" else [value]
        if not all(map(whole, values)):
            yield Finding("error", f"is {as_json(value)}, expected a whole number > 0", name, "set it to 1 or more")
    low, high = config.get("norm_min", -1), config.get("norm_max", 1)
    if config.get("norm_action") and not (_is_number(low) and _is_number(high) and low < high):
        what = f"norm_min is {as_json(low)} and norm_max {as_json(high)}, expected two numbers, norm_min < norm_max"
        yield Finding("error", what, "norm_min, norm_max", "set them to the data's extremes, e.g. -1.15 and 1.15")


def _trainer(config, cuda):
    trainer = section(config, "trainer")
    yield from _trainer_keys(trainer)
    loggers = trainer.get("logger")
    for name in loggers if isinstance(loggers, list) else []:
        if name not in keys.LOGGERS:
            expected = f"expected some of {list(keys.LOGGERS)}"
            yield Finding("error", f"{as_json(name)} is unknown to upstream, {expected}", "trainer.logger", "remove it")
    yield from _without_cuda(trainer, cuda)


def _trainer_keys(trainer):
    known = keys.trainer_keys() if trainer else frozenset()
    if known is None:
        yield Finding("warn", "its keys were not checked: lightning cannot be imported", "trainer", "install it first")
        return
    for name in trainer:
        if name not in known:
            near = closest(name, known)
            fix = f"did you mean '{near}'?" if near else "remove it"
            yield Finding("error", "no such option of Lightning's Trainer, which then raises", f"trainer.{name}", fix)


def _without_cuda(trainer, cuda):
    accelerator, precision = trainer.get("accelerator", "auto"), str(trainer.get("precision"))
    if accelerator in ("gpu", "cuda") and cuda is False:
        what = f'is "{accelerator}", and this machine has no CUDA'
        yield Finding("error", what, "trainer.accelerator", 'set it to "auto"')
    on_cpu = accelerator == "cpu" or cuda is False
    if on_cpu and precision.startswith(("16", "bf16")):
        from robovlms_mobile.config.half import against_cpu

        if against := against_cpu(precision):
            yield Finding("error", against, "trainer.precision", "on this machine run with --precision 32")


def _model(config):
    if config.get("model") == "kosmos":
        what = (
            '"kosmos" makes upstream\'s main.py copy its old modeling_kosmos2.py over the installed transformers '
            "when started directly; `robovlms-mobile train` and a patched checkout prevent it"
        )
        yield Finding("warn", what, "model", 'set "model": "kosmos2" and tokenizer.tokenizer_type: "kosmos"')
    head = section(config, "act_head")
    kind = str(head.get("type"))
    if head.get("gripper") and kind.startswith("Mobile"):
        fix = f'remove it; a robot with a gripper takes upstream\'s head: "type": "{kind.removeprefix("Mobile")}"'
        yield Finding("error", f"no such option: {kind} trains no gripper", "act_head.gripper", fix)


def _ignored(config):
    for path, (harmless, advice) in keys.IGNORED.items():
        value = lookup(config, path)
        if value is not None and value not in harmless:
            yield Finding("warn", f"{as_json(value)} is ignored", path, advice)
    tabled = [path.partition(".")[2] for path in keys.IGNORED]
    for name, value in section(config, "train_setup").items():
        if name.startswith("mm_") and name not in tabled and value:
            yield Finding("warn", f"{as_json(value)} is ignored", f"train_setup.{name}", "remove it")
    for name, clip in keys.CLIP.items():
        value = config.get(name)
        if value is not None and not _close(value, clip):
            what = f"{as_json(value)} is ignored: images are always normalised as CLIP does, {list(clip)}"
            yield Finding("warn", what, name, "remove it")


def _overwritten(config):
    trainer, setup, head = (section(config, name) for name in ("trainer", "train_setup", "act_head"))
    clip, top = trainer.get("gradient_clip_val"), config.get("gradient_clip_val", 0.0)
    if clip is not None and clip != top:
        what = f"{as_json(clip)} is ignored: the top-level gradient_clip_val counts, here {as_json(top)}"
        yield Finding(
            "warn",
            what,
            "trainer.gradient_clip_val",
            f'put "gradient_clip_val": {as_json(clip)} at the top level',
        )
    precision, used = setup.get("precision"), trainer.get("precision")
    if precision is not None and str(precision) != str(used):
        what = f"{as_json(precision)} is overwritten by trainer.precision, {as_json(used)}"
        yield Finding("warn", what, "train_setup.precision", "remove it")
    for name in ("window_size", "fwd_pred_next_n"):
        if name in head and name in config and head[name] != config[name]:
            what = f"{as_json(head[name])} is overwritten by the top level's {name}, {as_json(config[name])}"
            yield Finding("warn", what, f"act_head.{name}", "remove it")


def _experiment(config):
    if not config.get("exp_name"):
        yield Finding(
            "warn",
            "is missing; without it main.py stops while it makes the run's folder",
            "exp_name",
            'name the run in the config, "exp_name": "lora", or with --exp_name',
        )


def _mobile(config):
    mobile = config.get("mobile")
    if mobile is None:
        return
    if not isinstance(mobile, dict):
        yield _not_an_object(mobile, "mobile")
        return
    for name, options in mobile.items():
        if name not in keys.MOBILE_KEYS:
            yield _unknown_option(f"mobile.{name}", name, keys.MOBILE_KEYS)
        elif not keys.MOBILE_KEYS[name]:
            values = [as_json(each) for each in keys.MOBILE_VALUES.get(name, (options,))]
            if as_json(options) not in values:
                allowed = " or ".join(values)
                yield Finding("error", f"is {as_json(options)}, expected {allowed}", f"mobile.{name}", "set it so")
        elif not isinstance(options, dict):
            yield _not_an_object(options, f"mobile.{name}")
        else:
            for key in options:
                if key not in keys.MOBILE_KEYS[name]:
                    yield _unknown_option(f"mobile.{name}.{key}", key, keys.MOBILE_KEYS[name])
    yield from _mobile_values(mobile)


def _unknown_option(where, name, known):
    near = closest(name, known)
    fix = f"did you mean '{near}'?" if near else f"known: {', '.join(sorted(known))}"
    return Finding("error", "no such option", where, fix)


def _mobile_values(mobile):
    kept = section(mobile, "checkpoints")
    for name, expected in wrong_values(kept, VALUES):
        what = f"is {as_json(kept[name])}, expected {expected}"
        default = as_json(getattr(CheckpointOptions, name))
        yield Finding("error", what, f"mobile.checkpoints.{name}", f"set it to {default}")
    targets = lookup(mobile, "lora.targets")
    if targets is not None:
        try:
            re.compile(targets)
        except (re.error, TypeError) as error:
            what = f'{as_json(targets)} is not "text", "attention", "all" or a regular expression: {error}'
            yield Finding("error", what, "mobile.lora.targets", 'set it to "text"')


def _is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)


def _close(value, reference):
    return (
        isinstance(value, list)
        and len(value) == len(reference)
        and all(
            _is_number(one) and math.isclose(one, ref, abs_tol=1e-4) for one, ref in zip(value, reference, strict=True)
        )
    )
