"""The package says of every public function what goes in and what comes out."""

import ast
from pathlib import Path

import robovlms_mobile

PACKAGE = Path(robovlms_mobile.__file__).parent
HOOKS = {"setup", "state_dict", "load_state_dict"}  # and on_…: Lightning's, whose types Lightning says


def public(body, inside=""):
    """Yield (name, node) of the functions and methods in the body of a module or class that others may call."""
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public(node.body, f"{node.name}.")
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith(("_", "on_")) and node.name not in HOOKS:
            yield inside + node.name, node


def is_annotated(function):
    given = function.args
    every = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    named = [each for each in every if each is not None and each.arg not in ("self", "cls")]
    return function.returns is not None and all(each.annotation is not None for each in named)


def unannotated():
    for path in sorted(PACKAGE.rglob("*.py")):
        for name, function in public(ast.parse(path.read_text(encoding="utf-8")).body):
            if not is_annotated(function):
                yield f"{path.relative_to(PACKAGE).with_suffix('').as_posix()}.{name}"


def test_public_functions_are_annotated():
    assert list(unannotated()) == []


def test_type_checkers_are_told():
    """PEP 561: without the file a type checker reads none of the annotations of an installed package."""
    assert (PACKAGE / "py.typed").is_file()
