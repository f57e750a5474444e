"""The LightningModule: unpacks a batch, asks the model for losses, logs them."""

import math
import time

import lightning.pytorch as pl
import torch
import transformers

import robovlms.model.backbone as backbones

BATCH_OPTIONS = ("fwd_rgb_chunck", "fwd_hand_rgb_chunck", "chunck_mask", "fwd_mask")
INSTR_OPTIONS = ("instr_and_action_ids", "instr_and_action_labels", "instr_and_action_mask")
LOGGED = ("loss_arm_act", "loss_gripper_act", "acc_arm_act", "acc_gripper_act")


class BaseTrainer(pl.LightningModule):
    def __init__(self, configs):
        super().__init__()
        self.configs = configs
        self.model_fn = getattr(backbones, configs["robovlm_name"])
        self.use_hand_rgb = configs["use_hand_rgb"]
        self.model = self._init_policy()
        self.cap_loss_ratio, self.fwd_loss_ratio = configs["cap_loss_ratio"], configs["fwd_loss_ratio"]
        self.arm_gripper_loss_ratio = configs["arm_gripper_loss_ratio"]
        setup = configs["train_setup"]
        self.act_pred, self.fwd_pred = setup["predict_action"], setup["predict_forward"]
        self.fwd_pred_hand, self.cap_pred = setup["predict_forward_hand"], setup["predict_caption"]
        self.discrete = configs["act_head"] is not None and configs["act_head"]["action_space"] == "discrete"
        self.val_set_names = None
        self.start_time = time.time()
        self.save_hyperparameters()

    def _init_policy(self):
        configs = self.configs
        return self.model_fn(
            configs=configs,
            train_setup_configs=configs["train_setup"],
            fwd_head_configs=configs["fwd_head"],
            window_size=configs["window_size"],
            use_hand_rgb=self.use_hand_rgb,
            act_head_configs=configs["act_head"],
            fwd_pred_next_n=configs["fwd_pred_next_n"],
            use_vision_resampler=configs.get("use_vision_resampler", False),
            vision_resampler_configs=configs.get("vision_resampler"),
            use_clip_norm=configs.get("use_clip_norm", False),
            use_state=False,
        ).train()

    @classmethod
    def from_checkpoint(cls, ckpt_path=None, ckpt_source="torch", configs=None):
        if ckpt_path is not None and ckpt_source not in ("torch", "lightning"):
            raise NotImplementedError(f"model_load_source {ckpt_source!r}: this test double reads torch and lightning")
        model = cls(configs)
        if ckpt_path is not None:
            saved = torch.load(ckpt_path, map_location="cpu")
            state = saved["state_dict"] if "state_dict" in saved else saved["model_state_dict"]
            if ckpt_source == "torch":
                state = {key.replace("module.", ""): value for key, value in state.items()}
                state = {key if key.startswith("model.") else f"model.{key}": v for key, v in state.items()}
            print(model.load_state_dict(state, strict=False))
        return model

    @property
    def num_gpus(self):
        return self.trainer.num_devices * self.trainer.num_nodes

    def get_grouped_params(self, model):
        params = [p for p in model.parameters() if p.requires_grad]
        return [{"params": params, "weight_decay": self.configs["weight_decay"]}]

    def configure_optimizers(self):
        configs, limits = self.configs, self.configs["trainer"]
        eff_batch_size = configs["batch_size"] * self.num_gpus * (configs["seq_len"] - 1)
        print(f"effective batch size: {eff_batch_size}, learning rate: {configs['learning_rate']}")
        optimizer = torch.optim.AdamW(self.get_grouped_params(self.model), lr=configs["learning_rate"])
        epoch = self.trainer.estimated_stepping_batches / self.trainer.max_epochs
        warmup = configs.get("warmup_epochs", 0) * epoch + configs.get("warmup_steps", 0)
        total = limits["max_epochs"] * epoch
        total = total if limits["max_steps"] == -1 else min(total, limits["max_steps"])
        schedule = self._schedule(optimizer, warmup, total, configs["min_lr_scale"])
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step", "frequency": 1},
        }

    def _schedule(self, optimizer, warmup, total, floor):
        kind = self.configs.get("scheduler", "constant")
        if kind == "constant":
            return transformers.get_constant_schedule_with_warmup(optimizer, warmup)
        if kind == "cosine":
            return transformers.get_cosine_schedule_with_warmup(optimizer, warmup, num_training_steps=total)
        if kind != "half-cosine":
            raise NotImplementedError(kind)

        def scale(step):
            if step < warmup:
                return step / warmup
            return floor + (1 - floor) * (1 + math.cos(math.pi * (step - warmup) / (total - warmup))) / 2

        return torch.optim.lr_scheduler.LambdaLR(optimizer, scale)

    def _process_batch(self, batch):
        """The batch on the GPU, always: as a tuple of 19 in upstream's order."""
        if isinstance(batch, list):
            batch = batch[0]

        def moved(name):
            value = batch.get(name)
            return None if value is None else value.cuda()

        rgb = batch["rgb"].cuda()  # (B, W, 3, H, W')
        rgb = rgb.unsqueeze(1) if rgb.ndim == 4 else rgb
        rgb = rgb[:, : self.configs["window_size"]]
        text, text_mask = batch["text"].cuda(), batch["text_mask"].cuda()  # (B, L)
        hand = moved("hand_rgb") if self.use_hand_rgb else None
        arm = gripper = arm_chunk = gripper_chunk = None
        if (action := moved("action")) is not None:
            arm = action[:, :, :6]  # (B, W+N-1, 6)
            gripper = ((action[:, :, 6] + 1) / 2).long()  # (B, W+N-1)
        attention = moved("attention_mask")
        if (chunk := moved("action_chunck")) is not None:
            arm_chunk, gripper_chunk = chunk[..., :6], chunk[..., -1]  # (B, W, N, 6), (B, W, N)
        fwd_rgb, fwd_hand, chunk_mask, fwd_mask = (moved(name) for name in BATCH_OPTIONS)
        instr = [moved(name) for name in INSTR_OPTIONS]
        tail = batch.get("raw_text"), batch.get("rel_state"), batch.get("data_source", "calvin_action")
        head = rgb, hand, attention, text, text_mask, fwd_rgb, fwd_hand
        return (*head, arm, gripper, arm_chunk, gripper_chunk, chunk_mask, fwd_mask, *instr, *tail)

    def _arguments(self, batch):
        batch = self._process_batch(batch[0] if isinstance(batch, tuple) else batch)
        rgb, hand, _, text, text_mask, fwd_rgb, fwd_hand, _, _, arm_chunk, gripper_chunk = batch[:11]
        keywords = {
            "attention_mask": text_mask,
            "action_labels": (arm_chunk, gripper_chunk),
            "vision_gripper": hand,
            "fwd_rgb_labels": fwd_rgb,
            "fwd_hand_rgb_labels": fwd_hand,
        }
        names = ("action_mask", "fwd_mask", *INSTR_OPTIONS, "raw_text", "rel_state", "data_source")
        return (rgb, text), keywords | dict(zip(names, batch[11:], strict=True))

    def _get_loss(self, prediction):
        arm, gripper = prediction.get("loss_arm_act"), prediction.get("loss_gripper_act")
        loss, loss_act = torch.tensor(0.0).to(self.device), None
        if self.act_pred:
            loss_act = 0 if arm is None else arm
            loss_act = loss_act + (0 if gripper is None else gripper * self.arm_gripper_loss_ratio)
            loss = loss + loss_act
        return {"loss": loss, "loss_act": loss_act} | {name: prediction.get(name) for name in LOGGED}

    def _log_output(self, output, phase, **kwargs):
        for name, value in output.items():
            if value is not None:
                self.log(f"{phase}_{name}", value, prog_bar=name != "loss_act", **kwargs)

    def training_step(self, batch, batch_idx):
        inputs, keywords = self._arguments(batch)
        output = self._get_loss(self.model.forward(*inputs, **keywords))
        self._log_output(output, "train", on_step=True, on_epoch=False)
        return output["loss"]

    def validation_step(self, batch, batch_idx, dataloader_idx=0):
        inputs, keywords = self._arguments(batch)
        with torch.no_grad():
            output = self._get_loss(self.model.forward(*inputs, **keywords))
        self._log_output(output, "val", sync_dist=True, on_epoch=True, on_step=False)

    def inference_step(self, batch):
        inputs, keywords = self._arguments(batch)
        keywords.pop("data_source")
        with torch.no_grad():
            return self.model.inference(*inputs, **keywords)
