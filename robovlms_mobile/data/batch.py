"""A batch that travels cheaply from a worker to the training process, where it arrives as a plain dict."""

import pickle

import torch


class Batch(dict):
    """A dict of tensors and other values.

    A tensor that leaves a worker costs a shared-memory file and a socket connection, which for a window of uint8
    frames is more than all other work; sent as bytes down the pipe that is there anyway, it costs two copies.
    """

    def __reduce__(self):
        values = {key: value.numpy() if isinstance(value, torch.Tensor) else value for key, value in self.items()}
        return _unpack, (pickle.dumps(values, protocol=5),)


def _unpack(content):
    values = pickle.loads(content)  # what __reduce__ wrote a moment ago, in a worker of our own
    return {key: torch.from_numpy(value) if hasattr(value, "__array__") else value for key, value in values.items()}
