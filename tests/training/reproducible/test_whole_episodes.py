"""`"batch": "episode"`: the order of episodes and what is drawn for them, resumed and over several processes."""

import pytest
import torch
from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader, DistributedSampler, RandomSampler

from robovlms_mobile.data.dataset import MobileVLAH5Dataset
from robovlms_mobile.data.epoch import run_epoch, set_epoch
from robovlms_mobile.model.shared_frames import as_windows
from robovlms_mobile.training.reproducible.order import order_by_epoch

AUGMENTED = {"mirror": 0.5, "color_jitter": 0.2, "random_crop": 0.8, "rgb_pad": 2}
SIZES = {"window_size": 4, "fwd_pred_next_n": 10, "image_size": 16, "norm_action": True}
WINDOWS = 17  # of 18 frames, each paired with the action after its own


class Data(LightningDataModule):
    """Loads as upstream's data module does."""

    def __init__(self, dataset, rank=None):
        super().__init__()
        self.dataset, self.rank = dataset, rank

    def train_dataloader(self):
        alone = self.rank is None
        sampler = RandomSampler(self.dataset) if alone else DistributedSampler(self.dataset, 2, self.rank)
        return DataLoader(self.dataset, 1, sampler=sampler, drop_last=True, collate_fn=self.dataset.collater)


def made(episodes, batch, **options):
    sides = {"is_training": True, "norm_min": -1.15, "norm_max": 1.15, "shift_first": True, "train_split": 0.7}
    dataset = MobileVLAH5Dataset(data_dir=str(episodes), batch=batch, **sides, **SIZES, **options)
    dataset.text_fn = lambda sentences: (torch.tensor([[len(each) for each in sentences]]),) * 2
    return dataset


@pytest.fixture(scope="module")
def dataset(episodes):
    return made(episodes, "episode", **AUGMENTED)


@pytest.fixture
def passed(dataset):
    """`passed(epoch, consumed=0, rank=None)` → the batches of an epoch, from where it goes on."""

    def passed(epoch, consumed=0, rank=None):
        set_epoch(epoch)
        data = Data(dataset, rank)
        order_by_epoch(data, 5, run_epoch(), [consumed])
        return list(data.train_dataloader())

    yield passed
    set_epoch(0)


def who(batches):
    """Return which episode each batch is."""
    assert all(each["index"].tolist() == list(range(first, first + WINDOWS)) for each, first in _firsts(batches))
    return [first // WINDOWS for _, first in _firsts(batches)]


def _firsts(batches):
    return [(each, int(each["index"][0])) for each in batches]


def same(one, other):
    return len(one) == len(other) and all(
        torch.equal(a[key], b[key]) for a, b in zip(one, other, strict=True) for key in ("rgb", "action", "index")
    )


def test_an_epoch_has_each_episode_once_and_draws_anew(dataset, passed):
    first, second = passed(0), passed(1)
    assert sorted(who(first)) == sorted(who(second)) == list(range(len(dataset)))
    drawn = [dict(zip(who(batches), (each["rgb"] for each in batches), strict=True)) for batches in (first, second)]
    assert not any(torch.equal(drawn[0][episode], drawn[1][episode]) for episode in drawn[0])


def test_an_epoch_that_goes_on_has_the_batches_it_would_have_had(passed):
    assert same(passed(1, consumed=2), passed(1)[2:])


def test_two_processes_share_an_epoch(dataset, passed):
    alone, shares = passed(1), [passed(1, rank=rank) for rank in range(2)]
    assert len(dataset) == 4 and not set(who(shares[0])) & set(who(shares[1]))
    assert same(alone, [each for pair in zip(*shares, strict=True) for each in pair])


def test_a_process_that_goes_on_has_its_share_of_the_rest(passed):
    assert same(passed(2, consumed=1, rank=1), passed(2, rank=1)[1:])


@pytest.mark.parametrize(
    ("batch", "sizes"), [("episode", [17] * 4), (6, [6, 6, 5] * 4), (8, [6, 6, 5] * 4), (20, [17] * 4)]
)
def test_a_batch_is_windows_after_each_other_and_each_is_in_one(episodes, batch, sizes):
    dataset = made(episodes, batch)
    batches = [dataset.collater([dataset[number]]) for number in range(len(dataset))]
    assert [len(each["index"]) for each in batches] == sizes
    assert torch.cat([each["index"] for each in batches]).tolist() == list(range(len(dataset.samples)))
    for each in batches:
        apart = [dataset.window(number) for number in each["index"].tolist()]
        frames = each["rgb"].flatten(1)[:, None, None]  # as features: (T, 1, 1, D)
        shown = as_windows(frames, len(apart), SIZES["window_size"]).flatten(2)
        assert torch.equal(shown, torch.stack([window["rgb"].flatten(1) for window in apart]))
        for key in ("action", "chunck_mask"):
            assert torch.equal(each[key], torch.stack([window[key] for window in apart]))
