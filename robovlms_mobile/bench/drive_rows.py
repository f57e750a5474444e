"""What `bench drive` compares: the demo's config with one thing changed in each row, in training or in driving."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        name: what differs from the reference.
        config: over the demo's config; {} for the reference's own training.
        drive: options of `rollout.roll_out`, e.g. {"execute": 4}.
        blind: of `controllers.Trained`: "grey" shows the policy grey pictures.
    """

    name: str
    config: dict = field(default_factory=dict)
    drive: dict = field(default_factory=dict)
    blind: str | None = None


REFERENCE = Row("reference")
# A third of the reference's steps an epoch; the rate is one of three, chosen with training seed 21 in other rooms.
EPISODES: dict[str, Any] = {block: {"batch": "episode"} for block in ("train_dataset", "val_dataset")}
EPISODES |= {"batch_size": 1, "learning_rate": 2e-3}
# As many steps, of as many windows, at the reference's rate. One run of eight was worse, with seed 21.
RUNS: dict[str, Any] = {block: {"batch": 4} for block in ("train_dataset", "val_dataset")}
RUNS |= {"batch_size": 1, "trainer": {"accumulate_grad_batches": 2}}
ROWS = (
    REFERENCE,
    Row("4 LSTM layers", {"act_head": {"num_layers": 4}}),
    Row("nine keys (MobileKeyDecoder)", {"act_head": {"type": "MobileKeyDecoder"}}),
    Row("snapped to the nine keys", drive={"snap": True}),
    Row("full windows", {block: {"windows": "full"} for block in ("train_dataset", "val_dataset")}),
    Row("an episode a batch", EPISODES),
    Row("an episode a batch, 12 epochs", {**EPISODES, "trainer": {"max_epochs": 12}}),
    Row("two runs of 4 windows a step", RUNS),
    Row("no mirror", {"train_dataset": {"mirror": 0}}),
    Row("balance by direction", {"train_dataset": {"balance": "direction"}}),
    Row("4 actions of a chunk executed", drive={"execute": 4}),
    Row("10 actions of a chunk executed", drive={"execute": 10}),
    Row("window 2", {"window_size": 2}),
    Row("window 8", {"window_size": 8}),
    Row("head alone, no LoRA", {"train_setup": {"lora_enable": False}}),
    Row("control: told the other side", drive={"swap": True}),
    Row("control: grey pictures", blind="grey"),
)
