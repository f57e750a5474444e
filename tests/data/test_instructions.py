from pathlib import Path

import numpy as np
import pytest

from robovlms_mobile.data.episodes import Episode
from robovlms_mobile.data.instructions import instruction_for
from robovlms_mobile.errors import ConfigError


def episode(scenario="2box_hori_left", instruction=None):
    return Episode(Path("e.h5"), "images", 1, np.zeros((1, 3), np.float32), instruction, scenario)


def test_the_files_own_instruction_comes_first():
    assert instruction_for(episode(instruction="Go to the cup")) == "Go to the cup"


def test_without_one_it_is_made_from_the_scenario():
    assert instruction_for(episode()) == "Drive around the two boxes on the left to the cup."


@pytest.mark.parametrize("scenario", [None, "core", "2box", "target_center_left", "1box_a_b_left"])
def test_without_any_that_is_known_nothing_is_made_up(scenario):
    with pytest.raises(ConfigError, match=r'"instruction": "Drive to the cup\."') as caught:
        instruction_for(episode(scenario=scenario))
    assert str(caught.value).startswith("e.h5 has no instruction")


def test_the_configs_string_overrides_the_file():
    assert instruction_for(episode(instruction="Go"), "컵까지 가세요") == "컵까지 가세요"


def test_in_a_mapping_the_closest_scenario_wins():
    option = {"left": "L", "2box_left": "2L", "2box_hori_left": "exact", "default": "D"}
    assert instruction_for(episode(), option) == "exact"
    assert instruction_for(episode("2box_vert_left"), option) == "2L"
    assert instruction_for(episode("1box_vert_left"), option) == "L"
    assert instruction_for(episode("1box_vert_right"), option) == "D"


def test_a_scenario_the_mapping_lacks_is_named():
    with pytest.raises(ConfigError, match="1box_vert_right"):
        instruction_for(episode("1box_vert_right"), {"left": "L"})
