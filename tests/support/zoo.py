"""Run in a process of its own: build and run all seven backbones on tiny modules of the shapes upstream reads.

Only `_init_backbone`, which would load gigabytes and code from elsewhere, is replaced. Freezing, LoRA, heads, and the
way from pixels and token ids to a loss are the real ones, and so are the language models that transformers has: MPT,
Phi and Llama. Kosmos-2 itself is in probe_company.py. The others come from packages and model folders that tests do
not have, or, PaliGemma, from a transformers between the two we run on. Prints JSON.

Arguments: the checkout, a folder with a config.json.
"""

import json
import sys
from dataclasses import asdict
from types import SimpleNamespace

import torch
from lightning.pytorch import LightningModule
from torch import nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    MptConfig,
    MptForCausalLM,
    PhiConfig,
    PhiForCausalLM,
    PretrainedConfig,
)

DIM, WINDOW, CHUNK = 8, 4, 10
SIZES = {"hidden_size": DIM, "intermediate_size": 2 * DIM, "num_hidden_layers": 2, "num_attention_heads": 2}
SIZES |= {"vocab_size": 11, "pad_token_id": 0}
LENGTHS = (7, 3, 5)  # of the instructions in a batch


class Layer(nn.Module):
    """Attention and an MLP."""

    def __init__(self):
        super().__init__()
        self.self_attn = nn.ModuleDict({name: nn.Linear(DIM, DIM) for name in ("q_proj", "k_proj", "v_proj", "o_proj")})
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(DIM, 2 * DIM), "fc2": nn.Linear(2 * DIM, DIM)})

    def forward(self, x, mask=None, seen=None):
        # x (B, S, D), mask (B, S, S), seen (B, n, D): what attention looks at, x itself unless given → (B, S, D)
        attn, mlp, seen = self.self_attn, self.mlp, x if seen is None else seen
        query, key, value = attn["q_proj"](x), attn["k_proj"](seen), attn["v_proj"](seen)
        x = x + attn["o_proj"](scaled_dot_product_attention(query, key, value, mask))
        return x + mlp["fc2"](torch.relu(mlp["fc1"](x)))


class Gated(Layer):
    """A layer that looks at the image, as OpenFlamingo puts one before each of a language model's own."""

    def condition_vis_x(self, seen):
        self.seen = seen.flatten(1, 2)  # (B, n, D)

    def forward(self, x, mask=None):
        return super().forward(x, seen=self.seen)


class Stack(nn.Module):
    """A causal language model: embedding, layers in a ModuleList of that name."""

    def __init__(self, name, embedding):
        super().__init__()
        setattr(self, embedding, nn.Embedding(11, DIM))
        setattr(self, name, nn.ModuleList([Layer(), Layer()]))
        self.embedding, self.layers_in_order = [getattr(self, embedding)], [*getattr(self, name)]  # no modules twice

    def forward(self, input_ids=None, attention_mask=None, inputs_embeds=None, **kwargs):
        x = self.embedding[0](input_ids) if inputs_embeds is None else inputs_embeds  # (B, S, D)
        steps = x.shape[1]
        x = x + torch.sin(torch.arange(steps)[:, None] * torch.arange(1, DIM + 1))  # a token's position matters
        mask = torch.ones(steps, steps).tril().bool() & attention_mask.bool()[:, None]  # (B, S, S)
        mask |= torch.eye(steps).bool()
        hidden = [x]
        for layer in self.layers_in_order:
            hidden.append(layer(hidden[-1], mask))
        return SimpleNamespace(hidden_states=hidden)


class Tower(nn.Module):
    """A vision tower: (B, 3, 4, 4) → (B, 6, D), however a backbone asks for it."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([Layer()])
        self.config = SimpleNamespace(image_size=4, patch_size=2)

    def forward(self, images):
        return self.layers[0](images.reshape(len(images), 6, DIM))


class Projection(nn.Linear):
    """Kosmos-2's: features and attentions."""

    def forward(self, x):
        return super().forward(x), None


