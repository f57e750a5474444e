"""One trained run for the tests of this room."""

from types import SimpleNamespace

import pytest
from support.processes import run_warm
from support.runs import TRAIN, run_folder


@pytest.fixture(scope="session")
def trained(upstream_root, once, write_config, tmp_path_factory):
    """A run of one epoch: its folder `run`, the checkout `root` it is of, and where it was started, `home`."""
    return once(("trained", upstream_root), lambda: _train(upstream_root, write_config, tmp_path_factory))


def _train(upstream_root, write_config, tmp_path_factory):
    home = tmp_path_factory.mktemp("trained")
    config = write_config(home, trainer={"max_epochs": 1})
    done = run_warm([*TRAIN, upstream_root, config], cwd=home)
    assert done.returncode == 0, done.stderr
    return SimpleNamespace(run=run_folder(home), root=upstream_root, home=home)
