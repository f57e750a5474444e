"""Run in a process of its own: build all seven backbones on tiny modules of the shapes upstream reads, print JSON.

Only `_init_backbone`, which would load gigabytes, is replaced; freezing, LoRA and heads are the real ones.
Arguments: the checkout, a folder with a config.json.
"""

import json
import sys
from types import SimpleNamespace

import torch
from torch import nn
from transformers import PretrainedConfig

DIM = 8


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.self_attn = nn.ModuleDict({name: nn.Linear(DIM, DIM) for name in ("q_proj", "k_proj", "v_proj", "o_proj")})
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(DIM, 2 * DIM), "fc2": nn.Linear(2 * DIM, DIM)})

    def forward(self, x):
        attn, mlp = self.self_attn, self.mlp
        x = x + attn["o_proj"](attn["q_proj"](x) * attn["k_proj"](x) + attn["v_proj"](x))
        return x + mlp["fc2"](torch.relu(mlp["fc1"](x)))


def stack(name, embedding):
    """A text model: embedding, layers in a ModuleList of that name."""
    model = nn.Module()
    setattr(model, embedding, nn.Embedding(11, DIM))
    setattr(model, name, nn.ModuleList([Layer(), Layer()]))
    return model


def tower():
    model = nn.Module()
    model.layers = nn.ModuleList([Layer()])
    model.config = SimpleNamespace(image_size=4, patch_size=2)
    return model


def with_head(model, embedding):
    model.lm_head = nn.Linear(DIM, 11, bias=False)
    model.get_output_embeddings = lambda: model.lm_head
    model.get_input_embeddings = lambda: embedding
    model.config = PretrainedConfig(hidden_size=DIM, use_cache=True)
    model.config.text_config = SimpleNamespace(hidden_size=DIM)
    return model


def kosmos():
    text = nn.Module()
    text.model = stack("layers", "embed_tokens")
    model = nn.Module()
    model.text_model, model.vision_model = text, tower()
    model.image_to_text_projection = nn.Linear(DIM, DIM)
    with_head(text, text.model.embed_tokens)
    with_head(model, text.model.embed_tokens)
    del model.lm_head
    model.config.text_config.embed_dim = DIM
    model.get_output_embeddings = lambda: text.lm_head
    return model


def llava():
    model = nn.Module()
    model.transformer = stack("blocks", "wte")
    model.transformer.vision_tower = tower()
    model.transformer.mm_projector = nn.Sequential(nn.Linear(DIM, DIM))
    model.get_vision_tower = lambda: model.transformer.vision_tower
    return with_head(model, model.transformer.wte)


def moondream():
    model = nn.Module()
    model.text_model, model.vision_encoder = stack("h", "wte"), tower()
    with_head(model.text_model, model.text_model.wte)
    return model


def paligemma():
    model = nn.Module()
    model.language_model = nn.Module()
    model.language_model.model = stack("layers", "embed_tokens")
    model.vision_tower, model.multi_modal_projector = tower(), nn.Linear(DIM, DIM)
    return with_head(model, model.language_model.model.embed_tokens)


def qwen():
    model = nn.Module()
    model.transformer = stack("h", "wte")
    model.transformer.visual = tower()
    return with_head(model, model.transformer.wte)


def uform():
    model = nn.Module()
    model.text_decoder, model.image_encoder = stack("layers", "embed_tokens"), tower()
    model.image_pooling = nn.Linear(DIM, DIM)
    with_head(model.text_decoder, model.text_decoder.embed_tokens)
    return model


def flamingo():
    model = stack("blocks", "wte")
    model.gated_cross_attn_layers = nn.ModuleList([Layer(), Layer()])
    return with_head(model, model.wte)


BUILD = {
    "RoboFlamingo": flamingo,
    "RoboKosMos": kosmos,
    "RoboLLaVA": llava,
    "RoboMoonDream": moondream,
    "RoboPaligemma": paligemma,
    "RoboQwen": qwen,
    "RoboUform": uform,
}


def tokenizer():
    return SimpleNamespace(pad_token="<pad>", eos_token="</s>", bos_token="<s>", vocab_size=11)


def on_tiny_modules(cls):
    """Return a subclass of a backbone class that builds the tiny modules instead of loading a base model."""

    def _init_backbone(self):
        backbone = BUILD[cls.__name__]()
        if cls.__name__ == "RoboFlamingo":
            self.vision_encoder, self.perceiver, self.lang_config = tower(), nn.Linear(DIM, DIM), backbone.config
        return tokenizer(), backbone

    return type(cls.__name__, (cls,), {"_init_backbone": _init_backbone})


def build(cls, folder, **setup):
    head = {"type": "LSTMDecoder", "hidden_size": 4, "num_layers": 1, "action_dim": 7, "down_sample": "none"}
    setup = {
        "freeze_backbone": True,
        "train_vision": False,
        "train_text_embedding": False,
        "train_decoder_layers": -1,
        "train_full_decoder": False,
        "train_resampler": False,
        "lora_enable": False,
        **{"lora_r": 2, "lora_alpha": 4, "lora_dropout": 0.0, "lora_bias": "none"},
        **setup,
    }
    configs = {"model": "x", "vlm": {"pretrained_model_name_or_path": folder}, "tokenizer": {"type": "x"}}
    torch.manual_seed(0)
    return on_tiny_modules(cls)(
        configs={**configs, "train_setup": setup},
        train_setup_configs=setup,
        act_head_configs={**head, "latent": 1, "action_space": "continuous"},
        window_size=4,
        fwd_pred_next_n=10,
    )


def trainable(model):
    return sorted(name for name, parameter in model.named_parameters() if parameter.requires_grad)


def main(root, folder):
    sys.path.insert(0, root)
    import robovlms.model.backbone as backbones

    result = {}
    for name in BUILD:
        ours = getattr(backbones, name)
        stock = next(cls for cls in ours.__mro__ if cls.__module__.startswith("robovlms."))
        result[name] = {
            "stock": trainable(build(stock, folder)),
            "off": trainable(build(ours, folder)),
            "lora": trainable(build(ours, folder, lora_enable=True)),
            "vision": trainable(build(ours, folder, lora_enable=True, train_vision=True)),
            "embedding": trainable(build(ours, folder, lora_enable=True, train_text_embedding=True)),
        }
    print(json.dumps(result))


if __name__ == "__main__":
    import robovlms_mobile

    robovlms_mobile.register()
    main(*sys.argv[1:])
