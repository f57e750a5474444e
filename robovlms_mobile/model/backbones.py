"""Upstream's seven backbones under their own names, with LoRA that works. With LoRA off they are upstream's."""

import os
from typing import Any

import robovlms.model.backbone as upstream
import torch

from robovlms_mobile.data.images import ImageTransform, normalise
from robovlms_mobile.model.base_weights import loaded_in
from robovlms_mobile.model.heads import RealDimsLoss
from robovlms_mobile.model.kosmos import accept_embeddings
from robovlms_mobile.model.lora import add_lora, is_lora, target_pattern
from robovlms_mobile.model.padding import alone_order
from robovlms_mobile.options import base_dtype, lora_targets, real_dims

UNORDERED = {"history_type": "pre", "action_space": "down_sample"}  # tokens that `merge_multi_modal_input` cannot order


class MobileBackbone:
    """Mixed in before an upstream backbone: checks the model folder, injects LoRA, tells the head its real dims."""

    remote_code = False  # whether the base model's folder brings Python of its own, to be run when it is loaded

    def __init__(self, configs, *args, **kwargs):
        try:
            super().__init__(configs, *args, **kwargs)
        except FileNotFoundError as error:
            from robovlms_mobile.model.faults import missing

            raise missing(error.filename, configs["vlm"].get("pretrained_model_name_or_path")) from error

    def _init_backbone(self):
        _check_tokenizer(self.configs["tokenizer"], self.remote_code)
        with loaded_in(base_dtype(self.configs), self.configs["vlm"].get("type", "AutoModel")):
            return super()._init_backbone()

    def _init_heads(self):
        unordered = {key: told for key, told in UNORDERED.items() if (self.act_head_configs or {}).get(key) == told}
        if unordered and (batch_size := self.configs.get("batch_size", 1)) > 1:
            from robovlms_mobile.model.faults import warn_of_company

            warn_of_company(unordered, batch_size)
        heads = super()._init_heads()
        if isinstance(heads[0], RealDimsLoss):
            heads[0].real_dims = len(real_dims(self.configs))
        return heads

    def model_encode_images(self, images: torch.Tensor) -> torch.Tensor:
        """Upstream's, without a graph where nothing that makes features of pictures is trained.

        Upstream asks the base model for inputs with gradients, and transformers 5 takes that to mean pixels as well:
        the whole vision tower would be kept for, and gone through by, a backward pass that changes nothing in it.
        """
        with torch.set_grad_enabled(torch.is_grad_enabled() and self._pictures_train):
            return super().model_encode_images(images)

    def _forward_action_head(self, action_tokens, action_labels=None, action_mask=None, **kwargs):
        lone = action_labels is not None and action_tokens.ndim == 4 and action_tokens.shape[1] == 1
        if lone and action_labels[0].shape[1] > 1:  # an episode's frames, of which its windows are made
            from robovlms_mobile.model.shared_frames import as_windows

            action_tokens = as_windows(action_tokens, *action_labels[0].shape[:2])
        return super()._forward_action_head(action_tokens, action_labels, action_mask, **kwargs)

    def merge_multi_modal_input(
        self,
        input_embeds: torch.Tensor,
        multimodal_feats: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        is_image: bool = True,
        insert_idx: int = 1,
        fill_zero: bool = False,
    ) -> tuple[torch.Tensor | None, ...]:
        """Upstream's, with a sample's tokens in the order of a batch of one: the batch's padding comes last.

        Returns:
            embeddings (B, S, D), labels (B, S) or None, mask (B, S) or None, True where something was put in (B, S).
        """
        merged = super().merge_multi_modal_input(
            input_embeds, multimodal_feats, labels, attention_mask, is_image, insert_idx, fill_zero
        )
        if attention_mask is None:
            return merged
        count = merged[0].shape[1] - input_embeds.shape[1]
        order = alone_order(attention_mask, insert_idx, count, from_end=not is_image)
        rows = torch.arange(len(order), device=order.device).unsqueeze(1)
        return tuple(each if each is None else each[rows, order] for each in merged)

    def _trainable_params_setup(self):
        setup = self.train_setup_configs
        self.train_setup_configs = {**setup, "lora_enable": False}
        try:
            super()._trainable_params_setup()
        finally:
            self.train_setup_configs = setup
        if setup.get("lora_enable"):
            self._add_lora(setup)
        text = set(self.text_tower.parameters()) - set(self.vision_tower.parameters())
        self._pictures_train = any(each.requires_grad and each not in text for each in self.backbone.parameters())
        if (self.configs.get("mobile") or {}).get("embeddings") == "host":
            from robovlms_mobile.model.host_embedding import keep_on_host

            keep_on_host(self.backbone, self.word_embedding)
        if isinstance(self.act_head, RealDimsLoss):
            self.act_head.freeze_unused()
        if setup.get("gradient_checkpointing") is True:  # "auto" is settled before
            self.model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})

    def _add_lora(self, setup):
        pattern = target_pattern(self.backbone, self.text_tower, self.vision_tower, lora_targets(self.configs))
        add_lora(self.backbone, pattern, **{name: setup[f"lora_{name}"] for name in ("r", "alpha", "dropout", "bias")})
        if setup["freeze_backbone"]:
            self._freeze_rest(setup)

    def _freeze_rest(self, setup):
        """Freeze what upstream forgets of a backbone whose text model is only a part of it."""
        kept = [self.vision_tower] if setup.get("train_vision") else []
        kept += [self.word_embedding] if setup.get("train_text_embedding") else []
        kept = {id(parameter) for module in kept for parameter in module.parameters()}
        biases = setup["lora_bias"] != "none"
        for name, parameter in self.backbone.named_parameters():
            if not (is_lora(name) or (biases and name.endswith("bias")) or id(parameter) in kept):
                parameter.requires_grad_(False)


