"""openpi-client as PyPI has it, in an environment of its own (it wants an older NumPy), drives a policy of ours."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from support.served import served

from robovlms_mobile.errors import MobileError

pytestmark = pytest.mark.slow
DRIVE = """
import json, sys
import numpy as np
from openpi_client.websocket_client_policy import WebsocketClientPolicy

policy = WebsocketClientPolicy("127.0.0.1", int(sys.argv[1]), api_key="secret")
said = {"metadata": policy.get_server_metadata(), "actions": []}
for number in range(3):
    answer = policy.infer({"image": np.full((4, 6, 3), number, np.uint8), "prompt": "Go left."})
    said["actions"].append(answer["actions"].tolist())
    assert answer["actions"].dtype == np.float32 and answer["server_timing"]["infer_ms"] == 1.0
try:
    policy.infer({"image": None, "prompt": "Go left."})
except RuntimeError as error:
    said["error"] = str(error)
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def openpi_python(tmp_path_factory):
    """The Python of a new environment with openpi-client; skipped where that cannot be installed."""
    folder = tmp_path_factory.mktemp("openpi")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    packages = ["openpi-client", "typing_extensions"]  # which it imports and does not ask for
    done = subprocess.run([python, "-m", "pip", "install", "-q", *packages], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"openpi-client cannot be installed here: {done.stderr.strip().splitlines()[-1]}")
    return python


class Brightness:
    """Answers the picture's mean and the length of the instruction."""

    def reset(self, instruction=None):
        pass

    def infer(self, observation):
        if observation["image"] is None:
            raise MobileError("The observation has no image.")
        actions = np.float32([[observation["image"].mean(), len(observation["instruction"])]])
        return {"actions": actions, "policy_timing": {"infer_ms": 1.0}}


def test_the_client_from_pypi_drives(openpi_python):
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with served(Brightness, {"hash": "abc", "dims": ["linear_x", "linear_y"]}, token="secret") as port:
        command = [openpi_python, "-c", DRIVE, str(port)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environ)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["metadata"] == {"hash": "abc", "dims": ["linear_x", "linear_y"]}
    assert said["actions"] == [[[0, 8]], [[1, 8]], [[2, 8]]]
    assert "The observation has no image." in said["error"]
