"""Where the other six base models keep their parts; their weights need packages that tests do not have."""

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
