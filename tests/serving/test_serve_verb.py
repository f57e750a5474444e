"""The verb from an adapter folder to answers over the network, and what it refuses."""

import contextlib
import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
from support.checkouts import STANDIN
from support.policies import write_policy
from support.processes import QUIET
from support.served import Client

from robovlms_mobile.cli import main as cli

SENTENCE = "Drive around the box on the left to the cup."


@pytest.fixture(scope="module")
def adapters(tiny_vlm, tmp_path_factory):
    return write_policy(tmp_path_factory.mktemp("served") / "best", tiny_vlm, STANDIN, {"instructions": {SENTENCE: 1}})


@contextlib.contextmanager
def serving(*arguments):
    """Run the verb while the block runs; gives process and port."""
    command = [sys.executable, "-m", "robovlms_mobile", "serve", *map(str, arguments), "--port", "0"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env={**os.environ, **QUIET}, **pipes) as process:
        try:
            assert "not verified" in process.stdout.readline()  # it has no golden frames
            line = process.stdout.readline()
            found = re.search(r"ws://127\.0\.0\.1:(\d+)", line)
            assert found, line
            yield process, int(found[1])
        finally:
            process.kill()


def test_an_adapter_folder_is_served_as_it_answers_here_until_it_is_told_to_end(adapters, tmp_path):
    from robovlms_mobile.policy import MobilePolicy

    (tmp_path / "token").write_text("secret\n")
    here = MobilePolicy.from_pretrained(adapters, root=STANDIN, device="cpu")
    here.reset(SENTENCE)
    frames = np.random.default_rng(0).integers(0, 256, (3, 36, 64, 3), dtype=np.uint8)
    options = ["--root", STANDIN, "--device", "cpu", "--token-file", tmp_path / "token"]
    with serving(adapters, *options) as (process, port), Client(port, "secret") as client:
        assert client.metadata["hash"] == here.metadata["hash"] and client.metadata["dims"] == here.dims
        for frame in frames:
            answer = client.infer({"image": frame, "prompt": SENTENCE})
            np.testing.assert_allclose(answer["actions"], here.infer({"image": frame})["actions"], atol=1e-6)
        assert "never trained" in client.infer({"image": frames[0], "prompt": "Fly to the moon."})
        assert "expected (height, width, 3) uint8" in client.infer({"image": frames[0] / 255.0})
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert process.stderr.read() == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--host", "0.0.0.0"], "everyone in the network could drive the robot"),
        (["--token-file", "absent"], "cannot be read"),
        (["--token-file", os.devnull], "is empty"),
    ],
)
def test_who_may_drive_is_asked_before_anything_is_loaded(tmp_path, capsys, arguments, said):
    assert cli(["serve", str(tmp_path), *arguments]) == 1
    assert said in capsys.readouterr().err
