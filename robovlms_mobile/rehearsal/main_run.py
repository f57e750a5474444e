"""A run through upstream's own `main.py` in this process, with one more callback that looks at it."""

import contextlib
import copy
import importlib.util
import io
import sys
from pathlib import Path
from typing import Any

NO_FLAGS = {"config": "rehearsal", "gpus": 1, "num_nodes": 1, "trainer": {}}


def run_main(root: str | Path, config: dict, callback: Any) -> None:
    """Train as `python main.py CONFIG` does. What upstream prints is not shown.

    Args:
        root: the checkout.
        config: as `load_config` gives it.
        callback: Lightning's, added to upstream's own.
    """
    from robovlms_mobile import plugin
    from robovlms_mobile.launch.process import around_main

    plugin.register()
    with contextlib.redirect_stdout(io.StringIO()), around_main(verbose=False):
        main = _load_main(root)
        stock = main.init_trainer_config
        main.init_trainer_config = lambda configs: _with_callback(stock(configs), callback)
        main.experiment(main.update_configs(config, copy.deepcopy(NO_FLAGS)))


def _with_callback(options: dict, callback: Any) -> dict:
    return {**options, "callbacks": [*options["callbacks"], callback]}


def _load_main(root: str | Path) -> Any:
    """Return the checkout's main.py as a module of its own, so that what is changed in it stays here."""
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    spec = importlib.util.spec_from_file_location("robovlms_checkout_main", Path(root) / "main.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
