"""Whether pictures and words reach the action, as doctor says it ahead of a run."""

import pytest
from support.doctor import look, only

from robovlms_mobile.config.load import load_config
from robovlms_mobile.doctor import reach
from robovlms_mobile.doctor.subject import Subject


class TestAudit:
    """The model is built in a process of its own: a few tests are enough."""

    @pytest.mark.heavy
    def test_a_model_that_looks_and_listens_is_fine_and_the_data_stay_as_they_are(
        self, make_config, upstream_root, recordings
    ):
        path = make_config(train_dataset={"data_dir": str(recordings), "instruction": {"left": "Pass on the left"}})
        before = sorted(recordings.rglob("*"))
        (finding,) = look(reach.reach, Subject(str(upstream_root), load_config(path), str(path)))
        assert finding[0] == "ok" and "8 image tokens and " in finding[2] and sorted(recordings.rglob("*")) == before

    def test_a_model_that_cannot_be_built_is_left_to_the_run(self, subject):
        (finding,) = look(reach.reach, subject())
        assert finding[0] == "warn" and "not audited: the model could not be built here" in finding[2]

    def test_an_audit_that_is_switched_off_is_said(self, subject):
        assert only(look(reach.reach, subject(mobile={"audit": "off"})), "warn")