def with_head(model, embedding, text=None):
    """Give `model` what a transformers model has beside its layers: an output layer, embeddings, config, forward."""
    model.lm_head = nn.Linear(DIM, 11, bias=False)
    model.get_output_embeddings = lambda: model.lm_head
    model.get_input_embeddings = lambda: embedding
    model.config = PretrainedConfig(hidden_size=DIM, use_cache=True)
    model.config.text_config = SimpleNamespace(hidden_size=DIM)
    if text is not None:
        model.forward = text.forward
    return model


def kosmos():
    text = nn.Module()
    text.model = Stack("layers", "embed_tokens")
    model, vision = nn.Module(), Tower()
    model.text_model, model.vision_model = text, vision
    model.image_to_text_projection = Projection(DIM, DIM)
    vision.model = SimpleNamespace(post_layernorm=nn.Identity())
    stock = vision.forward
    vision.forward = lambda pixel_values, **kwargs: (stock(pixel_values),)
    with_head(text, text.model.embed_tokens)
    with_head(model, text.model.embed_tokens, text.model)
    del model.lm_head
    model.config.text_config.embed_dim = DIM
    model.get_output_embeddings = lambda: text.lm_head
    return model


def llava():
    model = MptForCausalLM(MptConfig(d_model=DIM, expansion_ratio=2, n_heads=2, n_layers=2, vocab_size=11))
    model.transformer.vision_tower = Tower()
    model.transformer.mm_projector = nn.Sequential(nn.Linear(DIM, DIM))
    stock, model.get_vision_tower = model.forward, lambda: model.transformer.vision_tower
    model.forward = lambda position_ids=None, **kwargs: stock(**kwargs)  # LLaVA's own takes them and passes none on
    model.encode_images = lambda images: model.transformer.mm_projector(model.transformer.vision_tower(images))
    return model


def moondream():
    model = nn.Module()
    model.text_model, model.vision_encoder = PhiForCausalLM(PhiConfig(**SIZES)), Tower()
    return model


def paligemma():
    model = nn.Module()
    model.language_model = nn.Module()
    model.language_model.model = Stack("layers", "embed_tokens")
    model.vision_tower, model.multi_modal_projector = Tower(), nn.Linear(DIM, DIM)
    stock = model.vision_tower.forward
    model.vision_tower.forward = lambda images: SimpleNamespace(last_hidden_state=stock(images))
    return with_head(model, model.language_model.model.embed_tokens, model.language_model.model)


def qwen():
    model = nn.Module()
    model.transformer = Stack("h", "wte")
    model.transformer.visual = Tower()
    model.device = torch.device("cpu")
    with_head(model, model.transformer.wte, model.transformer)
    model.config.visual = {"image_start_id": 8}
    return model


def uform():
    model = nn.Module()
    model.text_decoder, model.image_encoder = LlamaForCausalLM(LlamaConfig(**SIZES)), Tower()
    model.image_pooling = nn.Linear(DIM, DIM)
    model.get_images_embeddings = lambda images: model.image_pooling(model.image_encoder(images))
    return model


def flamingo():
    model = Stack("blocks", "wte")
    model.gated_cross_attn_layers = nn.ModuleList([Gated(), Gated()])
    pairs = zip(model.gated_cross_attn_layers, model.blocks, strict=True)
    model.layers_in_order = [layer for pair in pairs for layer in pair]
    model._get_decoder_layers = lambda: model.gated_cross_attn_layers
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
            self.vision_encoder, self.perceiver, self.lang_config = Tower(), nn.Linear(DIM, DIM), backbone.config
            self.vision_encoder.visual = lambda images: (None, self.vision_encoder(images))
            self.action_token_id = 10  # upstream reads it and sets it nowhere
        return tokenizer(), backbone

    return type(cls.__name__, (cls,), {"_init_backbone": _init_backbone})


