"""Where the other six base models keep their parts; their weights need packages that tests do not have."""

import torch

from robovlms.model.backbone.base_backbone import BaseRoboVLM


class RoboFlamingo(BaseRoboVLM):
    model = text_tower = property(lambda self: self.backbone)
    vision_tower = property(lambda self: self.vision_encoder)
    word_embedding = property(lambda self: self.model.get_input_embeddings())
    hidden_size = property(lambda self: getattr(self.lang_config, "d_model", None) or self.lang_config.hidden_size)

    def _init_backbone(self):
        raise NotImplementedError("this test double does not build OpenFlamingo")

    def _trainable_params_setup(self):
        # freezes everything, then opens the parts named: lora_enable is not looked at
        setup = self.train_setup_configs
        self.requires_grad_(False)
        self.vision_encoder.requires_grad_(setup["train_vision"])
        layers, count = self.model.gated_cross_attn_layers, setup["train_decoder_layers"]
        for layer in layers if count == -1 else layers[-count:]:
            layer.requires_grad_(True)
        if setup["train_full_decoder"]:
            self.model.requires_grad_(True)
        self.perceiver.requires_grad_(setup["train_resampler"])
        self.word_embedding.requires_grad_(setup["train_text_embedding"])
        self.act_head.requires_grad_(True)

    def forward_continuous(
        self, vision_x, lang_x, attention_mask=None, action_labels=None, action_mask=None, mode="train", **kwargs
    ):
        # the layers look at the image; the action tokens are ids, before the last token of each sample's own
        batch, window = vision_x.shape[:2]
        patches = self.vision_encoder.visual(vision_x.flatten(0, 1))[1]  # (B·W, n, D)
        for layer in self.model._get_decoder_layers():
            layer.condition_vis_x(self.perceiver(patches[:, None]))
        text, mask = (each.repeat_interleave(window, dim=0) for each in (lang_x, attention_mask.long()))
        at = mask.sum(1) - int(self.tokenizer.eos_token is not None)  # (B·W,)
        action = self.action_token_id * mask.new_ones(self.latent_num)
        ids = torch.stack([torch.cat([row[:i], action, row[i:]]) for row, i in zip(text, at, strict=True)])
        mask = torch.cat([mask.new_ones(len(mask), self.latent_num), mask], dim=1)  # padding is on the right
        hidden = self.model(input_ids=ids, attention_mask=mask.bool(), output_hidden_states=True).hidden_states[-1]
        columns = at[:, None] + torch.arange(self.latent_num)
        tokens = hidden[torch.arange(len(hidden))[:, None], columns].reshape(batch, window, self.latent_num, -1)
        return self._decode(tokens, action_labels, action_mask, mode)


class RoboLLaVA(BaseRoboVLM):
    model = property(lambda self: self.backbone)
    text_tower = property(lambda self: self.model.transformer)
    vision_tower = property(lambda self: self.model.get_vision_tower())
    word_embedding = property(lambda self: self.text_tower.wte)
    hidden_size = property(lambda self: getattr(self.model.config, "d_model", None) or self.model.config.hidden_size)

    def model_encode_images(self, images):
        return self.model.encode_images(images)


class RoboMoonDream(BaseRoboVLM):
    model = text_tower = property(lambda self: self.backbone.text_model)
    vision_tower = property(lambda self: self.backbone.vision_encoder)
    word_embedding = property(lambda self: self.model.get_input_embeddings())
    hidden_size = property(lambda self: self.model.config.hidden_size)
    image_processor = property(lambda self: self.vision_tower.preprocess)

    def model_encode_images(self, images):
        return self.vision_tower(images)


class RoboPaligemma(BaseRoboVLM):
    model = property(lambda self: self.backbone)
    text_tower = property(lambda self: self.model.language_model.model)
    vision_tower = property(lambda self: self.model.vision_tower)
    word_embedding = property(lambda self: self.text_tower.embed_tokens)
    hidden_size = property(lambda self: self.model.config.text_config.hidden_size)
    image_processor = property(lambda self: self.processor)

    def model_encode_images(self, images):
        features = self.model.multi_modal_projector(self.vision_tower(images).last_hidden_state)
        return features / self.model.config.hidden_size**0.5


class RoboQwen(BaseRoboVLM):
    model = property(lambda self: self.backbone)
    text_tower = property(lambda self: self.model.transformer)
    vision_tower = property(lambda self: self.text_tower.visual)
    word_embedding = property(lambda self: self.text_tower.wte)
    hidden_size = property(lambda self: self.model.config.hidden_size)
    image_processor = property(lambda self: self.vision_tower.image_transform)

    def model_encode_images(self, images):
        return self.vision_tower(images)


class RoboUform(BaseRoboVLM):
    model = text_tower = property(lambda self: self.backbone.text_decoder)
    vision_tower = property(lambda self: self.backbone.image_encoder)
    word_embedding = property(lambda self: self.model.get_input_embeddings())
    hidden_size = property(lambda self: self.model.config.hidden_size)
    image_processor = property(lambda self: self.processor.feature_extractor)

    def model_encode_images(self, images):
        return self.backbone.get_images_embeddings(images)
