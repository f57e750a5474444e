import numpy as np
import pytest

from robovlms_mobile.data.actions import ActionSpace
from robovlms_mobile.data.odd_episodes import dropped_dims, out_of_bounds
from robovlms_mobile.errors import ConfigError

KEYS = np.array([[1.15, 0, 0], [-1.15, 1.15, 0], [0, -1.15, 0], [0, 0, 0]], np.float32)
PLANE = ("linear_x", "linear_y")


def test_velocities_at_the_bounds_become_exactly_one():
    encoded = ActionSpace(PLANE, -1.15, 1.15).encode(KEYS)
    np.testing.assert_allclose(encoded[:, :2], [[1, 0], [-1, 1], [0, -1], [0, 0]], atol=1e-7)


def test_padding_is_exactly_zero_even_for_lopsided_bounds():
    encoded = ActionSpace(PLANE, -0.2, 1.15).encode(KEYS)
    assert encoded.shape == (4, 7)
    assert not encoded[:, 2:].any()


def test_padding_never_changes_real_actions():
    encoded = ActionSpace(PLANE, -1.15, 1.15).encode(KEYS)
    np.testing.assert_allclose(encoded[:, :2] * 1.15, KEYS[:, :2], atol=1e-6)


def test_real_dims_are_predicted_in_the_order_they_are_named():
    actions = np.array([[0.1, 0.2, 0.3]], np.float32)
    encoded = ActionSpace(("angular_z", "linear_x")).encode(actions)
    np.testing.assert_allclose(encoded[0, :3], [0.3, 0.1, 0], atol=1e-7)


def test_without_bounds_velocities_stay_what_they_are():
    actions = np.array([[0.25, -0.5, 0]], np.float32)
    np.testing.assert_allclose(ActionSpace(PLANE).encode(actions)[0, :2], [0.25, -0.5])


def test_encoding_agrees_with_upstreams_normalisation_formula():
    values = np.linspace(-2, 2, 41, dtype=np.float32)
    actions = np.stack([values, values, 0 * values], 1)
    expected = 2 * (np.clip(values, -0.65, 0.65) + 0.65) / 1.3 - 1
    np.testing.assert_allclose(ActionSpace(PLANE, -0.65, 0.65).encode(actions)[:, 0], expected, atol=1e-6)


@pytest.mark.parametrize(("low", "high", "expected"), [(-1.15, 1.15, None), (-1.0, 1.0, 1.15), (None, None, 1.15)])
def test_clipping_is_noticed(low, high, expected):
    space = ActionSpace(PLANE, low, high)
    assert out_of_bounds(KEYS, space) == pytest.approx(expected)
    assert space.keeps(KEYS) is (expected is None)


def test_a_dim_that_is_used_but_not_trained_is_named():
    turning = KEYS.copy()
    turning[2, 2] = 0.5
    assert dropped_dims(turning, ActionSpace(PLANE)) == ["angular_z"]
    assert dropped_dims(KEYS, ActionSpace(PLANE)) == []
    assert not ActionSpace(PLANE, -1.15, 1.15).keeps(turning)


@pytest.mark.parametrize("dims", [("linear_x", "yaw"), (), ("linear_x", "linear_x")])
def test_impossible_dims_are_refused(dims):
    with pytest.raises(ConfigError, match="real_dims"):
        ActionSpace(dims)


def test_swapped_bounds_are_refused():
    with pytest.raises(ConfigError, match=r"norm_min is 1\.15"):
        ActionSpace(PLANE, 1.15, -1.15)
