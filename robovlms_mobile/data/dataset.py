"""`MobileVLAH5Dataset`: windows of HDF5 episodes as the batches upstream's trainer reads."""

import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import Dataset

from robovlms_mobile.data.batch import Batch
from robovlms_mobile.data.block import AUGMENT_KEYS, Block, action_space, parse_block
from robovlms_mobile.data.episodes import find_episodes, load_episodes
from robovlms_mobile.data.epoch import run_epoch
from robovlms_mobile.data.frame_store.open import frames_folder, ready_store, wants_store
from robovlms_mobile.data.images import ImageTransform
from robovlms_mobile.data.instructions import instruction_for
from robovlms_mobile.data.orphans import end_with_parent
from robovlms_mobile.data.prompt import text_function
from robovlms_mobile.data.split.kept import copy_beside, divided
from robovlms_mobile.data.windows import make_window, window_starts
from robovlms_mobile.errors import ConfigError
from robovlms_mobile.seeds import generator_of


class MobileVLAH5Dataset(Dataset):
    """One sample is a window of W frames, the N actions from each of them, and an instruction.

    Takes the config's dataset block and what upstream's data module adds to it, as keywords:

        data_dir, episode_pattern, train_split, is_validation, windows, shift_first, rgb_pad, color_order,
        real_dims, instruction, on_bad_episode: see configs/README.md.
        window_size (W), fwd_pred_next_n (N), image_size, norm_action, norm_min, norm_max: the config's top level.
        image_fn: upstream's, list of PIL images → (n, 3, H, W') float. Where it wraps the `ImageTransform` of the
            plugin's backbones, or is absent, frames come from the frame store and stay uint8: the backbone
            normalises them, on the device.
        tokenizer, tokenizer_config, model_name: choose upstream's prompt; needed for `collater`.

    Raises:
        ConfigError: unknown keys or values; nobody knows whether colours are RGB or BGR.
        DataError: no episodes, bad episodes, none long enough; see `data.episodes`.
    """

    def __init__(self, **config):
        self.block = parse_block(config)
        self.training = _is_training(config, self.block)
        if config.get("discrete") or config.get("discrete_action"):
            raise ConfigError("MobileVLAH5Dataset has continuous actions.", "Set act_head.action_space to continuous.")
        self.window_size = config["window_size"]
        self.chunk_size = config["fwd_pred_next_n"]
        self.space = action_space(config, self.block.real_dims)
        self.image_fn = config.get("image_fn")
        self.transform = _own_transform(config)
        self.text_fn = text_function(config)
        self.store = None
        self.augmentation = _augmentation(self.block, self.transform) if self.training else None
        self.epoch = run_epoch()
        self.episodes = self._own_episodes()
        self.samples = self._index()
        self.whole = _whole_episodes(self) if self.block.batch != "window" else None
        self._report()

    def __len__(self):
        return len(self.samples if self.whole is None else self.whole)

    def __getitem__(self, index):
        return self.window(index) if self.whole is None else self.whole.sample(index)

    def window(self, index: int) -> dict:
        """Return a window: rgb (W, 3, H, W'), action (W + N - 1, 7), chunck_mask (W, N), raw_text, its index."""
        episode, start = self.samples[index]
        window = make_window(start, episode.length, self.window_size, self.chunk_size, int(self.block.shift_first))
        rgb = self._pixels(episode, window.frames)
        actions = episode.actions[window.actions]
        text = instruction_for(episode, self.block.instruction)
        if self.augmentation:
            generator = generator_of(self.transform.seed if self.transform else 0, self.epoch.value, index)
            rgb, actions, text = self.augmentation.apply(rgb, actions, text, generator, episode.scenario)
        return {
            "rgb": rgb,
            "action": torch.from_numpy(self.space.encode(actions)),
            "chunck_mask": torch.from_numpy(window.mask),
            "raw_text": text,
            "index": index,
        }

    def _pixels(self, episode, frames):
        """Return frames as (W, 3, H, W'): uint8 from the store or decoded afresh, or what a foreign image_fn makes."""
        if self.store is not None:
            with suppress(KeyError):  # not decoded yet, or damaged: afresh
                return torch.from_numpy(self.store.planes(episode.name)[episode.at(frames)])
        from robovlms_mobile.data.hdf5.frames import read_frames

        images = [Image.fromarray(frame) for frame in read_frames(episode, frames, self.block.color_order)]
        if self.transform is None:
            return self.image_fn(images)
        return torch.from_numpy(np.stack([self.transform.resize(image) for image in images]))

    def collater(self, samples: list[dict]) -> Batch:
        """Return upstream's batch of B samples: its keys, shapes and spelling (`action_chunck`, `chunck_mask`)."""
        if samples[0]["action"].ndim == 3:  # of the windows of an episode
            return self.whole.batch(*samples)
        end_with_parent()
        raw_text = [sample["raw_text"] for sample in samples]
        text, text_mask = self.text_fn(raw_text)
        action = torch.stack([sample["action"] for sample in samples])  # (B, W + N - 1, 7)
        return Batch(
            rgb=torch.stack([sample["rgb"] for sample in samples]),  # (B, W, 3, H, W')
            hand_rgb=None,
            text=text,  # (B, L)
            text_mask=text_mask,
            action=action,
            action_chunck=action.unfold(1, self.chunk_size, 1).permute(0, 1, 3, 2).contiguous(),  # (B, W, N, 7)
            chunck_mask=torch.stack([sample["chunck_mask"] for sample in samples]),  # (B, W, N)
            raw_text=raw_text,
            data_source="mobile_vla_action",
            index=torch.tensor([sample["index"] for sample in samples]),  # (B,): ours, who was predicted
        )

    @property
    def content(self) -> dict[str, str | None]:
        """File name → digest of each episode; None where no frame store knows it."""
        known = self.store.entries if self.store is not None else {}
        return {each.name: known[each.name].digest if each.name in known else None for each in self.episodes}

    @property
    def _folder(self):
        return frames_folder(self.transform.options) if self.transform else None

    def copy_split(self, folder: str | Path) -> None:
        """Copy the manifest of the split into a run's folder as split.json."""
        copy_beside(self.block, folder, self._folder)

    def _own_episodes(self):
        if self.block.color_order is None:
            from robovlms_mobile.data.colours.unsaid import settled

            self.block = settled(self.block, self._folder)
        episodes = self._load(find_episodes(self.block.data_dir, self.block.episode_pattern))
        train, validation, notes = divided(self.block, episodes, self.store, self._folder)
        if self.training and notes:
            warnings.warn("\n".join(["The split:", *notes]), stacklevel=2)
        return [episode for episode in episodes if episode.name in (train if self.training else validation)]

    def _load(self, paths):
        """Return the good episodes of `paths`: those in the frame store without opening their files."""
        if self.transform is not None and wants_store(self.transform.options):
            self.store = ready_store(self.block, paths, self.transform)
            read = self.store.read
        else:
            from robovlms_mobile.data.hdf5.episode_file import read_episode as read
        return self.block.take(load_episodes(paths, self.block.on_bad_episode, read))

    def _index(self):
        shift = int(self.block.shift_first)
        samples, short = [], []
        for episode in self.episodes:
            starts = window_starts(episode.length, self.window_size, self.chunk_size, self.block.windows, shift)
            samples += [(episode, start) for start in starts]
            short += [] if starts else [episode]
        if short or not samples:
            from robovlms_mobile.data.odd_episodes import too_short

            too_short(short, len(self.episodes), self.block, self.window_size, self.chunk_size)
        if self.training and self.block.balance == "direction":
            from robovlms_mobile.data.augment.balance import balanced

            samples = balanced(samples, self.window_size, self.chunk_size, shift)
        return samples

    def _report(self):
        if not all(self.space.keeps(each.actions) for each in self.episodes):
            from robovlms_mobile.data.odd_episodes import not_as_recorded

            not_as_recorded(self.episodes, self.space)
        told = [(instruction_for(each, self.block.instruction), each.scenario) for each in self.episodes]
        if self.augmentation and self.augmentation.mirror:
            from robovlms_mobile.data.augment.mirror import warn_of_unmirrored

            warn_of_unmirrored(told)
        if self.block.windows == "full":
            from robovlms_mobile.data.hidden import warn_of_hidden

            role, lengths = "training" if self.training else "validation", [each.length for each in self.episodes]
            warn_of_hidden(role, lengths, self.window_size, self.chunk_size, int(self.block.shift_first))


