"""Take adapters out of a run: as a folder for PEFT, or merged into their base model, with a proof."""
