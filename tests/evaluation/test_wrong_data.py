"""A policy that drives, held against episodes that are wrong: eval says what is wrong, and nothing of sound ones."""

import json
import shutil

import h5py
import pytest
from support.checkouts import STANDIN
from support.processes import run_warm

from robovlms_mobile.data.augment.mirror import mirror_instruction
from robovlms_mobile.data.hdf5.episode_file import read_episode
from robovlms_mobile.data.instructions import instruction_for

pytestmark = pytest.mark.slow


def tell(file, instruction):
    """Write another instruction into an open episode."""
    if "language_instruction" in file:
        del file["language_instruction"]
    file.create_dataset("language_instruction", data=[instruction], dtype=h5py.string_dtype("utf-8"))


def bgr(file, instruction):
    file["images"][...] = file["images"][...][..., ::-1]


def other_side(file, instruction):
    tell(file, mirror_instruction(instruction, None))


def one_for_all(file, instruction):
    tell(file, "Drive to the cup.")


def nothing(file, instruction):
    """A negative control."""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (bgr, "looks like BGR"),
        (other_side, "left and right look exchanged"),
        (one_for_all, "every episode has one instruction"),
        (nothing, ""),
    ],
)
def test_wrong_episodes_are_called_what_they_are(driver, tmp_path, change, said):
    for name in json.loads((driver.run / "split.json").read_text())["validation"]:
        source = driver.home / "runs" / "demo" / "episodes" / name
        shutil.copy(source, tmp_path)
        with h5py.File(tmp_path / name, "a") as file:
            change(file, instruction_for(read_episode(source)))
    command = ["eval", driver.run, "--data", tmp_path, "--root", STANDIN, "--out", tmp_path / "out", "--json"]
    done = run_warm(["-m", "robovlms_mobile", *command], cwd=driver.home, timeout=900)
    assert done.returncode == 0, done.stderr
    verdict = "\n".join(json.loads(done.stdout)["verdict"])
    assert said in verdict
    wrong = {"looks like BGR", "look exchanged", "one instruction"}
    assert {words for words in wrong if words in verdict} == {words for words in wrong if words in said}
    if not said:
        assert "listens: " in verdict and "\nlooks: " in f"\n{verdict}"
