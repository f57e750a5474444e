"""What a checkpoint keeps, and what it refuses to load."""

import json

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import nn

from robovlms_mobile.errors import CheckpointError
from robovlms_mobile.training.checkpoint_options import CheckpointOptions
from robovlms_mobile.training.checkpoints import AdapterCheckpoint
from robovlms_mobile.training.curves import gap, write_csv
from robovlms_mobile.training.metrics import EpochLosses
from robovlms_mobile.training.ranking import Ranking
from robovlms_mobile.training.resume.differences import check_tensors, comparable, compare, compare_data, refuse
from robovlms_mobile.training.resume.state import keep_trainable, settings


@pytest.fixture
def model():
    model = nn.ModuleDict({"frozen": nn.Linear(3, 3), "head": nn.Linear(3, 2)})
    model["frozen"].requires_grad_(False)
    return model


def test_frozen_tensors_are_left_out(model):
    checkpoint = {"state_dict": dict(model.state_dict()), "epoch": 3}
    keep_trainable(model, checkpoint)
    assert sorted(checkpoint["state_dict"]) == ["head.bias", "head.weight"]
    assert check_tensors(model, checkpoint) == []


def test_everything_that_does_not_fit_is_named_at_once(model):
    saved = {"head.weight": torch.zeros(5, 3), "other.weight": torch.zeros(1)}
    with pytest.raises(CheckpointError) as error:
        refuse([], check_tensors(model, {"state_dict": saved}))
    text = str(error.value)
    assert "1 trained tensors are missing: 'head.bias'" in text
    assert "1 tensors the model lacks: 'other.weight'" in text
    assert "1 tensors of another shape: 'head.weight" in text


def test_what_differs_stands_in_a_table():
    configs = {"seed": 1, "trainer": {}, "train_setup": {"lora_r": 32, "precision": "32"}, "mobile": {"lora": {}}}
    other = {**configs, "seed": 2, "train_setup": {"lora_r": 4, "precision": "16-mixed"}}
    with pytest.raises(CheckpointError) as error:
        refuse(compare(settings(configs), settings(other)))
    assert "\n  seed                1                  2\n  train_setup.lora_r  32                 4\n" in str(
        error.value
    )
    assert compare(settings(configs), settings({**configs, "train_dataset": {"data_dir": "elsewhere"}})) == []


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("scheduler", {"scheduler": "cosine"}),
        ("gradient_clip_val", {"gradient_clip_val": 1}),
        ("warmup_epochs", {"warmup_epochs": 0.25}),
        ("warmup_steps", {"warmup_steps": 100}),
        ("min_lr_scale", {"min_lr_scale": 0.1}),
        ("tokenizer.tokenizer_type", {"tokenizer": {"tokenizer_type": "flamingo"}}),
    ],
)
def test_what_shapes_the_learning_rate_the_gradient_or_the_prompt_must_stay(name, change):
    configs = {"trainer": {}, "min_lr_scale": 0.01, "tokenizer": {"tokenizer_type": "kosmos"}}
    assert [row[0] for row in compare(settings(configs), settings({**configs, **change}))] == [name]


def test_the_number_of_processes_must_stay_and_upstreams_defaults_may_be_spelled_out():
    spelled_out = {"scheduler": "constant", "gradient_clip_val": 0, "warmup_epochs": 0, "warmup_steps": None}
    assert compare(settings({"trainer": {}}), settings({"trainer": {}, **spelled_out})) == []
    assert compare(settings({"trainer": {}}, 1), settings({"trainer": {}}, 2)) == [("processes", "1", "2")]


def test_a_state_of_an_older_version_is_compared_by_what_it_holds():
    saved = {"seed": "1", "learning_rate": "0.1"}
    now = settings({"trainer": {}, "seed": 1, "learning_rate": 0.2, "scheduler": "cosine", "min_lr_scale": 0.1})
    assert compare(saved, comparable(saved, now)) == [("learning_rate", "0.1", "0.2")]


def test_a_state_that_says_no_colours_was_trained_on_rgb():
    saved = settings({"trainer": {}, "train_dataset": {}})
    for order, rows in (("rgb", []), ("bgr", [("train_dataset.color_order", None, '"bgr"')])):
        now = settings({"trainer": {}, "train_dataset": {"color_order": order}})
        assert compare(saved, comparable(saved, now)) == rows


def test_episodes_that_came_went_or_changed_are_named():
    saved = {"training": {"a": "1", "b": "2", "c": None}, "validation": {"d": "4"}}
    now = {"training": {"a": "9", "c": "3", "e": "5"}, "validation": {"d": "4"}}
    assert compare_data(saved, now) == [
        ("training episode b", "there", "gone"),
        ("training episode e", "not there", "new"),
        ("training episode a", "1", "9"),
    ]
    assert compare_data(saved, saved) == compare_data({}, now) == []


