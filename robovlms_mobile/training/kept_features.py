"""`"mobile": {"frames": {"features": "auto"}}`: what a frozen vision tower makes of a frame, computed once and kept.

A frame goes through the tower alone, so what comes of it depends on its pixels, the tower's weights and the machine's
arithmetic, whoever shares its batch. These name its file: nothing that is kept is ever taken for something else.
"""

import warnings
import zlib
from hashlib import blake2b
from pathlib import Path

import numpy as np
import torch
import transformers
from lightning.pytorch.callbacks import Callback
from torch import nn

from robovlms_mobile.data.block import AUGMENT_KEYS, Block
from robovlms_mobile.data.frame_store.open import frames_folder
from robovlms_mobile.data.frame_store.store import place_of
from robovlms_mobile.errors import ConfigError
from robovlms_mobile.files import replace_file
from robovlms_mobile.options import mobile_blocks

FOLDER = "features-v1"
CRC = 4  # bytes in front of what a file holds


class KeptFeatures(Callback):
    """Has a run's Kosmos-2 look frames up in validation, and in training where no augmentation but mirror is on.

    Raises:
        ConfigError: in `setup`, where LoRA's own targets train something of its vision.
    """

    def setup(self, trainer, pl_module, stage):
        """Change the backbone in place."""
        backbone, configs = pl_module.model, pl_module.configs
        if backbone._pictures_train:
            what = (
                "mobile.frames.features keeps what a frozen vision tower makes of frames; mobile.lora.targets train it."
            )
            raise ConfigError(what, 'Set "mobile": {"frames": {"features": "off"}}.')
        blocks = mobile_blocks(configs)
        place = place_of(blocks[0]["data_dir"], frames_folder(configs["mobile"]))
        backbone.model_encode_images = Features(backbone, place, not any(map(_new_pixels, blocks))).encode


def _new_pixels(block):
    """True where nearly each window of an epoch has pixels that never come again."""
    return any(
        block.get(name, getattr(Block, name)) != getattr(Block, name) for name in AUGMENT_KEYS if name != "mirror"
    )


class Features:
    """A backbone's `model_encode_images` with a memory.

    Args:
        backbone: a Kosmos-2 of upstream's, in which neither vision tower nor projection is trained.
        place: folder for the kept features, a folder in it for each tower and kind of arithmetic.
        training: whether frames that are trained on come again, too.
    """

    def __init__(self, backbone: nn.Module, place: Path, training: bool):
        self.backbone, self.place, self.stock = backbone, place, backbone.model_encode_images
        self.tower, self.projection = backbone.vision_tower, backbone.model.image_to_text_projection
        drops = any(getattr(self.tower.config, name, 0) for name in ("dropout", "attention_dropout"))
        self.training = training and not drops  # the projection's own dropout is drawn anew each time
        self._folders: dict[tuple, Path] = {}
        self._full = False

    @torch.no_grad()
    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """Return the latents (n, latents, D) of normalised frames (n, 3, H, W)."""
        if self.backbone.training and not self.training:
            return self.stock(images)
        dense = self.projection.dense  # the one that reads them, and rounds them to what it computes in
        dtype = dense(torch.zeros(1, dense.in_features, dtype=dense.weight.dtype, device=images.device)).dtype
        folder = self._folder(images.device, dtype)
        return self.projection(torch.stack([self._of(each, folder, dtype) for each in images]))[0]

    def _of(self, image, folder, dtype):
        path = folder / blake2b(_bytes(image), digest_size=16).hexdigest()
        if (kept := _read(path)) is not None:
            return kept.view(dtype).view(-1, self.projection.dense.in_features).to(image.device)
        features = self._computed(image).to(dtype)
        if not self._full:
            self._write(path, _bytes(features))
        return features

    def _computed(self, image):
        """Return the tower's own (tokens, D) of a frame, normalised, as the projection is given it."""
        given, training = [], self.projection.training
        hook = self.projection.register_forward_pre_hook(lambda module, inputs: given.append(inputs[0]))
        self.projection.eval()  # draws nothing now: a frame that is computed and one that is kept leave a run alike
        try:
            self.stock(image.unsqueeze(0))
        finally:
            self.projection.train(training)
            hook.remove()
        return given[0][0]

    def _write(self, path, content):
        try:
            with replace_file(path) as temporary:
                temporary.write_bytes(zlib.crc32(content).to_bytes(CRC, "big") + content.tobytes())
        except OSError as error:
            self._full = True
            warnings.warn(
                f"Features of frames are not kept any more: {path.parent}: {error.strerror or error}.", stacklevel=2
            )

    def _folder(self, device, dtype):
        if (device, dtype) not in self._folders:
            machine = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
            versions = (torch.__version__, transformers.__version__, torch.get_float32_matmul_precision())
            digest = blake2b(repr((machine, str(dtype), *versions)).encode(), digest_size=16)
            for name, each in self.tower.state_dict().items():
                digest.update(f"{name} {each.dtype} {tuple(each.shape)}".encode())
                digest.update(_bytes(each))
            self._folders[device, dtype] = self.place / f"{FOLDER}-{digest.hexdigest()}"
        return self._folders[device, dtype]


def _bytes(tensor):
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data


def _read(path):
    """Return what a file holds, uint8, None where it is not there or not as it was written."""
    try:
        kept = np.fromfile(path, np.uint8)
    except OSError:
        return None
    whole = len(kept) > CRC and int.from_bytes(kept[:CRC].tobytes(), "big") == zlib.crc32(kept[CRC:])
    return torch.from_numpy(kept[CRC:]) if whole else None
