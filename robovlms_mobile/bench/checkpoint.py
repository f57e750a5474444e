"""Measure what a run saves against upstream's checkpoint of the whole module: bytes and seconds, in one process."""

import gc
import shutil
import statistics
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from lightning.pytorch.plugins.io import TorchCheckpointIO

from robovlms_mobile.adapters.loading import read_checkpoint
from robovlms_mobile.adapters.reading import LORA
from robovlms_mobile.bench.short_run import SIZES, at_end_of_run, check_room
from robovlms_mobile.files import flush
from robovlms_mobile.model.lora import is_lora
from robovlms_mobile.training.checkpoints import AdapterCheckpoint
from robovlms_mobile.training.ranking import BEST, read_metrics
from robovlms_mobile.training.resume import probe_batch
from robovlms_mobile.training.resume.folders import KEY, STATE
from robovlms_mobile.training.resume.state import trainable_names
from robovlms_mobile.training.saving import AdapterWriter

PACKAGE = "robovlms_mobile"
ROUNDS = {"tiny": 5, "real": 3}
STEP = "forward, backward and AdamW on one window"
# The lab's own run on its Jetson: 47 windows an epoch, 20 epochs in 20 minutes. Now it has 540 windows.
LAB_WINDOW_S = 20 * 60 / (20 * 47)
LAB_EPOCH_S = 540 * LAB_WINDOW_S
CLAIMS = (  # what it says, where the measured value stands, the most it may be
    ("adapters / upstream's checkpoint, bytes", "adapters", 1 / 50),
    ("state to resume from / upstream's checkpoint, bytes", "state", 1 / 10),
    ("time saving adds to an epoch of the lab's run", "epoch", 1 / 100),
)


def bench_checkpoint(sizes: tuple[str, ...] = ("tiny", "real"), root: str | Path | None = None) -> dict[str, dict]:
    """Measure each size, one after the other.

    Upstream's file is written by Lightning's own writer, which does not flush it to the disk; with the flush it is
    measured as well. Everything of ours is flushed.

    Args:
        sizes: of "tiny" and "real".
        root: the checkout, as for `require_checkout`.

    Returns:
        dict of primitives: size → bytes, what they are made of, median seconds, ratios, claims.

    Raises:
        CheckoutError: there is no checkout.
        MobileError: not enough memory or disk for a size.
    """
    from robovlms_mobile.checkout.location import require_checkout

    root = require_checkout(root)
    for size in sizes:
        check_room(size, tempfile.gettempdir())
    return {size: _bench(size, root) for size in sizes}


def _bench(size, root):
    gc.collect()  # the model of the size before
    with tempfile.TemporaryDirectory(prefix="robovlms-mobile-") as folder:
        measured = at_end_of_run(root, folder, size, lambda *run: _measure(*run, rounds=ROUNDS[size]))
    shares = _shares(measured["bytes"], measured["seconds"])
    return {
        "model": "Kosmos-2 of real size, random weights" if SIZES[size].kosmos else "tiny Kosmos-2",
        "step": STEP,
        **measured,
        "ratio": _ratios(measured["bytes"], measured["seconds"]),
        "lab": _lab(measured["bytes"], measured["seconds"]),
        "claims": [
            {"claim": claim, "measured": shares[key], "at_most": most, "holds": shares[key] <= most}
            for claim, key, most in CLAIMS
        ],
    }


def _measure(trainer, module, rounds):
    folder = Path(module.configs["output_dir"])
    names = trainable_names(module)
    _writer(module, folder, names, "fp16").write(folder / "half", read_metrics(folder / "last"))
    seconds, upstream_bytes = [], 0
    for _ in range(rounds):
        seconds.append(_round(trainer, module, folder, names))
        upstream_bytes = seconds[-1].pop("upstream_bytes")
    sizes = {"upstream": upstream_bytes, **_bytes(folder)}
    return {
        "device": trainer.strategy.root_device.type,
        "precision": str(trainer.precision),
        "rounds": rounds,
        "bytes": sizes,
        "made_of": {
            "upstream": _made_of_upstream(module, names, sizes["upstream"]),
            "state": _made_of_state(module, read_checkpoint(folder / STATE), sizes["state"]),
        },
        "seconds": {key: statistics.median(each[key] for each in seconds) for key in seconds[0]},
    }


def _round(trainer, module, folder, names):
    """Write everything once. Returns seconds, and the bytes of upstream's file, which is removed again."""
    result = _save_upstream(trainer, module, folder / "upstream.ckpt")
    with _stopwatch() as state, _probe_watched() as probed:
        trainer.save_checkpoint(folder / STATE, weights_only=False)
    result |= {"state": state() - probed(), "probe": probed()}
    writer, metrics = _writer(module, folder, names, "fp32"), read_metrics(folder / "last")
    for name in ("last", BEST):
        with _stopwatch() as written:
            writer.write(folder / name, metrics)
        result["adapter_folder" if name == "last" else "best_besides"] = written()
    shutil.rmtree(folder / BEST)  # the next epoch is the best so far
    (saving,) = (each for each in trainer.callbacks if isinstance(each, AdapterCheckpoint))
    with _stopwatch() as epoch, _probe_watched() as probed:
        saving.on_train_epoch_end(trainer, module)
    return result | {"epoch": epoch() - probed(), "epoch_with_probe": epoch()}


