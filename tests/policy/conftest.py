"""One adapter folder on the test double for the tests of this room. They load it in their own process, and no other."""

import pytest
from support.checkouts import STANDIN
from support.policies import write_policy

from robovlms_mobile.policy import MobilePolicy

LEFT, RIGHT = "Drive around the box on the left to the cup.", "Drive around the box on the right to the cup."
TOLD = {
    "instructions": {LEFT: 3, RIGHT: 2},
    "period": {"median": 1.0, "low": 0.8, "high": 1.5, "source": "total_duration / num_frames"},
}


@pytest.fixture(scope="session")
def adapters(tiny_vlm, tmp_path_factory):
    """An adapter folder of frames of 64 x 36 pixels, about a second apart, and two sentences."""
    folder = write_policy(tmp_path_factory.mktemp("policy") / "best", tiny_vlm, STANDIN, TOLD)
    return folder


@pytest.fixture(scope="session")
def loaded(adapters):
    """Its policy, on the CPU."""
    return MobilePolicy.from_pretrained(adapters, root=STANDIN, device="cpu")


@pytest.fixture
def policy(loaded):
    """The same weights, nothing seen or told yet."""
    return loaded.session()
