import numpy as np
import pytest

from robovlms_mobile.data.hidden import hidden_frames, unseen_frames
from robovlms_mobile.data.windows import make_window, window_starts


@pytest.mark.parametrize("shift", [0, 1])
@pytest.mark.parametrize("length", [14, 15, 18, 40])
def test_full_windows_hold_real_actions_only(length, shift):
    for start in window_starts(length, 4, 10, "full", shift):
        window = make_window(start, length, 4, 10, shift)
        assert window.mask.all()
        assert len(set(window.actions)) == 13


@pytest.mark.parametrize("shift", [0, 1])
@pytest.mark.parametrize("length", [2, 3, 4, 13, 18])
def test_padded_windows_cover_every_frame_and_never_mask_everything(length, shift):
    starts = window_starts(length, 4, 10, "padded", shift)
    assert len(starts) == length - shift
    for start in starts:
        window = make_window(start, length, 4, 10, shift)
        assert window.mask.any()
        assert window.frames.max() < length and window.actions.max() < length


@pytest.mark.parametrize("mode", ["full", "padded"])
@pytest.mark.parametrize("shift", [0, 1])
@pytest.mark.parametrize("length", [3, 4, 13, 14, 18, 40])
def test_unseen_are_the_frames_that_no_window_has(length, shift, mode):
    windows = [make_window(start, length, 4, 10, shift) for start in window_starts(length, 4, 10, mode, shift)]
    seen = {int(frame) for window in windows for frame in window.frames}
    assert set(unseen_frames(length, 4, 10, mode, shift)) == set(range(length)) - seen


def test_what_full_windows_hide_is_said_in_numbers():
    assert hidden_frames([18] * 3, 4, 10, "full") == "frames 8-17 of 18 are never seen (56% of all frames)"
    assert hidden_frames([18, 18, 40, 9], 4, 10, "full").startswith("frames 8-17 of 18 are never seen (46%")
    assert hidden_frames([18, 9], 4, 10, "padded") == hidden_frames([], 4, 10, "full") == ""


def test_the_mask_marks_exactly_the_real_actions():
    window = make_window(16, 18, 4, 10)
    assert window.frames.tolist() == [16, 17, 17, 17]
    expected = np.zeros((4, 10), bool)
    expected[0, :2] = expected[1, :1] = True  # two actions left from frame 16, one from 17, none past the end
    np.testing.assert_array_equal(window.mask, expected)


def test_shift_pairs_every_frame_with_the_next_action():
    for start in range(4):
        plain, shifted = make_window(start, 18, 4, 10), make_window(start, 18, 4, 10, shift=1)
        np.testing.assert_array_equal(shifted.frames, plain.frames)
        np.testing.assert_array_equal(shifted.actions, plain.actions + 1)


def test_an_episode_too_short_has_no_window():
    assert not window_starts(13, 4, 10, "full")
    assert not window_starts(1, 4, 10, "padded", shift=1)
