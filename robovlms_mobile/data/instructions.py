"""The instruction a policy is given for an episode: the config's, the file's own, or one made from the scenario."""

from robovlms_mobile.data.episodes import Episode
from robovlms_mobile.errors import ConfigError

DEFAULT = "Drive to the cup."
BOXES = {"1box": "the box", "2box": "the two boxes"}


def instruction_for(episode: Episode, option: str | dict | None = None) -> str:
    """Return the instruction for one episode.

    Args:
        episode: an `Episode`.
        option: the config's `instruction`: None (the file's own, else made from the scenario, else DEFAULT), a
            string for all, or a mapping from scenario or part of one ("2box_left", "left") to string, where the
            key with most parts wins and "default" matches any.

    Raises:
        ConfigError: a mapping has nothing for this episode.
    """
    if isinstance(option, str):
        return option
    if option is None:
        return episode.instruction or _from_scenario(episode.scenario) or DEFAULT
    parts = set((episode.scenario or "").split("_"))
    fitting = [key for key in option if key == "default" or set(key.split("_")) <= parts]
    if not fitting:
        raise ConfigError(
            f"instruction has nothing for {episode.name} (scenario {episode.scenario}); it has {sorted(option)}.",
            'Add the scenario, or a "default".',
        )
    return option[max(fitting, key=lambda key: 0 if key == "default" else len(key.split("_")))]


def _from_scenario(scenario):
    if scenario is None:
        return None
    boxes, _, side = scenario.split("_")
    return f"Drive around {BOXES[boxes]} on the {side} to the cup."
