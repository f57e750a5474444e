"""What tests share: upstream (test double and real one), a tiny VLM, episodes, a config, a subprocess."""

import json
import os
import shutil
from types import SimpleNamespace

import pytest
from support.checkouts import STANDIN, clone_of_real
from support.configs import merge, minimal_config
from support.patched import copy_of, make_ready, run_and_look
from support.processes import git, run_python, run_warm


@pytest.fixture(scope="session", autouse=True)
def _home_of_their_own(tmp_path_factory):
    """Neither the user's git configuration nor anything else in their home decides how a test ends."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as environ:
        for name in [name for name in os.environ if name.startswith(("GIT_", "XDG_"))]:
            environ.delenv(name)
        environ.setenv("HOME", str(home))
        environ.setenv("GIT_CONFIG_NOSYSTEM", "1")
        yield


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Heavy tests run on the test double each time, on the real checkout with the slow ones."""
    for item in items:
        on_real = "callspec" in dir(item) and item.callspec.params.get("upstream_root") == "real"
        if on_real and item.get_closest_marker("heavy"):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def once():
    """`once(key, make)` → what `make()` returned first: a fixture with parameters is made anew in each file."""
    made = {}

    def once(key, make):
        if key not in made:
            made[key] = make()
        return made[key]

    return once


@pytest.fixture(params=["standin", "real"], scope="session")
def upstream_root(request, once, tmp_path_factory):
    """The checkout under test, first the double, then the real one as committed, patched or not where it stands."""
    if request.param == "standin":
        return STANDIN
    return once("real checkout", lambda: clone_of_real(tmp_path_factory))


@pytest.fixture
def upstream_copy(upstream_root, tmp_path):
    """A fresh git copy of the checkout under test, clean and at its commit: a test may patch it."""
    target = tmp_path / "RoboVLMs"
    if (upstream_root / ".git").exists():
        git("clone", "--quiet", upstream_root, target)
        return target
    shutil.copytree(upstream_root, target, ignore=shutil.ignore_patterns("__pycache__"))
    git("-C", target, "init", "--quiet")
    git("-C", target, "add", "--all", "--force")
    git(
        "-C",
        target,
        "-c",
        "user.name=tests",
        "-c",
        "user.email=tests@localhost",
        "commit",
        "--quiet",
        "-m",
        "copy",
    )
    return target


@pytest.fixture(scope="session")
def tiny_vlm(tmp_path_factory):
    """Folder of a tiny Kosmos-2 with its processor, made once."""
    from robovlms_mobile.simulation.tiny_vlm import make_tiny_vlm

    folder = tmp_path_factory.mktemp("vlm") / "tiny-kosmos2"
    make_tiny_vlm(folder)
    return folder


@pytest.fixture(scope="session")
def episodes(tmp_path_factory):
    """Folder of six synthetic episodes: 18 frames each, 64 x 36 pixels."""
    from robovlms_mobile.simulation.recordings import write_episodes

    folder = tmp_path_factory.mktemp("episodes")
    write_episodes(folder, episodes=6, seed=0, size=(64, 36))
    return folder


@pytest.fixture(scope="session")
def driver(tmp_path_factory):
    """A run that drives, as `make demo` trains it: home, the folder it was started in, and run. For slow tests."""
    from support.runs import train_demo

    home = tmp_path_factory.mktemp("demo")
    return SimpleNamespace(home=home, run=train_demo(home))


@pytest.fixture
def make_config(request, tmp_path):
    """Factory: `make_config(trainer={"max_epochs": 2}, without=["fwd_head"])` → path of a config file.

    Keywords are merged into the minimal config, objects key by key; `without` names keys to leave out, dotted
    where nested; `name` is the file's name. The tiny VLM is made unless `model_path` is given (then set `vlm`
    and `tokenizer` too), the episodes where a dataset is MobileVLAH5Dataset and has no `data_dir` of its own.
    """

    def make(name="config.json", without=(), **overrides):
        config = minimal_config(tmp_path)
        if "model_path" not in overrides:
            folder = str(request.getfixturevalue("tiny_vlm"))
            config["model_path"] = folder
            for block in ("vlm", "tokenizer"):
                config[block]["pretrained_model_name_or_path"] = folder
        merge(config, overrides)
        for split in ("train_dataset", "val_dataset"):
            if config[split]["type"] == "MobileVLAH5Dataset":
                config[split].setdefault("data_dir", str(request.getfixturevalue("episodes")))
        for dotted in without:
            *parents, last = dotted.split(".")
            block = config
            for parent in parents:
                block = block[parent]
            del block[last]
        path = tmp_path / name
        path.write_text(json.dumps(config, indent=2))
        return path

    return make


@pytest.fixture(scope="session")
def write_config(tiny_vlm, episodes):
    """`write_config(folder, **overrides)` → path of a config of a run that writes below `folder`."""

    def write(folder, **overrides):
        config = minimal_config(folder)
        config["model_path"] = str(tiny_vlm)
        for block in ("vlm", "tokenizer"):
            config[block]["pretrained_model_name_or_path"] = str(tiny_vlm)
        for block in ("train_dataset", "val_dataset"):
            config[block]["data_dir"] = str(episodes)
        path = folder / "config.json"
        path.write_text(json.dumps(merge(config, overrides)))
        return path

    return write


@pytest.fixture(name="run_python", scope="session")
def run_warm_fixture():
    """The function `run_warm(arguments, cwd, env=None, timeout=300)`: a run without the seconds to import torch."""
    return run_warm


@pytest.fixture(scope="session")
def run_afresh():
    """The function `run_python(arguments, cwd, env=None, timeout=300)`: an interpreter that has imported nothing."""
    return run_python


@pytest.fixture(scope="session")
def patched_run(upstream_root, once, write_config, tmp_path_factory):
    """One run of a patched checkout's main.py on a folder in use: done, facts (see support/patched.py), folder."""
    return once(("patched run", upstream_root), lambda: _patched_run(upstream_root, write_config, tmp_path_factory))


def _patched_run(upstream_root, write_config, tmp_path_factory):
    folder = tmp_path_factory.mktemp("patched")
    checkout = copy_of(upstream_root, folder / "RoboVLMs")
    shipped = {"windows": "padded"}  # as in the lab's config; a few batches of them
    config = write_config(
        folder, train_dataset=shipped, val_dataset=shipped, trainer={"limit_train_batches": 20, "limit_val_batches": 5}
    )
    data = json.loads(config.read_text())["train_dataset"]["data_dir"]
    make_ready(data)
    return run_and_look(folder, [checkout / "main.py"], config)
