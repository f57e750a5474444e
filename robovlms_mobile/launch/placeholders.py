"""Let upstream's modules import without the packages that the mobile path never uses.

Upstream imports video readers, CLIP and pandas at the top of files that a mobile run only passes through; several of
them have no wheels for a Jetson. `install()` answers such an import, from `robovlms` only and only after the real
import failed, with a placeholder that raises as soon as it is used. Nothing enters `sys.modules`: to every other
package (transformers asks for torchvision, accelerate for pandas) a missing package stays missing.
"""

import builtins

NAMES = frozenset(
    {
        "cv2",
        "datasets",
        "decord",
        "deepspeed",
        "einops_exts",
        "ftfy",
        "open_clip",
        "pandas",
        "pyarrow",
        "pytorchvideo",
        "tkinter",
        "_tkinter",
        "torchvision",
        "transformers.utils.model_parallel_utils",
        "turtle",
    }
)
UPSTREAM = "robovlms"


def install():
    """Answer upstream's imports of missing packages from now on. Idempotent. Returns True when it was not yet on."""
    if hasattr(builtins.__import__, "real_import"):
        return False
    builtins.__import__ = _wrap(builtins.__import__)
    return True


def _wrap(real_import):
    def import_or_placeholder(name, globals=None, locals=None, fromlist=(), level=0):
        wanted_by = (globals or {}).get("__name__") or ""
        if level or not wanted_by.startswith(UPSTREAM) or not _replaceable(name):
            return real_import(name, globals, locals, fromlist, level)
        try:
            return real_import(name, globals, locals, fromlist, level)
        except ModuleNotFoundError as error:
            if not _replaceable(error.name or ""):
                raise
            return Placeholder(name if fromlist else name.partition(".")[0], error.name, wanted_by)

    import_or_placeholder.real_import = real_import
    return import_or_placeholder


def _replaceable(name):
    return name in NAMES or name.partition(".")[0] in NAMES


class Placeholder:
    """Stands for a missing package, or for anything in it, until it is called.

    Args:
        path: dotted name this stands for, e.g. `torchvision.transforms`.
        package: the package that is not installed.
        wanted_by: the module that imported it.
    """

    def __init__(self, path, package, wanted_by):
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
