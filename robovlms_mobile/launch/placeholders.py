"""Let upstream's modules import without the packages that the mobile path never uses.

Upstream imports video readers, CLIP and pandas at the top of files that a mobile run only passes through; several of
them have no wheels for a Jetson. `install()` answers such an import, from `robovlms` only and only after the real
import failed, with a placeholder that raises as soon as it is used. Nothing enters `sys.modules` and `builtins` stays
as it is: to every other package (transformers asks for torchvision, accelerate for pandas) a missing package stays
missing.
"""

import builtins
import sys
from collections.abc import Mapping
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Any

# fmt: off
NAMES = frozenset({
    "cv2", "datasets", "decord", "deepspeed", "einops_exts", "ftfy", "open_clip", "pandas", "pyarrow", "pytorchvideo",
    "tkinter", "_tkinter", "torchvision", "transformers.utils.model_parallel_utils", "turtle",
})
# fmt: on
UPSTREAM = "robovlms"


def install() -> None:
    """Answer the imports of missing packages in upstream's modules loaded from now on. Idempotent."""
    if _Finder not in sys.meta_path:
        sys.meta_path.insert(0, _Finder)


class _Finder:
    """Finds upstream's modules where they are, and has them loaded by `_Loader`. Answers for no other name."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name.partition(".")[0] != UPSTREAM:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


class _Loader(SourceFileLoader):
    """Gives a module builtins of its own: Python's import statement takes `__import__` from its module's builtins."""

    def exec_module(self, module: ModuleType) -> None:
        vars(module)["__builtins__"] = BUILTINS
        super().exec_module(module)


def _import_or_placeholder(
    name: str, globals: Mapping | None = None, locals: Mapping | None = None, fromlist: Any = (), level: int = 0
) -> Any:
    try:
        return builtins.__import__(name, globals, locals, fromlist, level)
    except ModuleNotFoundError as error:
        if level or not _replaceable(name) or not error.name or not _replaceable(error.name):
            raise
        wanted_by = (globals or {}).get("__name__", UPSTREAM)
        return Placeholder(name if fromlist else name.partition(".")[0], error.name, wanted_by)


BUILTINS = {**vars(builtins), "__import__": _import_or_placeholder}  # what upstream's modules have for builtins


def _replaceable(name: str) -> bool:
    return name in NAMES or name.partition(".")[0] in NAMES


class Placeholder:
    """Stands for a missing package, or for anything in it, until it is called.

    Args:
        path: dotted name this stands for, e.g. `torchvision.transforms`.
        package: the package that is not installed.
        wanted_by: the module that imported it.
    """

    def __init__(self, path: str, package: str, wanted_by: str) -> None:
        self._path, self._package, self._wanted_by = path, package, wanted_by

    def __getattr__(self, name):
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return Placeholder(f"{self._path}.{name}", self._package, self._wanted_by)

    def __call__(self, *args, **kwargs):
        raise ImportError(
            f"{self._wanted_by} uses {self._path}, but the package '{self._package}' is not installed. "
            f"The mobile path does not need it; to use this part of upstream: pip install {self._package}",
            name=self._package,
        )

    def __repr__(self):
        return f"<placeholder for {self._path}, which {self._wanted_by} imports and '{self._package}' would provide>"
