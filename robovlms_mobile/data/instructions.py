"""The instruction a policy is given for an episode: the config's, the file's own, or one made from the scenario."""

from robovlms_mobile.data.episodes import Episode
from robovlms_mobile.errors import ConfigError

BOXES = {"1box": "the box", "2box": "the two boxes"}


def instruction_for(episode: Episode, option: str | dict | None = None) -> str:
    """Return the instruction for one episode.

    Args:
        episode: an `Episode`.
        option: the config's `instruction`: None (the file's own, else made from the scenario), a string for all, or a
            mapping from scenario or part of one ("2box_left", "left") to string, where the key with most parts wins
            and "default" matches any.

    Raises:
        ConfigError: there is nothing for this episode.
    """
    if isinstance(option, str):
        return option
    if option is None:
        text = episode.instruction or _from_scenario(episode.scenario)
        if text is None:
            raise ConfigError(
                f"{episode.name} has no instruction, and none can be made from its scenario ({episode.scenario}).",
                'Say in both dataset blocks what it was told: "instruction": "Drive to the cup.", or {"default": "…"}.',
            )
        return text
    parts = set((episode.scenario or "").split("_"))
    fitting = [key for key in option if key == "default" or set(key.split("_")) <= parts]
    if not fitting:
        raise ConfigError(
            f"instruction has nothing for {episode.name} (scenario {episode.scenario}); it has {sorted(option)}.",
            'Add the scenario, or a "default".',
        )
    return option[max(fitting, key=lambda key: 0 if key == "default" else len(key.split("_")))]


def _from_scenario(scenario):
    boxes, *rest = (scenario or "").split("_")
    if boxes not in BOXES or len(rest) != 2:  # another lab's words
        return None
    return f"Drive around {BOXES[boxes]} on the {rest[1]} to the cup."
