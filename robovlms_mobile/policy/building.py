"""An adapter folder's model, built as training built it, with what it trained in it. Upstream's trainer stays out."""

import contextlib
import io
import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from robovlms_mobile.adapters.binding import contract_hash
from robovlms_mobile.adapters.loading import load_into
from robovlms_mobile.adapters.merge import whole_fingerprint
from robovlms_mobile.adapters.reading import Adapters, check_base, read_adapters
from robovlms_mobile.checkout.location import require_checkout
from robovlms_mobile.errors import CheckpointError, ModelError
from robovlms_mobile.launch.noise import quiet_libraries
from robovlms_mobile.model.few_bits import to_few_bits
from robovlms_mobile.model.precision import STORED, TORCH
from robovlms_mobile.runs import config_of as config_of_run

RECORD = "run.json"
INT8 = "int8"
NEEDED = (
    *("model", "robovlm_name", "vlm", "tokenizer", "train_setup", "act_head"),
    *("window_size", "fwd_pred_next_n", "image_size"),
)
OWN_TOKENS = "Special tokens have been added in the vocabulary"  # transformers 4.37, of any saved tokenizer
ALONE = {"lora_enable": False, "freeze_backbone": True, "train_vision": False, "train_text_embedding": False}


class Holder(nn.Module):
    """Holds a backbone where upstream's trainer holds it: trained tensors have the same names in both."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model


@dataclass(frozen=True)
class Loaded:
    """A model with its trained tensors in it, in evaluation mode.

    Attributes:
        model: upstream's backbone with its head.
        configs: what it was built from.
        adapters: what the folder holds.
        precision: of the weights, torch's name or "int8".
    """

    model: nn.Module
    configs: dict
    adapters: Adapters
    precision: str


def load_folder(
    folder: str | Path,
    *,
    device: Any = None,
    dtype: Any = None,
    base: str | Path | None = None,
    root: str | Path | None = None,
    configs: dict | None = None,
    bound: bool = True,
) -> Loaded:
    """Build the model of an adapter folder, or of a merged one, and load it whole.

    Args:
        device: torch's; None takes the GPU where there is one.
        dtype: of the base model and the adapters: "fp32" (None), "fp16", "bf16" or torch's; the head stays in fp32.
            "int8": the base model's Linear weights alone, made from those in bf16 (in fp32 where
            the base model's files cannot be checked); see `model.few_bits`.
        base: folder of the base model; None takes the one the folder names. A merged folder is its own.
        root: the RoboVLMs checkout.
        configs: the run's config, for folders of old whose contract does not say how the model is built.
        bound: refuse a folder whose hash does not hold; `verify` looks for what differs instead.

    Raises:
        CheckpointError: tensors that are missing, too many, of another shape or not finite; another base model; a
            folder that does not say how its model is built, or that was changed since it was written.
        ModelError: the base model is not there or does not load.
        CheckoutError: no RoboVLMs checkout.
    """
    adapters = read_adapters(folder)
    if bound:
        _check_hash(adapters)
    merged = bool(adapters.contract.get("merged"))
    base = Path(adapters.folder if merged else base or _named_base(adapters))
    configs = with_base(configs or config_of(adapters), base)
    if merged:
        _check_merged(adapters)
        configs = {**configs, "train_setup": {**configs["train_setup"], **ALONE}}
    kind = torch.float32 if dtype in (None, INT8) else torch_type(dtype)
    checked = not adapters.lora or _files_are_those(adapters, base)
    stored = torch.bfloat16 if dtype == INT8 else kind
    straight = {TORCH[STORED[name]]: name for name in STORED}[stored] if checked else "fp32"
    configs["mobile"] = {**(configs.get("mobile") or {}), "base_dtype": straight}
    holder = Holder(build(configs, require_checkout(root)))
    if not checked:
        check_base(adapters, holder.model.backbone)
    load_into(holder, adapters.state)
    model = holder.model.eval().requires_grad_(False)
    if dtype == INT8:
        to_few_bits(model.backbone, 8)
        model.float()  # the few weights that are left
    placed = _placed(model, device or ("cuda" if torch.cuda.is_available() else "cpu"), kind)
    return Loaded(placed, configs, adapters, INT8 if dtype == INT8 else str(kind).removeprefix("torch."))


def build(configs: dict, root: str | Path) -> nn.Module:
    """Return upstream's backbone with a new head, on the CPU. What upstream prints is left out.

    Args:
        configs: the run's config, or as much of it as a contract's "model" has.
        root: the RoboVLMs checkout.

    Raises:
        CheckpointError: no such backbone.
    """
    import robovlms_mobile

    robovlms_mobile.register()
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    with quiet_libraries(), _quiet_tokenizer(), contextlib.redirect_stdout(io.StringIO()):
        import robovlms.model.backbone as known

        kind = getattr(known, str(configs["robovlm_name"]), None)
        if not (isinstance(kind, type) and issubclass(kind, nn.Module)):
            raise CheckpointError(f"robovlm_name is {configs['robovlm_name']!r}, which {root} has no backbone for.")
        return kind(
            configs=configs,
            train_setup_configs=configs["train_setup"],
            act_head_configs=configs["act_head"],
            fwd_head_configs=configs.get("fwd_head"),
            vision_resampler_configs=configs.get("vision_resampler"),
            **{name: configs[name] for name in ("window_size", "fwd_pred_next_n")},
            **{name: configs.get(name, False) for name in ("use_hand_rgb", "use_vision_resampler", "use_clip_norm")},
        )


def config_of(adapters: Adapters) -> dict:
    """Return what a folder's model is built from: out of its contract, else out of its run's run.json.

    Raises:
        CheckpointError: neither says.
    """
    told = adapters.contract.get("model")
    if told is not None:
        missing = [key for key in NEEDED if not isinstance(told, dict) or key not in told]
        if missing:
            raise CheckpointError(f'{adapters.folder}/contract.json: its "model" lacks {", ".join(missing)}.')
        return told
    for place in (adapters.folder, adapters.folder.parent):
        if (place / RECORD).is_file():
            return config_of_run(place)
    raise CheckpointError(
        f"{adapters.folder} was written before contract.json said how the model is built, and there is no {RECORD} of "
        "its run in it or beside it.",
        f"Copy the {RECORD} of its run into the folder.",
    )


def with_base(configs: dict, base: Path) -> dict:
    """Return a config whose base model is the folder `base`. Raises ModelError where there is none."""
    if not (base / "config.json").is_file():
        raise ModelError(
            f"The base model '{base}' is no folder with a config.json here.",
            "Name its folder: base=… in Python, --base DIR on the command line.",
        )
    named = {"pretrained_model_name_or_path": str(base)}
    return {**configs, "model_path": str(base), **{name: {**configs[name], **named} for name in ("vlm", "tokenizer")}}


def torch_type(dtype: Any) -> torch.dtype:
    """Return torch's type of "fp32", "fp16", "bf16" or of one of torch's own. Raises ModelError for any other."""
    found = TORCH[STORED[dtype]] if dtype in STORED else dtype
    if found not in TORCH.values():
        raise ModelError(f"dtype is {dtype!r}, expected one of {', '.join((*STORED, INT8))}.")
    return found


@contextlib.contextmanager
def _quiet_tokenizer():
    """Leave out that the base model's own special tokens are in its vocabulary: nobody added any."""
    source = logging.getLogger("transformers.tokenization_utils_base")

    def worth_saying(record):
        return not record.getMessage().startswith(OWN_TOKENS)

    source.addFilter(worth_saying)
    try:
        yield
    finally:
        source.removeFilter(worth_saying)


