"""The validation's predictions, put in order by episode and frame as a robot would have made them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from robovlms_mobile.data.dataset import MobileVLAH5Dataset
from robovlms_mobile.scoring.scored import Scored


class Predictions:
    """Collects a process's share of them batch by batch, and makes one of the shares of all processes.

    A robot's history begins at an episode's first frame: of the window that begins there every prediction counts, of
    each later window its last. So each frame is predicted once, from all frames before it that the policy keeps.

    Args:
        dataset: the MobileVLAH5Dataset validated on.
    """

    def __init__(self, dataset: MobileVLAH5Dataset):
        self.dataset, self._shift = dataset, int(dataset.block.shift_first)
        self._dims = len(dataset.space.real_dims)
        lengths = [each.length - self._shift for each in dataset.episodes]
        first = np.cumsum([0, *lengths])
        self._frames = int(first[-1])
        names = [each.name for each in dataset.episodes]
        row = dict(zip(names, zip(first, lengths, strict=False), strict=True))  # name → its first row, how many
        places = [(start, *row[episode.name]) for episode, start in dataset.samples]
        self._start, self._row, self._length = np.array(places).T  # each (samples,)
        self._index: list[torch.Tensor] = []
        self._arm: list[torch.Tensor] = []

    def add(self, index: torch.Tensor, predicted: Any) -> bool:
        """Keep what a head predicted for a batch; False where it is nothing that this class knows.

        Args:
            index: (B,) int64, numbers of the batch's windows in the dataset.
            predicted: (arm (B, W, N, 6), gripper), in [-1, 1], as upstream's continuous heads return it.
        """
        arm = predicted[0] if isinstance(predicted, tuple | list) else predicted
        shape = (len(index), self.dataset.window_size, self.dataset.chunk_size)
        if not isinstance(arm, torch.Tensor) or arm.ndim != 4 or arm.shape[:3] != shape:
            return False
        self._index.append(index.detach())
        self._arm.append(arm[..., : self._dims].detach().float())
        return True

    def scored(self, add_up: Callable[[torch.Tensor], torch.Tensor]) -> list[Scored]:
        """Return the episodes that were predicted, each as far as its first frame that was not, or not by a number.

        Args:
            add_up: returns the sum over the run's processes of a tensor that each of them has; all must call this.
        """
        window, chunk = self.dataset.window_size, self.dataset.chunk_size
        total = np.zeros((self._frames, chunk * self._dims + 1), np.float32)  # the last column counts
        if self._index:
            index = torch.cat(self._index).cpu().numpy()
            arm = torch.cat(self._arm).cpu().numpy().reshape(len(index), window, -1)
            start, at = self._start[index, None], np.arange(window)  # (n, 1), (W,)
            counts = ((start == 0) | (at == window - 1)) & (start + at < self._length[index, None])  # (n, W)
            rows = (self._row[index, None] + start + at)[counts]
            np.add.at(total, rows, np.concatenate([arm[counts], np.ones((len(rows), 1), np.float32)], 1))
        total = add_up(torch.from_numpy(total)).cpu().numpy()
        times = total[:, -1:]  # more than once where processes repeat a window to have as many as the others
        return self._episodes(total[:, :-1] / np.maximum(times, 1), (times[:, 0] > 0) & np.isfinite(total).all(1))

    def _episodes(self, predicted, known):
        found, row = [], 0
        for each in self.dataset.episodes:
            length = each.length - self._shift
            frames = int(np.argmin(np.append(known[row : row + length], False)))  # before the first that is not known
            if frames:
                velocities = self.dataset.space.decode(predicted[row : row + frames].reshape(frames, -1, self._dims))
                actual = self.dataset.space.targets(each.actions, self.dataset.block.shift_first)[:frames]
                found.append(Scored(each.name, each.scenario or "unknown", velocities, actual))
            row += length
        return found
