"""What a run needs of a card's memory, as doctor says it. On stand-in and real checkout."""

import pytest
from support.doctor import look

from robovlms_mobile.config.load import load_config
from robovlms_mobile.doctor import memory
from robovlms_mobile.doctor.subject import Subject

pytestmark = pytest.mark.heavy


@pytest.fixture
def run(make_config, upstream_root, monkeypatch):
    monkeypatch.setattr(memory, "has_cuda", lambda: False)
    path = make_config()
    return Subject(str(upstream_root), load_config(path), str(path))


def test_a_small_run_fits(run):
    (finding,) = look(memory.memory, run)
    assert finding[0] == "ok" and "GiB at the peak of a step on CUDA, predicted" in finding[2]


def test_what_would_make_it_fit_is_said(run, monkeypatch):
    monkeypatch.setattr(memory, "ELSEWHERE", "0.001GB")
    (finding,) = look(memory.memory, run)
    assert finding[0] == "warn" and "too much for 0.001GB" in finding[2]
    assert 'not even "trainer.precision": "bf16-mixed", "mobile.embeddings": "host"' in str(finding)


def test_a_model_that_cannot_be_counted_is_left_to_the_run(subject, monkeypatch):
    monkeypatch.setattr(memory, "has_cuda", lambda: False)
    (finding,) = look(memory.memory, subject())
    assert finding[0] == "warn" and "not predicted" in finding[2]
