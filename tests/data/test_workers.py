"""Workers that are spawned and not forked, as on macOS and with Python 3.14: everything reaches them by pickle."""

import pytest
from support.runs import losses, state

METHOD = """
import multiprocessing, sys
multiprocessing.set_start_method(sys.argv.pop(1))
from robovlms_mobile.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
@pytest.mark.heavy
def test_spawned_workers_train_as_forked_ones_do(upstream_root, run_afresh, write_config, tmp_path):
    for method in ("fork", "spawn"):
        (tmp_path / method).mkdir()
        config = write_config(tmp_path / method, num_workers=1)
        done = run_afresh(["-c", METHOD, method, "train", "--root", upstream_root, config], cwd=tmp_path / method)
        assert done.returncode == 0, done.stderr[-3000:]
    assert losses(tmp_path / "fork") == losses(tmp_path / "spawn")
    assert state(tmp_path / "spawn")["state_dict"]


@pytest.mark.parametrize("missing", ["resource", "register_at_fork", "RLIMIT_AS"])
def test_episodes_are_read_where_the_system_lacks_something(run_afresh, episodes, tmp_path, missing):
    """Windows has no `resource` and no fork, macOS keeps no limit of address space."""
    without = {
        "resource": "sys.modules['resource'] = None",
        "register_at_fork": "del os.fork, os.register_at_fork",
        "RLIMIT_AS": "import resource; resource.setrlimit = refuse",
    }[missing]
    (tmp_path / "sitecustomize.py").write_text(
        f"import os, sys\n\ndef refuse(*_):\n    raise ValueError\n\n{without}\n"
    )
    path = min(episodes.glob("*.h5"))
    read = f"from robovlms_mobile.data.hdf5.episode_file import read_episode; print(read_episode({str(path)!r}).length)"
    done = run_afresh(["-c", read], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)})
    assert done.stdout.strip() == "18", done.stderr[-2000:]
