"""`"batch": "episode"`: a batch is all windows of one episode, and each of its frames is in it once."""

from typing import TYPE_CHECKING

import numpy as np
import torch

from robovlms_mobile.data.batch import Batch
from robovlms_mobile.data.instructions import instruction_for
from robovlms_mobile.data.orphans import end_with_parent
from robovlms_mobile.data.windows import make_window
from robovlms_mobile.seeds import generator_of

if TYPE_CHECKING:
    from robovlms_mobile.data.dataset import MobileVLAH5Dataset


class WholeEpisodes:
    """The episodes of a dataset that have windows, as its samples.

    Upstream's trainer cuts `rgb` to the window's frames along its second axis, so an episode's frames travel as
    samples of one frame each; the backbone makes the windows again out of their features, see `model.shared_frames`.

    Args:
        dataset: whose windows they are. Windows keep their numbers in it.
    """

    def __init__(self, dataset: "MobileVLAH5Dataset"):
        self.dataset = dataset
        self.first: list[int] = []  # number of each episode's first window
        self.count: list[int] = []  # how many it has
        for number, (_, start) in enumerate(dataset.samples):
            if start == 0:
                self.first.append(number)
                self.count.append(0)
            self.count[-1] += 1

    def __len__(self) -> int:
        return len(self.first)

    def sample(self, index: int) -> dict:
        """Return an episode with V windows: rgb (T, 3, H, W'), action (V, W + N - 1, 7), chunck_mask (V, W, N), …

        T is the number of frames that a window shows. What is drawn for an augmentation is the episode's.
        """
        data, first, count = self.dataset, self.first[index], self.count[index]
        episode = data.samples[first][0]
        shift, sizes = int(data.block.shift_first), (data.window_size, data.chunk_size)
        windows = [make_window(start, episode.length, *sizes, shift) for start in range(count)]
        rgb = data._pixels(episode, np.arange(windows[-1].frames[-1] + 1))
        actions, text = episode.actions, instruction_for(episode, data.block.instruction)
        if data.augmentation:
            generator = generator_of(data.transform.seed if data.transform else 0, data.epoch.value, index)
            rgb, actions, text = data.augmentation.apply(rgb, actions, text, generator, episode.scenario)
        encoded = torch.from_numpy(data.space.encode(actions))  # (length, 7)
        return {
            "rgb": rgb,
            "action": encoded[np.stack([each.actions for each in windows])],
            "chunck_mask": torch.from_numpy(np.stack([each.mask for each in windows])),
            "raw_text": text,
            "index": torch.arange(first, first + count),
        }

    def batch(self, sample: dict) -> Batch:
        """Return upstream's batch of an episode: rgb (T, 1, 3, H, W'), text (T, L), the rest of its V windows."""
        end_with_parent()
        frames, chunk = len(sample["rgb"]), self.dataset.chunk_size
        text, text_mask = self.dataset.text_fn([sample["raw_text"]])
        return Batch(
            rgb=sample["rgb"].unsqueeze(1),
            hand_rgb=None,
            text=text.repeat(frames, 1),
            text_mask=text_mask.repeat(frames, 1),
            action=sample["action"],
            action_chunck=sample["action"].unfold(1, chunk, 1).permute(0, 1, 3, 2).contiguous(),  # (V, W, N, 7)
            chunck_mask=sample["chunck_mask"],
            raw_text=[sample["raw_text"]] * frames,
            data_source="mobile_vla_action",
            index=sample["index"],  # (V,)
        )