def _save_upstream(trainer, module, path):
    """Save as upstream's ModelCheckpoint does: Lightning's file of the whole module, nothing of the plugin's in it."""
    callbacks, io, hook = trainer.callbacks, trainer.strategy.checkpoint_io, module.on_save_checkpoint
    trainer.callbacks = [each for each in callbacks if not type(each).__module__.startswith(PACKAGE)]
    trainer.strategy.checkpoint_io = TorchCheckpointIO()
    del module.on_save_checkpoint  # the plugin's, which keeps what is trained
    try:
        with _stopwatch() as saved:
            trainer.save_checkpoint(path, weights_only=False)
        with _stopwatch() as flushed:
            flush(path)
        written = path.stat().st_size
    finally:
        trainer.callbacks, trainer.strategy.checkpoint_io, module.on_save_checkpoint = callbacks, io, hook
        path.unlink(missing_ok=True)
    return {"upstream": saved(), "upstream_flushed": saved() + flushed(), "upstream_bytes": written}


def _writer(module, folder, names, dtype):
    """Return a writer of folders that hold what the run's own `last` holds."""
    extras = {name: (folder / "last" / name).read_text(encoding="utf-8") for name in ("contract.json", "README.md")}
    return AdapterWriter(module, names, extras, dtype)


def _bytes(folder):
    own = {path.stat().st_ino for path in (folder / "last").iterdir()}
    best = [path.stat() for path in (folder / BEST).iterdir()]
    return {
        "state": (folder / STATE).stat().st_size,
        "adapters": (folder / "last" / LORA).stat().st_size,
        "adapters_fp16": (folder / "half" / LORA).stat().st_size,
        "adapter_folder": _folder_bytes(folder / "last"),
        "adapter_folder_fp16": _folder_bytes(folder / "half"),
        "best_besides": sum(each.st_size for each in best if each.st_ino not in own),
    }


def _folder_bytes(folder):
    return sum(path.stat().st_size for path in folder.iterdir())


def _made_of_upstream(module, names, total):
    """Return the bytes of each kind of content; a tensor of two names counts once, as it does in the file."""
    state, parts, seen = module.state_dict(), {"frozen": 0, "trained": 0}, set()
    for name, tensor in state.items():
        if tensor.data_ptr() not in seen:
            parts["trained" if name in names else "frozen"] += tensor.nbytes
        seen.add(tensor.data_ptr())
    parts["moments"] = 2 * parts["trained"]
    return parts | {"everything_else": total - sum(parts.values())}


def _made_of_state(module, checkpoint, total):
    """Return the bytes of each kind of content of a `last.ckpt`, tensors by what they belong to."""
    parts = dict.fromkeys([f"{kind}{part}" for kind in ("", "moments_") for part in ("lora", "head", "token")], 0)
    for name, tensor in checkpoint["state_dict"].items():
        parts[_part(name)] += tensor.nbytes
    trained = [name for name, parameter in module.named_parameters() if parameter.requires_grad]
    moments = checkpoint["optimizer_states"][0]["state"]
    for index, name in enumerate(trained):  # upstream's one group has them in this order
        parts[f"moments_{_part(name)}"] += sum(moments[index][key].nbytes for key in ("exp_avg", "exp_avg_sq"))
    batch = checkpoint[KEY]["probe"]["batch"].values()
    parts["probe_batch"] = sum(value.nbytes for value in batch if hasattr(value, "nbytes"))
    return parts | {"everything_else": total - sum(parts.values())}


def _part(name):
    return "lora" if is_lora(name) else "head" if ".act_head." in name else "token"


def _ratios(sizes, seconds):
    """Return how many times less ours is, in the bytes and the seconds of this run."""
    ours = {
        name: sizes["upstream"] / value for name, value in sizes.items() if name not in ("upstream", "best_besides")
    }
    return {
        "bytes": ours,
        "bytes_an_epoch": sizes["upstream"] / _epoch_bytes(sizes),
        "seconds_an_epoch": seconds["upstream"] / seconds["epoch"],
        "seconds_an_epoch_both_flushed": seconds["upstream_flushed"] / seconds["epoch"],
        "seconds_an_epoch_with_probe": seconds["upstream"] / seconds["epoch_with_probe"],
    }


def _lab(sizes, seconds):
    """Return what saving is to an epoch of the lab's run; the probe, a forward, counts as a window of it, trained."""
    left = max(0.01 * LAB_EPOCH_S - LAB_WINDOW_S, 0)
    return {
        "epoch_s": LAB_EPOCH_S,
        "saving_s": seconds["epoch"],
        "probe_s_at_most": LAB_WINDOW_S,
        "share": _shares(sizes, seconds)["epoch"],
        "bytes_an_epoch": _epoch_bytes(sizes),
        "disk_mb_s_for_1_percent": _epoch_bytes(sizes) / left / 1e6,
    }


def _epoch_bytes(sizes):
    return sizes["state"] + sizes["adapter_folder"] + sizes["best_besides"]


def _shares(sizes, seconds):
    parts = {name: sizes[name] / sizes["upstream"] for name in ("adapters", "state")}
    return parts | {"epoch": (seconds["epoch"] + LAB_WINDOW_S) / LAB_EPOCH_S}


@contextmanager
def _stopwatch():
    """Yield a function that returns the wall seconds the block took, once it has ended."""
    began, took = time.perf_counter(), []
    yield lambda: took[0]
    took.append(time.perf_counter() - began)


@contextmanager
def _probe_watched():
    """Yield a function that returns the wall seconds spent in the probe's forward, which depend on the device alone."""
    stock, took = probe_batch.measure, []

    def measure(*args):
        with _stopwatch() as one:
            result = stock(*args)
        took.append(one())
        return result

    probe_batch.measure = measure
    try:
        yield lambda: sum(took)
    finally:
        probe_batch.measure = stock