def placed(folder, scores, monitor="val_loss", **options):
    """Return the places of each epoch, written as a run does."""
    ranking, all_places = Ranking(folder, CheckpointOptions(**options)), []
    for epoch, score in enumerate(scores):
        places = ranking.places(monitor, score, epoch)
        for name in places:
            (folder / name).mkdir(exist_ok=True)
            (folder / name / "metrics.json").write_text(json.dumps({"monitor": monitor, "score": score}))
        ranking.drop(monitor)
        all_places.append(places)
    return all_places


def test_best_is_the_lowest_or_the_highest_and_never_nan(tmp_path):
    assert placed(tmp_path, [3, 4, float("nan"), 2, 2]) == [["best"], [], [], ["best"], []]
    assert placed(tmp_path, [3, 4, 1], "acc", mode="max") == [["best"], ["best"], []]


@pytest.mark.parametrize("name", ["val_balanced_direction_accuracy", "val_stop_recall"])
def test_of_an_accuracy_or_a_recall_more_is_better_unless_the_config_says_otherwise(name):
    assert CheckpointOptions(name).sense == "max"
    assert CheckpointOptions(name, mode="min").sense == CheckpointOptions("val_mae").sense == "min"


def test_the_first_validation_loss_replaces_a_training_loss_however_low(tmp_path):
    assert placed(tmp_path, [1], "train_loss") + placed(tmp_path, [5, 6], "val_loss") == [["best"], ["best"], []]


def test_the_best_few_have_a_folder_each(tmp_path):
    placed(tmp_path, [5, 3, 4, 1, 9], keep=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best", "best-epoch-0002", "best-epoch-0004"]
    assert json.loads((tmp_path / "best" / "metrics.json").read_text())["score"] == 1


def test_history_survives_a_resume_in_the_middle_of_an_epoch():
    losses, resumed = EpochLosses(), EpochLosses()
    losses.history, losses._total, losses._batches = [row(2, 1)], torch.tensor(0.1) + torch.tensor(0.2), 2
    resumed.load_state_dict(losses.state_dict())
    assert resumed.history == losses.history
    assert torch.equal(resumed._total + torch.tensor(0.3), losses._total + torch.tensor(0.3))


def row(train, val=None):
    return {"epoch": 0, "step": 1, "train_loss": train, "val_loss": val, "logged": {}}


def test_curves_are_written_for_runs_with_and_without_validation(tmp_path):
    pytest.importorskip("matplotlib")
    from robovlms_mobile.training.loss_picture import write_png

    history = [row(2.0, 3.0) | {"logged": {"val_mae": 0.5, "lr": 1.0}}, row(1.0)]
    write_csv(history, tmp_path / "losses.csv")
    write_png(history, tmp_path / "losses.png")
    assert (tmp_path / "losses.csv").read_text().split() == [
        "epoch,step,train_loss,val_loss,gap,val_mae",
        "0,1,2.0,3.0,1.0,0.5",
        "0,1,1.0,,,",
    ]
    assert (tmp_path / "losses.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["losses.csv", "losses.png"]
    assert gap(history[1]) is None


class Tiny(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.frozen, self.head = nn.Linear(3, 3), nn.Linear(3, 2)
        self.frozen.requires_grad_(False)

    def training_step(self, batch, index):
        return self.head(self.frozen(batch)).square().mean()

    def configure_optimizers(self):
        return torch.optim.SGD(self.head.parameters(), 0.1)


@pytest.mark.parametrize("weights_only", [False, True])
def test_both_of_lightnings_save_modes_keep_trainable_tensors_only(tmp_path, weights_only):
    model, stock = Tiny(), ModelCheckpoint(dirpath=tmp_path / "stock", save_top_k=-1)
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    trainer = pl.Trainer(max_epochs=1, default_root_dir=tmp_path, callbacks=[stock], **quiet)
    AdapterCheckpoint(EpochLosses(), None, CheckpointOptions()).setup(trainer, model, "fit")
    trainer.fit(model, torch.utils.data.DataLoader(torch.ones(2, 3)))
    trainer.save_checkpoint(tmp_path / "last.ckpt", weights_only=weights_only)
    state = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert sorted(state["state_dict"]) == ["head.bias", "head.weight"]
    assert ("optimizer_states" in state) is not weights_only
    assert not (tmp_path / "stock").exists()  # upstream's own checkpoint is silenced
