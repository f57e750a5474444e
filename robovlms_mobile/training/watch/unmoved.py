"""What to say of a policy that does one thing whatever it is shown. Loaded where there is one."""


def one_thing(direction: str, share: float, recorded: float) -> str:
    """Return the warning for one direction predicted at a share of the frames, and the share it was recorded at."""
    return (
        f"the policy predicts {direction} at {share:.0%} of the validation frames, where it was recorded at "
        f"{recorded:.0%}: it does the same whatever it sees. In a first epoch that may pass. If it stays: "
        '"balance": "direction" and "mirror": 0.5 in train_dataset, act_head.num_layers 1 on few episodes, or a '
        "learning_rate ten times as high."
    )
