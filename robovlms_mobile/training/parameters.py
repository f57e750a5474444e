"""One table at the start of a run: what is trained, what is frozen, what the adapters will weigh."""

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback, ModelSummary
from torch.nn import Module

from robovlms_mobile.model.lora import is_lora

MEGABYTE = 1e6


class ParameterTable(Callback):
    """Prints the table on rank zero once training is about to start."""

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Leave out Lightning's own summary, which sees one model and no LoRA, unless all is shown."""
        from robovlms_mobile.launch import noise  # whose room knows this one

        for callback in trainer.callbacks:
            if noise.hides() and isinstance(callback, ModelSummary):
                callback._max_depth = 0  # as ModelSummary(max_depth=0), which prints nothing

    def on_fit_start(self, trainer, pl_module):
        if trainer.is_global_zero:
            print(format_table(count_parameters(pl_module.model)), flush=True)


def count_parameters(model: Module) -> dict[str, dict[str, int]]:
    """Count a backbone's parameters by part.

    Returns:
        dict: part → {"trainable": int, "frozen": int, "bytes": int of the trainable ones}, every tensor once.
    """
    towers = [("vision tower", model.vision_tower), ("text model", model.text_tower), ("policy head", model.act_head)]
    owner = {id(p): part for part, module in reversed(towers) if module is not None for p in module.parameters()}
    counts = {}
    for name, parameter in model.named_parameters():
        other = "action token" if name == "action_token" else "other"
        part = "LoRA adapters" if is_lora(name) else owner.get(id(parameter), other)
        row = counts.setdefault(part, {"trainable": 0, "frozen": 0, "bytes": 0})
        row["trainable" if parameter.requires_grad else "frozen"] += parameter.numel()
        row["bytes"] += parameter.numel() * parameter.element_size() * parameter.requires_grad
    return counts


def format_table(counts: dict[str, dict[str, int]]) -> str:
    """Return the table as text, one line a part and a sum."""
    total = {key: sum(row[key] for row in counts.values()) for key in ("trainable", "frozen", "bytes")}
    rows = [*sorted(counts.items(), key=lambda item: -sum(item[1].values())), ("all", total)]
    lines = [f"{'part':<14} {'trainable':>13} {'frozen':>15} {'on disk':>10}"]
    for part, row in rows:
        lines.append(f"{part:<14} {row['trainable']:>13,} {row['frozen']:>15,} {row['bytes'] / MEGABYTE:>7.1f} MB")
    return "\n".join(lines)
