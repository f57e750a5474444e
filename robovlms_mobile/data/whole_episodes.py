"""`"batch": "episode"` or `"batch": 8`: all windows of an episode, or at most eight after each other, are one batch.

Each frame is in it once, however many of its windows show it.
"""

from itertools import pairwise
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
    """The windows of a dataset in batches, as its samples: all of an episode, or runs of about equal length.

    Upstream's trainer cuts `rgb` to the window's frames along its second axis, so a batch's frames travel as
    samples of one frame each; the backbone makes the windows again out of their features, see `model.shared_frames`.

    Args:
        dataset: whose windows they are. Windows keep their numbers in it.
    """

    def __init__(self, dataset: "MobileVLAH5Dataset"):
        self.dataset, self.runs = dataset, []  # of (number of the first window, how many there are)
        begins = [number for number, (_, start) in enumerate(dataset.samples) if start == 0]
        for first, end in pairwise([*begins, len(dataset.samples)]):
            most = end - first if dataset.block.batch == "episode" else dataset.block.batch
            for run in np.array_split(np.arange(first, end), -(-(end - first) // most)):
                self.runs.append((int(run[0]), len(run)))

    def __len__(self) -> int:
        return len(self.runs)

    def sample(self, index: int) -> dict:
        """Return V windows of an episode: rgb (T, 3, H, W'), action (V, W + N - 1, 7), chunck_mask (V, W, N), …

        T is the number of frames that they show. What is drawn for an augmentation is drawn once for all of them.
        """
        data, (first, count) = self.dataset, self.runs[index]
        episode, start = data.samples[first]
        shift, sizes = int(data.block.shift_first), (data.window_size, data.chunk_size)
        windows = [make_window(start + number, episode.length, *sizes, shift) for number in range(count)]
        rgb = data._pixels(episode, np.arange(start, windows[-1].frames[-1] + 1))
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
        """Return upstream's batch of a sample: rgb (T, 1, 3, H, W'), text (T, L), the rest of its V windows."""
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