def _is_training(config, block):
    """Upstream says is_training, the lab's configs is_validation; both may, when they agree."""
    training = config.get("is_training")
    if training is None:
        return not block.is_validation
    if block.is_validation is not None and block.is_validation == training:
        name, said = "train_dataset" if training else "val_dataset", str(training).lower()
        raise ConfigError(f"{name} says is_validation: {said}, which mixes up the split. Remove it there.")
    return bool(training)


def _whole_episodes(dataset):
    from robovlms_mobile.data.whole_episodes import WholeEpisodes

    return WholeEpisodes(dataset)


def _augmentation(block, transform):
    """Return the block's Augmentation, or None when all of it is off."""
    if all(getattr(block, name) == getattr(Block, name) for name in AUGMENT_KEYS):
        return None
    from robovlms_mobile.data.augment.augmentation import augmentation_of

    return augmentation_of(block, foreign=transform is None)


def _own_transform(config):
    """Return the ImageTransform that upstream's image_fn wraps, a default one without any, None for a foreign one."""
    image_fn = config.get("image_fn")
    if image_fn is None:
        return ImageTransform(config.get("image_size", 224))
    inner = getattr(image_fn, "keywords", {}).get("image_processor")  # a functools.partial, as upstream's
    return inner if isinstance(inner, ImageTransform) else None
