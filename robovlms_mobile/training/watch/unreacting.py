"""What to say of a policy that does not react to the picture. Loaded where there is one."""


def no_look(spread: float, recorded: float) -> str:
    """Return the warning for a policy whose predictions differ less between pictures, m/s, than what was recorded."""
    return (
        "the policy does not react to the picture: at the same frame under the same instruction its predictions of "
        f"different episodes differ by {spread:.4f} m/s, the recorded ones by {recorded:.3f} m/s. "
        "Look whether the pictures of the data report are what the robot saw; on few episodes take "
        "act_head.num_layers 1; a learning_rate ten times as high helps a policy that has not started to learn."
    )
