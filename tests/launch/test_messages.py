"""No error of the user's ends in a traceback, whichever way main.py was started."""

import pytest

from robovlms_mobile.errors import DataError
from robovlms_mobile.launch.messages import message

EARLY_LOAD = "from robovlms_mobile.plugin import early_load; early_load()\n"  # what the patch makes of it


def test_an_error_from_a_worker_of_a_loader_is_its_own_words():
    from torch.utils.data import DataLoader

    with pytest.raises(DataError) as caught:
        next(iter(DataLoader(Broken(), num_workers=1, multiprocessing_context="fork")))
    assert "Traceback" in str(caught.value)
    assert message(caught.value) == "a.h5: cannot be read.\nSecond line. Run: data check"
    assert message(DataError("a.h5: Caught", "Look.")) == "a.h5: Caught Look."


class Broken:
    """A dataset whose one sample cannot be read."""

    def __len__(self):
        return 1

    def __getitem__(self, index):
        raise DataError("a.h5: cannot be read.\nSecond line.", "Run: data check")


@pytest.mark.parametrize(
    ("overrides", "flags", "said"),
    [
        ({"num_workers": 0}, [], "num_workers is 0, expected a whole number > 0"),
        pytest.param({"trainer": {"precision": "bf16-true"}}, [], 'set it to "bf16-mixed"', marks=pytest.mark.slow),
        ({}, ["--gpus", "2"], "Run: torchrun --standalone --nproc_per_node 2 "),
    ],
)
@pytest.mark.heavy
def test_a_patched_main_py_prints_the_message_alone(
    upstream_copy, make_config, run_afresh, tmp_path, overrides, flags, said
):
    (upstream_copy / "robovlms/__init__.py").write_text(EARLY_LOAD)
    done = run_afresh([upstream_copy / "main.py", make_config(**overrides), *flags], cwd=tmp_path)
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    (line,) = [each for each in done.stderr.splitlines() if each.startswith("robovlms-mobile: ")]
    assert said in line
    assert not list(tmp_path.glob("runs/**/run.json"))


def test_a_process_that_runs_something_else_keeps_its_tracebacks(run_afresh, tmp_path):
    code = "import robovlms_mobile, robovlms_mobile.errors as e; robovlms_mobile.register(); raise e.DataError('x')"
    assert "Traceback" in run_afresh(["-c", code], cwd=tmp_path).stderr