def _named_base(adapters):
    return adapters.contract.get("base_model") or adapters.config.get("base_model_name_or_path") or ""


def _check_hash(adapters):
    expected = adapters.contract.get("hash")
    if expected is not None and (seen := contract_hash(adapters.folder, adapters.contract)) != expected:
        raise CheckpointError(
            f"{adapters.folder} was changed since it was written: contract.json has hash {expected}, contract and "
            f"tensors have {seen}.",
            "Copy the folder again from where it was trained; robovlms-mobile verify ADAPTERS says what differs.",
        )


def _files_are_those(adapters, base):
    """Return whether the base model's files were read and are those of the run: then no weight is asked in memory.

    Raises:
        CheckpointError: they are of another model.
    """
    try:
        check_base(adapters, base)
    except ModelError:  # a pickle, or names that a newer transformers changes while it loads them
        return False
    return True


def _check_merged(adapters):
    expected = adapters.contract.get("merged_fingerprint")
    if expected is not None and (seen := whole_fingerprint(adapters.folder)) != expected:
        raise CheckpointError(
            f"The weights in {adapters.folder} are not those that were merged: contract.json has merged_fingerprint "
            f"{expected}, they have {seen}.",
            "Copy the folder again from where it was exported.",
        )


def _placed(model, device, dtype):
    """Put a model on its device in its precision. The head stays in fp32: small, and its LSTM has no half kernels."""
    model = model.to(device)
    if dtype is not torch.float32:
        model = model.to(dtype)
        model.act_head.float()
        model.act_head.register_forward_pre_hook(lambda head, inputs: (inputs[0].float(), *inputs[1:]))
        model.vision_tower.register_forward_pre_hook(lambda *given: _in_type(dtype, *given[1:]), with_kwargs=True)
    return model


def _in_type(dtype, positional, named):
    cast = [each.to(dtype) if isinstance(each, torch.Tensor) else each for each in positional]
    return tuple(cast), {key: each.to(dtype) if key == "pixel_values" else each for key, each in named.items()}
