"""What is said of the episodes that a run would train on."""

import h5py
import numpy as np
from support.doctor import look, only, record

from robovlms_mobile.doctor import recorded
from robovlms_mobile.errors import DataError


class TestData:
    def test_episodes_frames_and_windows_of_either_split_are_counted(self, subject):
        seen = look(recorded.episodes, subject())
        assert {level for level, _, _ in seen} == {"ok"}
        text = "\n".join(only(seen, "ok"))
        assert "10 episodes match episode_*.h5, 180 frames" in text
        assert "4 frames 8×6 read in" in text and "on the left to the cup" in text
        assert "144 windows from 8 episodes" in text and "36 windows from 2 episodes" in text

    def test_the_counts_are_those_of_the_dataset(self, subject):
        from robovlms_mobile.data.dataset import MobileVLAH5Dataset

        given = subject().config
        keys = ("window_size", "fwd_pred_next_n", "image_size", "norm_action", "norm_min", "norm_max")
        above = {key: given[key] for key in keys}
        lengths = [
            len(MobileVLAH5Dataset(**given[name], **above, is_training=training))
            for name, training in (("train_dataset", True), ("val_dataset", False))
        ]
        assert lengths == [144, 36]

    def test_no_file_is_one_error_that_says_what_is_there(self, subject):
        pattern = {"episode_pattern": "episode_20261114_*.h5"}
        (text,) = only(look(recorded.episodes, subject(train_dataset=pattern, val_dataset=pattern)), "error", "warn")
        assert "holds 10 .h5 files" in text and "episode_20251114" in text
        assert text.endswith(" | Set episode_pattern accordingly.")

    def test_an_absent_folder_is_an_error(self, subject):
        absent = {"data_dir": "absent"}
        seen = look(recorded.episodes, subject(train_dataset=absent, val_dataset=absent))
        assert len(seen) == 1 and "not a folder" in seen[0][2]
        assert seen[0][2].endswith(") | Set data_dir in the dataset block.")

    def test_bad_files_are_all_named_and_stop_or_are_left_out_as_the_config_says(self, subject, recordings):
        names = sorted(path.name for path in recordings.iterdir())
        (recordings / names[0]).write_bytes(b"cut")
        record(recordings / names[9], actions=np.full((18, 3), np.nan, np.float32))
        errors = only(look(recorded.episodes, subject()), "error")
        assert len(errors) == 2 and names[0] in errors[0] and names[9] in errors[1] and "stops the run" in errors[0]
        skip = {"on_bad_episode": "skip"}
        seen = look(recorded.episodes, subject(train_dataset=skip, val_dataset=skip))
        assert only(seen, "error") == [] and len(only(seen, "warn")) == 2
        assert any("108 windows from 6 episodes" in text for text in only(seen, "ok"))

    def test_fewer_windows_than_a_batch_lose_validation_or_the_run(self, subject):
        seen = look(recorded.episodes, subject(batch_size=37))
        assert only(seen, "error") == [] and "no val_loss" in only(seen, "warn")[0]
        assert "nothing is trained" in only(look(recorded.episodes, subject(batch_size=145)), "error")[0]

    def test_episodes_too_short_for_a_window_are_named(self, subject, recordings):
        full = {"train_dataset": {"windows": "full"}, "val_dataset": {"windows": "full"}}
        first = min(recordings.iterdir())
        record(first, length=9)
        (text,) = [each for each in only(look(recorded.episodes, subject(**full)), "warn") if "too short" in each]
        assert first.name in text and "padded" in text
        for path in recordings.iterdir():
            record(path, length=9)
        assert len(only(look(recorded.episodes, subject(**full)), "error")) == 2

    def test_what_full_windows_hide_is_said_in_numbers(self, subject):
        full = {"train_dataset": {"windows": "full"}, "val_dataset": {"windows": "full"}}
        said = only(look(recorded.episodes, subject(**full)), "warn")
        assert len(said) == 2 and all("frames 8-17 of 18 are never seen (56% of all frames)" in each for each in said)

    def test_speeds_that_the_key_head_would_not_drive_are_an_error(self, subject):
        """Recorded are 1.15 m/s ahead: a key's speed only where the range ends there."""
        keys = {"act_head": {"type": "MobileKeyDecoder"}}
        assert only(look(recorded.episodes, subject(**keys)), "error") == []
        (text,) = only(look(recorded.episodes, subject(**keys, norm_min=-2, norm_max=2)), "error")
        assert "0.42 of a key's speed away from -2, 0 and 2" in text and "MobileLSTMDecoder" in text

    def test_clipped_actions_are_a_warning_with_the_values_to_set(self, subject):
        (text,) = only(look(recorded.episodes, subject(norm_min=-1, norm_max=1)), "warn")
        assert "±1.15" in text and '"norm_max": 1.15' in text

    def test_a_moving_dim_that_is_not_trained_is_a_warning(self, subject, recordings):
        record(min(recordings.iterdir()), actions=np.full((18, 3), [0, 0, 1.15], np.float32))
        (text,) = only(look(recorded.episodes, subject()), "warn")
        assert "angular_z" in text

    def test_episodes_on_both_sides_are_an_error(self, subject, recordings):
        first, second = sorted(path.name for path in recordings.iterdir())[:2]
        seen = look(recorded.episodes, subject(val_dataset={"episode_pattern": [first, second]}))
        (text,) = only(seen, "error")
        assert f"1 episodes are trained on and validated on: {second}" in text

    def test_an_instruction_that_lacks_the_scenario_is_an_error(self, subject):
        right = {"instruction": {"right": "Pass on the right."}}
        seen = look(recorded.episodes, subject(train_dataset=right, val_dataset=right))
        assert "instruction has nothing for" in only(seen, "error")[0]
        assert only(seen, "error")[0].endswith(' | Add the scenario, or a "default".')

    def test_colours_that_nobody_knows_are_an_error_until_the_config_says(self, subject, recordings):
        for path in recordings.glob("*.h5"):
            with h5py.File(path, "a") as file:
                del file.attrs["color_order"]
        for order, level in ((None, "error"), ("bgr", None)):
            blocks = {name: {"color_order": order} for name in ("train_dataset", "val_dataset")}
            found = [each for each in look(recorded.episodes, subject(**blocks)) if "RGB or BGR" in each[2]]
            assert [each[0] for each in found] == ([level] if level else [])
            assert all('write "color_order": "rgb" or "bgr" into both dataset blocks' in each[2] for each in found)

    def test_a_block_it_cannot_judge_is_said_to_be_unchecked(self, subject):
        seen = look(recorded.episodes, subject(train_dataset={"type": "Other"}, val_dataset={"windws": "full"}))
        assert [level for level, _, _ in seen] == ["warn", "warn"] and '"Other"' in seen[0][2]
        assert only(look(recorded.episodes, subject(window_size="4")), "ok", "error") == []

    def test_a_pixel_stream_that_does_not_decode_is_an_error(self, subject, monkeypatch):
        from robovlms_mobile.data.hdf5 import frames

        def broken(*args):
            raise DataError("episode_0.h5: frames 0 to 3 cannot be decoded")

        monkeypatch.setattr(frames, "read_frames", broken)
        assert "cannot be decoded" in only(look(recorded.episodes, subject()), "error")[0]