class ClipTransform:
    """For the backbones that share upstream's CLIP transform: the same pixels without torchvision.

    Frames that arrive as uint8 are normalised here, on the device.
    """

    @property
    def image_processor(self) -> ImageTransform:
        """Turns a PIL image into (3, image_size, image_size) float32."""
        configs = self.configs
        return ImageTransform(configs.get("image_size", 224), configs.get("mobile"), configs.get("seed", 0))

    def forward(self, vision_x: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        return super().forward(_normalised(vision_x), *args, **kwargs)

    def inference(self, vision_x: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        return super().inference(_normalised(vision_x), *args, **kwargs)


class RoboFlamingo(MobileBackbone, ClipTransform, upstream.RoboFlamingo):
    """Upstream's RoboFlamingo, with LoRA on its language model when `lora_enable` is true."""


class RoboKosMos(MobileBackbone, ClipTransform, upstream.RoboKosMos):
    """Upstream's RoboKosMos, with LoRA when `lora_enable` is true, on any transformers and without torchvision."""

    def _init_backbone(self):
        tokenizer, backbone = super()._init_backbone()
        accept_embeddings(backbone)
        return tokenizer, backbone


class RoboLLaVA(MobileBackbone, ClipTransform, upstream.RoboLLaVA):
    """Upstream's RoboLLaVA, with LoRA when `lora_enable` is true."""


class RoboMoonDream(MobileBackbone, upstream.RoboMoonDream):
    """Upstream's RoboMoonDream, with LoRA on its text model when `lora_enable` is true."""

    remote_code = True


class RoboPaligemma(MobileBackbone, upstream.RoboPaligemma):
    """Upstream's RoboPaligemma, with LoRA when `lora_enable` is true."""


class RoboQwen(MobileBackbone, upstream.RoboQwen):
    """Upstream's RoboQwen, with LoRA when `lora_enable` is true."""


class RoboUform(MobileBackbone, upstream.RoboUform):
    """Upstream's RoboUform, with LoRA on its text decoder when `lora_enable` is true."""

    remote_code = True


def _normalised(images):
    return normalise(images) if images.dtype == torch.uint8 else images


def _check_tokenizer(config, remote_code):
    """Load the tokenizer once ourselves: when that fails, upstream would delete its folder and start over."""
    import transformers

    path = config.get("pretrained_model_name_or_path") if isinstance(config, dict) else None
    if path is None or not os.path.isdir(path):
        return
    try:
        getattr(transformers, config["type"]).from_pretrained(path, trust_remote_code=remote_code)
    except Exception as error:  # transformers raises nearly anything for a broken folder
        from robovlms_mobile.model.faults import tokenizer

        raise tokenizer(path, config["type"], error) from error
