"""Kosmos-2: the one backbone that this test double runs end to end."""

from torch.nn.functional import normalize

from robovlms.model.backbone.base_backbone import BaseRoboVLM


class RoboKosMos(BaseRoboVLM):
    model = property(lambda self: self.backbone)
    text_tower = property(lambda self: self.model.text_model.model)
    vision_tower = property(lambda self: self.model.vision_model)
    word_embedding = property(lambda self: self.text_tower.embed_tokens)
    hidden_size = property(lambda self: self.model.config.text_config.embed_dim)

    def model_encode_images(self, images):
        patches = self.vision_tower(pixel_values=images)[0]  # (B, patches + 1, vision dim)
        patches = normalize(self.vision_tower.model.post_layernorm(patches), dim=-1)
        return self.model.image_to_text_projection(patches)[0]  # (B, n, D)
