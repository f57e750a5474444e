"""Episodes that exist by name alone, for what divides them: no files."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from robovlms_mobile.data.circumstances import NAME
from robovlms_mobile.data.episodes import Episode
from robovlms_mobile.simulation.recordings import episode_names


def episode(name):
    match = NAME.match(name)
    actions = np.resize(np.float32([(0, 0, 0), (1.15, 0, 0), (1.15, 1.15, 0), (1.15, -1.15, 0)]), (18, 3))
    return Episode(Path(f"{name}.h5"), "images", 18, actions, None, match["scenario"] if match else None)


def recorded(scenario, minutes, pattern="core", distance="medium"):
    started = datetime(2025, 11, 14, 9) + timedelta(minutes=minutes)
    return episode(f"episode_{started:%Y%m%d_%H%M%S}_{scenario}_{pattern}_{distance}")


def a_day(count=136):
    return [episode(name) for name in episode_names(count)]


def automatic_day(scenarios, count=136, interleaved=False):
    """A day's automatic recording: an episode every 47 seconds, scenario after scenario or in turns."""
    each = count // len(scenarios)
    order = scenarios * each if interleaved else [name for name in scenarios for _ in range(each)]
    return [recorded(name, number * 47 / 60) for number, name in enumerate(order)]


def scenarios_of(names):
    found = [NAME.match(name)["scenario"] for name in names]
    return {scenario: found.count(scenario) for scenario in sorted(set(found))}


def picture(seed):
    return np.random.default_rng(seed).integers(0, 256, (3, 16, 16), np.uint8)
