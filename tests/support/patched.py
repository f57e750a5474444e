"""A run of a patched checkout's main.py that tells, once it trains, what it has loaded and what it has replaced."""

import json
import os
import shutil
from types import SimpleNamespace

from support.checkouts import TESTS
from support.processes import git, run_python
from support.runs import write_package

from robovlms_mobile.cli import main as cli
from robovlms_mobile.data.block import Block
from robovlms_mobile.data.episodes import find_episodes
from robovlms_mobile.data.frame_store.store import open_store
from robovlms_mobile.data.split.kept import divided

LOADER = (
    "from importlib.metadata import entry_points\n"
    "for entry in entry_points(group='robovlms.plugins'):\n"
    "    entry.load()()\n"
)
PROBE = """
import json, os, sys
from pathlib import Path
from lightning.pytorch import Callback
from support.code_lines import code_lines
from support.untouched import replaced

def lines(module):
    text = Path(module.__file__).read_text(encoding="utf-8")
    return code_lines(text), len(text.splitlines())

class Probe(Callback):
    replaced = None

    def on_train_start(self, trainer, module):
        self.replaced = replaced()

    def on_fit_end(self, trainer, module):
        ours = {name: lines(module) for name, module in sys.modules.items() if name.startswith("robovlms_mobile")}
        facts = {"replaced": self.replaced, "lines": ours, "rank": os.environ.get("RANK")}
        Path(os.environ["FACTS"]).write_text(json.dumps(facts))

def factory():
    return [Probe()]
"""


def copy_of(checkout, target):
    """Copy or clone `checkout` to `target` and let it load plugins: by hand, since no patch fits the stand-in."""
    if (checkout / ".git").exists():
        git("clone", "--quiet", checkout, target)
    else:
        shutil.copytree(checkout, target, ignore=shutil.ignore_patterns("__pycache__"))
    (target / "robovlms" / "__init__.py").write_text(LOADER)
    return target


def make_ready(data):
    """Decode and divide the episodes in a folder, as any run there does that comes first."""
    assert cli(["data", "cache", data, "--json"]) == 0
    store = open_store(data)
    paths = find_episodes(data)
    divided(Block(data), [store.read(path) for path in paths], store)


def run_and_look(folder, command, config):
    """Run `command` with `config` in `folder`; return (done, facts of PROBE; None where it did not get so far)."""
    entry = "[lightning.pytorch.callbacks_factory]\nprobe = probe_of_tests:factory\n"
    site = folder / "site"
    if not site.exists():
        write_package(site, "probe_of_tests", PROBE, entry)
    facts = folder / "facts.json"
    path = os.pathsep.join([str(site), str(TESTS)])
    done = run_python([*command, config], cwd=folder, env={"PYTHONPATH": path, "FACTS": facts}, timeout=900)
    return SimpleNamespace(done=done, folder=folder, facts=json.loads(facts.read_text()) if facts.exists() else None)
