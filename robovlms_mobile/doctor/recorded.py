"""Checks of the episodes a config names: found, readable, one sample loaded, windows of either split."""

import time
from collections.abc import Iterator

from robovlms_mobile.config.access import as_json
from robovlms_mobile.data.names import MOBILE_DATASET
from robovlms_mobile.doctor.subject import Subject
from robovlms_mobile.errors import ConfigError, DataError, MobileError
from robovlms_mobile.findings import Finding
from robovlms_mobile.options import blocks

SIZES = ("window_size", "fwd_pred_next_n")
NAMED = 10  # bad files named one by one; more are counted


def episodes(subject: Subject) -> Iterator[Finding]:
    """Yield the findings about the files of every MobileVLAH5Dataset block, each source read once."""
    config, seen, used = subject.config, {}, {True: set(), False: set()}
    for where, block, is_training in blocks(config):
        parsed = yield from _parse(where, block, config)
        if parsed is None:
            continue
        source = (parsed.data_dir, as_json(parsed.episode_pattern))
        if source not in seen:
            seen[source] = yield from _read_source(where, parsed, config)
        if seen[source] is not None:
            used[is_training] |= yield from _windows(where, parsed, is_training, seen[source], config)
    shared = sorted(path.name for path in used[True] & used[False])
    if shared:
        what = f"{len(shared)} episodes are trained on and validated on: {_some(shared)}"
        fix = "give both blocks the same data_dir, episode_pattern and train_split, or patterns that do not overlap"
        yield Finding("error", what, "train_dataset, val_dataset", fix)


def _parse(where, block, config):
    """Return the block as the dataset sees it, or None after saying why it is not looked at."""
    if not isinstance(block, dict) or block.get("type") != MOBILE_DATASET:
        name = as_json(block.get("type")) if isinstance(block, dict) else as_json(block)
        yield Finding("warn", f"is {name}, so its data is not checked", where, f'checked is "{MOBILE_DATASET}"')
        return None
    from robovlms_mobile.data.block import parse_block

    if not all(isinstance(config.get(name), int) and config[name] > 0 for name in SIZES):
        yield Finding("warn", f"not checked without a valid {' and '.join(SIZES)}", where, "correct the config first")
        return None
    try:
        return parse_block(block)
    except (ConfigError, TypeError):  # the config's own section says what is wrong
        yield Finding("warn", "not checked", where, "correct the config first")
        return None


def _read_source(where, parsed, config):
    """Return the good episodes, list[Episode], or None when there is none."""
    from robovlms_mobile.data.episodes import find_episodes
    from robovlms_mobile.data.hdf5.episode_file import read_episode
    from robovlms_mobile.doctor.misled import misled

    try:
        paths = find_episodes(parsed.data_dir, parsed.episode_pattern)
    except DataError as error:
        yield Finding.from_error(error, where)
        return None
    good, bad = [], []
    for path in paths:
        try:
            good.append(read_episode(path))
        except DataError as error:
            bad.append(str(error))
    frames = sum(episode.length for episode in good)
    pattern = parsed.episode_pattern if isinstance(parsed.episode_pattern, str) else " or ".join(parsed.episode_pattern)
    yield Finding("ok", f"{len(paths)} episodes match {pattern}, {frames} frames in the readable ones", parsed.data_dir)
    yield from _bad_files(bad, parsed)
    try:
        good = parsed.take(good)
    except MobileError as error:
        yield Finding.from_error(error, where)
        return None
    if good:
        yield from _sample(good[0], parsed, config)
        yield from _actions(good, parsed, config)
        yield from misled(good, parsed, config.get("image_size", 224), _frames_dir(config))
    return good or None


def _bad_files(bad, parsed):
    skipped = parsed.on_bad_episode == "skip"
    level, fate = ("warn", "left out") if skipped else ("error", "stops the run")
    fix = "repair or move it" + ("" if skipped else ', or set "on_bad_episode": "skip"')
    for message in bad[:NAMED]:
        yield Finding(level, f"{message} ({fate})", parsed.data_dir, fix)
    if len(bad) > NAMED:
        yield Finding(level, f"{len(bad) - NAMED} more files are bad ({fate})", parsed.data_dir, fix)


def _sample(episode, parsed, config):
    from robovlms_mobile.data.hdf5.frames import read_frames
    from robovlms_mobile.data.instructions import instruction_for

    start = time.perf_counter()
    frames = read_frames(episode, range(min(config["window_size"], episode.length)), parsed.color_order)
    elapsed = time.perf_counter() - start
    count, height, width, _ = frames.shape
    text = instruction_for(episode, parsed.instruction)
    yield Finding("ok", f"{count} frames {width}×{height} read in {elapsed * 1000:.0f} ms, “{text}”", episode.name)


