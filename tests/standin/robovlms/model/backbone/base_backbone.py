"""A VLM with an action head: images and a prompt in, per frame one action token out, decoded to a chunk."""

import copy
import json
import os

import open_clip  # noqa: F401  one of the imports that the mobile path never uses
import torch
from torch import nn

import robovlms.model.policy_head as heads
from robovlms.model.vlm_builder import build_vlm
from robovlms.utils.model_utils import update_tokenizer

CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


class BaseRoboVLM(nn.Module):
    def __init__(
        self,
        configs,
        train_setup_configs,
        act_encoder_configs=None,
        act_head_configs=None,
        fwd_head_configs=None,
        window_size=None,
        use_hand_rgb=False,
        fwd_pred_next_n=1,
        use_vision_resampler=False,
        vision_resampler_configs=None,
        use_clip_norm=False,
        use_state=False,
        **kwargs,
    ):
        super().__init__()
        if fwd_head_configs or use_vision_resampler or use_clip_norm or use_state:
            raise NotImplementedError("this test double has no fwd_head, vision resampler, clip norm or state input")
        self.configs, self.train_setup_configs = configs, train_setup_configs
        self.act_head_configs, self.fwd_head_configs = act_head_configs, fwd_head_configs
        self.window_size, self.fwd_pred_next_n, self.use_hand_rgb = window_size, fwd_pred_next_n, use_hand_rgb
        self.model_name = configs["model"]
        with open(os.path.join(configs["vlm"]["pretrained_model_name_or_path"], "config.json")) as file:
            self.model_config = json.load(file)
        self.tokenizer, self.backbone = self._init_backbone()
        self.tokenizer = update_tokenizer(self.tokenizer, configs["tokenizer"])
        self.act_head, self.fwd_head, self.clip_norm_head = self._init_heads()
        if act_head_configs is not None:
            self.action_space = act_head_configs.get("action_space", "continuous")
            if self.action_space == "continuous":
                self.action_token = nn.Parameter(torch.zeros(self.hidden_size))
        self._trainable_params_setup()

    def _init_backbone(self):
        tokenizer, model = build_vlm(self.configs["vlm"], self.configs["tokenizer"])
        if "Processor" in self.configs["tokenizer"]["type"]:
            self.processor = tokenizer
            tokenizer = self.processor.tokenizer
        return tokenizer, model

    def _init_heads(self):
        if self.act_head_configs is None:
            return None, None, None
        options = copy.deepcopy(self.act_head_configs)
        self.latent_num = options.get("latent", 1)
        cls = getattr(heads, options.pop("type"))
        bins = {"n_bin": 256, "min_action": -1, "max_action": 1}
        own = {"tokenizer": self.tokenizer, "in_features": self.hidden_size, "window_size": self.window_size}
        return cls(**(bins | options | own | {"fwd_pred_next_n": self.fwd_pred_next_n})), None, None

    def _trainable_params_setup(self):
        setup, model = self.train_setup_configs, self.model
        model.config.use_cache = False
        last = setup.get("train_decoder_layers", -1)
        model.requires_grad_(not setup["freeze_backbone"] and last == -1)
        if not setup["freeze_backbone"] and last != -1:
            for layer in self.text_tower.layers[-last:]:
                layer.requires_grad_(True)
        self.vision_tower.requires_grad_(setup.get("train_vision", False))
        if hasattr(model, "enable_input_require_grads"):
            model.enable_input_require_grads()
            model.gradient_checkpointing = True  # an attribute on the outer model only: nothing is checkpointed
        else:
            self.word_embedding.register_forward_hook(lambda module, args, output: output.requires_grad_(True))
        if setup["lora_enable"]:
            from llava.train.train import find_all_linear_names
            from peft import LoraConfig, get_peft_model

            names = find_all_linear_names(model)
            options = {
                "bias": setup["lora_bias"],
                "lora_dropout": setup["lora_dropout"],
                "target_modules": names,
            }
            self.model = get_peft_model(
                model,
                LoraConfig(r=setup["lora_r"], lora_alpha=setup["lora_alpha"], task_type="CAUSAL_LM", **options),
            )
        self.word_embedding.requires_grad_(setup.get("train_text_embedding", False))
        if self.act_head is not None:
            self.act_head.requires_grad_(True)

    @property
    def image_processor(self):
        import torchvision.transforms as T

        size = self.configs.get("image_size", 224)
        resize = T.Resize((size, size), interpolation=T.InterpolationMode.BICUBIC)
        convert = T.Lambda(lambda image: image.convert("RGB"))
        return T.Compose([resize, convert, T.ToTensor(), T.Normalize(CLIP_MEAN, CLIP_STD)])

    def model_encode_images(self, images):
        raise NotImplementedError

    def encode_images(self, images, image_sizes=None):
        # (B, T, 3, H, W) → (B, T, n, D)
        images = images.unsqueeze(1) if images.ndim == 4 else images
        features = self.model_encode_images(images.flatten(0, 1))
        return features.view(*images.shape[:2], -1, features.shape[-1])

    @staticmethod
    def _insert(sequence, extra, at):
        return torch.cat([sequence[:, :at], extra, sequence[:, at:]], dim=1)

    def merge_multi_modal_input(
        self,
        input_embeds,
        multimodal_feats=None,
        labels=None,
        attention_mask=None,
        is_image=True,
        insert_idx=1,
        fill_zero=False,
    ):
        # embeds (B·W, S, D), mask (B·W, S); images (B·W, 1, 3, H, W) or tokens (B·W, n, D), put in at column insert_idx
        # → embeds (B·W, S + n, D), labels (never any here), mask (B·W, S + n), True where something was put in
        if labels is not None:
            raise NotImplementedError("this test double inserts nothing into labels")
        tokens = self.encode_images(multimodal_feats).flatten(1, 2) if is_image else multimodal_feats
        embeds = self._insert(input_embeds, tokens, insert_idx)
        blank = torch.zeros(input_embeds.shape[:2], dtype=torch.bool, device=embeds.device)
        inserted = self._insert(blank, blank.new_ones(tokens.shape[:2]), insert_idx)
        if attention_mask is None:
            return embeds, None, None, inserted
        filled = attention_mask.new_full(tokens.shape[:2], 0 if fill_zero else 1)
        return embeds, None, self._insert(attention_mask, filled, insert_idx), inserted

    def _assemble(self, images, text, mask):
        # images, text and mask (B·W, L) → embeddings (B·W, S, D), mask (B·W, S), where the action tokens are (B·W, S)
        embeds = self.word_embedding(text)
        has_bos, has_eos = (int(token is not None) for token in (self.tokenizer.bos_token, self.tokenizer.eos_token))
        for image in images:
            embeds, _, mask, _ = self.merge_multi_modal_input(embeds, image, attention_mask=mask, insert_idx=has_bos)
        if self.action_space != "continuous":
            return embeds, mask, None
        # the action tokens come last, before the last column
        tokens = self.action_token.expand(len(embeds), self.latent_num, -1)
        options = {"is_image": False, "insert_idx": embeds.shape[1] - has_eos}
        options["fill_zero"] = self.act_head_configs.get("fill_zero", False)
        embeds, _, mask, inserted = self.merge_multi_modal_input(embeds, tokens, attention_mask=mask, **options)
        return embeds, mask, inserted

    def forward_continuous(
        self,
        vision_x,
        lang_x,
        attention_mask=None,
        position_ids=None,
        action_labels=None,
        action_mask=None,
        past_key_values=None,
        use_cache=False,
        vision_gripper=None,
        mode="train",
        **kwargs,
    ):
        history = self.act_head_configs.get("history_type", "post")
        if history != "post" or self.action_space not in ("continuous", "down_sample"):
            raise ValueError(f"this test double has no history {history!r} with action_space {self.action_space!r}")
        batch, window = vision_x.shape[:2]
        images = [frames.flatten(0, 1).unsqueeze(1) for frames in (vision_x, vision_gripper) if frames is not None]
        text, mask = (each.repeat_interleave(window, dim=0) for each in (lang_x, attention_mask))
        embeds, mask, inserted = self._assemble(images, text, mask)
        output = self.model(
            input_ids=None,
            attention_mask=mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            inputs_embeds=embeds,
            use_cache=use_cache,
            output_hidden_states=True,
        )
        hidden = output.hidden_states[-1]  # (B·W, S, D)
        read = hidden if inserted is None else hidden[inserted]
        tokens = read.reshape(batch, window, -1, hidden.shape[-1])  # (B, W, latent or S, D)
        return self._decode(tokens, action_labels, action_mask, mode)

    def _decode(self, tokens, action_labels, action_mask, mode):
        action, loss = self._forward_action_head(tokens, action_labels, action_mask)
        if mode != "train":
            return action
        loss = {f"{name}_act": value for name, value in loss.items()}
        return loss | {"loss": sum(value for name, value in loss.items() if "loss" in name)}

    def _forward_action_head(self, action_tokens, action_labels=None, action_mask=None, **kwargs):
        action = self.act_head(action_tokens, actions=action_labels, action_masks=action_mask, **kwargs)
        if action_labels is None:
            return action, None
        pred, labels, mask = self.act_head.get_labels(
            action, action_labels, action_mask, tok_seq=action_tokens, **kwargs
        )
        return pred, self.act_head.loss(pred, labels, mask)

    def forward(self, vision_x, lang_x, data_source=(), **kwargs):
        # vision_x (B, W, 3, H, W'), lang_x (B, L); a source without "action" gives no loss at all
        source = data_source if isinstance(data_source, str) else "_".join(data_source)
        return self.forward_continuous(vision_x, lang_x, **kwargs) if "action" in source else {}

    def inference(self, vision_x, lang_x, attention_mask=None, vision_gripper=None, **kwargs):
        if not self.train_setup_configs["predict_action"]:
            return {}
        options = {"vision_gripper": vision_gripper, "mode": "inference"}
        return {"action": self.forward_continuous(vision_x, lang_x, attention_mask, **options)}