def build(cls, folder, **setup):
    head = {"type": "LSTMDecoder", "hidden_size": 4, "num_layers": 1, "action_dim": 7, "down_sample": "none"}
    setup = {
        "predict_action": True,
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
        window_size=WINDOW,
        fwd_pred_next_n=CHUNK,
    )


def trainable(model):
    return sorted(name for name, parameter in model.named_parameters() if parameter.requires_grad)


def batch():
    """Pixels, token ids, mask, actions and which are real, of as many samples as there are LENGTHS."""
    size, longest = len(LENGTHS), max(LENGTHS)
    mask = torch.arange(longest).expand(size, longest) < torch.tensor(LENGTHS)[:, None]
    text = torch.randint(3, 8, mask.shape).where(mask, torch.tensor(0))
    text[:, 0] = 1
    for row, length in zip(text, LENGTHS, strict=True):
        row[length - 1] = 2
    arm = torch.rand(size, WINDOW, CHUNK, 6) - 0.5
    labels = {"action_labels": (arm, torch.zeros(size, WINDOW, CHUNK)), "action_mask": arm[..., 0] > -0.3}
    return {"vision_x": torch.randn(size, WINDOW, 3, 4, 4), "lang_x": text, "attention_mask": mask, **labels}


def run(model):
    """A forward and backward through upstream's own `forward`: the loss, and which adapters got a gradient."""
    inputs = batch()
    loss = model(**inputs, raw_text=None, data_source="mobile_vla_action")["loss"]
    loss.backward()
    given = [name for name, each in model.named_parameters() if each.grad is not None and each.grad.abs().sum() > 0]
    with torch.no_grad():
        together, apart = predict(model, inputs), 0.0
        for index, length in enumerate(LENGTHS):
            one = {name: inputs[name][index : index + 1] for name in ("vision_x", "lang_x", "attention_mask")}
            one = {name: value if name == "vision_x" else value[:, :length] for name, value in one.items()}
            apart = max(apart, float((predict(model, one)[0] - together[index]).abs().max()))
    return {"loss": loss.item(), "given": given, "apart": apart, "spread": float(together.std(0).max())}


def predict(model, inputs):
    return model.inference(inputs["vision_x"], inputs["lang_x"], inputs["attention_mask"])["action"][0]


class Module(LightningModule):
    """Upstream's module, as far as an audit goes."""

    def __init__(self, model):
        super().__init__()
        self.model, self.configs = model, {"train_setup": {}}

    def training_step(self, batch, batch_idx):
        names = {"text": "lang_x", "text_mask": "attention_mask"}
        inputs = {names.get(key, key): value for key, value in batch.items()}
        return self.model(**inputs, raw_text=None, data_source="mobile_vla_action")["loss"]


class Windows:
    """One window; a letter of its instruction is a token."""

    samples = ()

    def window(self, index):
        return {"raw_text": "left", "rgb": batch()["vision_x"][0]}

    def collater(self, samples):
        (sample,) = samples
        ids = [1, *(3 + ord(letter) % 5 for letter in sample["raw_text"]), 2]
        text, (arm, gripper) = torch.tensor([ids]), batch()["action_labels"]
        return {
            "vision_x": sample["rgb"][None],
            "text": text,
            "text_mask": text > 0,
            "action_labels": (arm[:1], gripper[:1]),
            "action_mask": torch.ones(1, WINDOW, CHUNK, dtype=torch.bool),
        }


def main(root, folder):
    sys.path.insert(0, root)
    import robovlms.model.backbone as backbones

    from robovlms_mobile.training.watch.audit import audit

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
            "run": run(build(ours, folder, lora_enable=True).eval()),
            "audit": asdict(audit(Module(build(ours, folder, lora_enable=True)), Windows())),
        }
    print(json.dumps(result))


if __name__ == "__main__":
    import robovlms_mobile

    robovlms_mobile.register()
    main(*sys.argv[1:])