def _actions(good, parsed, config):
    from robovlms_mobile.data.block import action_space
    from robovlms_mobile.data.odd_episodes import dropped_dims, out_of_bounds

    try:
        space = action_space(config, parsed.real_dims)
    except (ConfigError, TypeError, ValueError):  # the config's own section says what is wrong
        yield Finding("warn", "actions not compared with norm_min and norm_max", parsed.data_dir, "correct the config")
        return
    largest = max((out_of_bounds(episode.actions, space) or 0 for episode in good), default=0)
    if largest:
        low, high = space.bounds
        fix = f'set "norm_action": true, "norm_min": {-largest:g}, "norm_max": {largest:g} at the top level'
        what = f"actions reach ±{largest:g} and are clipped to {low:g} to {high:g}: the robot would learn to be slow"
        yield Finding("warn", what, parsed.data_dir, fix)
    yield from _keys(good, parsed, space, config)
    dropped = sorted({dim for episode in good for dim in dropped_dims(episode.actions, space)})
    if dropped:
        what = f"{', '.join(dropped)} moves in the episodes and is not in real_dims, so it is not trained"
        yield Finding("warn", what, parsed.data_dir, "add it to real_dims in both blocks, if the robot needs it")


def _keys(good, parsed, space, config):
    """MobileKeyDecoder drives at the ends of the range, whatever speeds were recorded."""
    import numpy as np

    from robovlms_mobile.data.directions import OFF_KEYS

    if (config.get("act_head") or {}).get("type") != "MobileKeyDecoder":
        return
    actions = np.concatenate([space.encode(episode.actions) for episode in good])[:, : len(space.real_dims)]
    distance = np.linalg.norm(actions - np.rint(actions), axis=1).mean()
    if distance > OFF_KEYS:
        low, high = space.bounds
        what = (
            f"actions are {distance:.2f} of a key's speed away from {low:g}, 0 and {high:g} in the mean, and "
            "MobileKeyDecoder drives these alone"
        )
        fix = "set norm_min and norm_max to minus and plus the speed of a key, or take MobileLSTMDecoder"
        yield Finding("error", what, parsed.data_dir, fix)


def _windows(where, parsed, is_training, good, config):
    """Return the paths this block uses."""
    from robovlms_mobile.data.hidden import hidden_frames
    from robovlms_mobile.data.split.manifest import planned
    from robovlms_mobile.data.windows import window_starts

    try:
        split = planned(parsed, good, folder=_frames_dir(config))
    except DataError as error:
        yield Finding.from_error(error, where)
        return set()
    own = [episode for episode in good if episode.name in (split.train if is_training else split.validation)]
    cut = (*(config[name] for name in SIZES), parsed.windows, int(parsed.shift_first))
    counts = [len(window_starts(each.length, *cut)) for each in own]
    short = [episode.name for episode, count in zip(own, counts, strict=True) if not count]
    if short:
        what = f"{len(short)} of {len(own)} episodes are too short for a window and left out: {_some(short)}"
        yield Finding("warn", what, where, 'set "windows": "padded", or record longer ones')
    if hidden := hidden_frames((each.length for each in own), *cut):
        fix = 'set "windows": "padded" in both blocks, unless you compare with old figures'
        yield Finding("warn", f'"windows" is "{parsed.windows}": {hidden}', where, fix)
    yield _count(where, is_training, sum(counts), len(own) - len(short), config)
    return {episode.path.resolve() for episode in own}


def _frames_dir(config):
    return ((config.get("mobile") or {}).get("frames") or {}).get("dir")


def _count(where, is_training, windows, used, config):
    what, batch = f"{windows} windows from {used} episodes", config.get("batch_size")
    if not windows:
        fix = 'lower window_size or fwd_pred_next_n, or set "windows": "padded"'
        return Finding("error", what, where, fix)
    if isinstance(batch, int) and windows < batch:
        lost = "nothing is trained" if is_training else "there is no val_loss, and best goes by the training loss"
        what = f"{what} are fewer than batch_size {batch}: incomplete batches are dropped, so {lost}"
        return Finding("error" if is_training else "warn", what, where, "lower batch_size, or add episodes")
    return Finding("ok", what, where)


def _some(names):
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
