"""Parameters as ROS gives them, and the rules that follow."""

import pytest

from robovlms_mobile.errors import ConfigError
from robovlms_mobile.ros.exchange import Facts
from robovlms_mobile.ros.node_parameters import RULES, Parameters


def facts(period=None):
    return Facts(("linear_x", "linear_y"), -1.15, 1.15, period, {})


def test_every_parameter_has_a_rule_and_its_default_fits():
    assert vars(Parameters()).keys() == RULES.keys()


def test_the_rate_is_the_recordings_where_none_is_given():
    rules = Parameters().rules(facts(0.4))
    assert (rules.period, rules.late) == (0.4, 0.4)
    assert rules.life == pytest.approx(0.6)
    assert Parameters(rate=5.0).rules(facts(0.4)).period == pytest.approx(0.2)


def test_without_any_rate_the_node_does_not_start():
    with pytest.raises(ConfigError, match="rate is not given"):
        Parameters().rules(facts())


def test_whole_numbers_are_taken_for_others():
    given = Parameters.of({"rate": 2, "max_linear_x": 1, "repeats": 0})
    assert (given.rate, given.limits.speed[0], given.repeats) == (2.0, 1.0, 0)


def test_all_that_does_not_fit_is_told_at_once():
    wrong = {"rate": "fast", "transport": "theora", "max_linear_x": 0.0, "repeats": 1.5, "strict": "yes", "late": -1}
    with pytest.raises(ConfigError) as caught:
        Parameters.of(wrong)
    assert all(f"{name} is " in str(caught.value) for name in wrong)


def test_commands_come_often_enough_to_be_a_watchdog():
    with pytest.raises(ConfigError, match="publish_rate"):
        Parameters(publish_rate=1.0)


def test_a_pulse_is_no_longer_than_an_action_lives():
    with pytest.raises(ConfigError, match="pulse"):
        Parameters(rate=2.0, pulse=1.0).rules(facts())
