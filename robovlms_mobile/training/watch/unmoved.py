"""What to say of a policy that does one thing whatever it is shown. Loaded where there is one."""


def one_thing(direction: str, share: float, recorded: float) -> str:
    """Return the warning for one direction predicted at a share of the frames, and the share it was recorded at."""
    return (
        f"the policy predicts {direction} at {share:.0%} of the validation frames, where it was recorded at "
        f"{recorded:.0%}: it does the same whatever it sees. In a first epoch that may pass. If it stays: "
        '"balance": "direction" and "mirror": 0.5 in train_dataset, act_head.num_layers 1 on few episodes, or a '
        "learning_rate ten times as high."
    )


def no_look(spread: float, recorded: float) -> str:
    """Return the warning for a policy whose predictions differ less between pictures, m/s, than what was recorded."""
    return (
        "the policy does not react to the picture: at the same frame under the same instruction its predictions of "
        f"different episodes differ by {spread:.4f} m/s, the recorded ones by {recorded:.3f} m/s. "
        "Look whether the pictures of the data report are what the robot saw; on few episodes take "
        "act_head.num_layers 1; a learning_rate ten times as high helps a policy that has not started to learn."
    )
