"""Thin: how many lines of the plugin a run loads, no tool among them, and rooms that know each other one way only."""

import ast
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from support.code_lines import code_lines

import robovlms_mobile

PACKAGE = Path(robovlms_mobile.__file__).parent
TOOLS = (
    *("bench", "checking", "checkout", "cli", "doctor", "evaluation", "interchange", "policy"),
    *("rehearsal", "report", "ros", "serving", "simulation"),
)
MOST = 3100  # lines of our code in a run of main.py on decoded, divided episodes: 3000, what makes it smaller, vintages


def table(lines):
    """Return the loaded modules, each with its lines of code and all its lines, the largest last, and the sums."""
    rows = [*sorted(lines.items(), key=lambda item: item[1]), (f"in {len(lines)} modules", sums(lines))]
    return "\n".join([" code   all", *(f"{code:5} {every:5} {name}" for name, (code, every) in rows)])


def sums(lines):
    """Return (lines of code, all lines) of all modules."""
    return tuple(map(sum, zip(*lines.values(), strict=True)))


def test_a_run_of_main_py_loads_few_lines_of_code(patched_run):
    lines = patched_run.facts["lines"]
    print(table(lines))
    assert sums(lines)[0] <= MOST, table(lines)


def test_a_line_of_code_is_none_that_is_blank_comment_or_docstring():
    source = '''"""Of two
lines."""

NUMBER = 1  # said beside it
TEXT = """no
docstring"""


def one(given):
    """In one line."""
    # why
    return [
        given,

    ]
'''
    assert code_lines(source) == 7  # NUMBER 1, TEXT 2, def 1, return 3


def test_a_run_of_main_py_loads_no_tool(patched_run):
    rooms = {name.split(".")[1] for name in patched_run.facts["lines"] if "." in name}
    assert rooms & set(TOOLS) == set()
    assert "robovlms_mobile.config.lint" not in patched_run.facts["lines"]


def test_no_two_modules_have_one_name():
    """Verbs of the command line may be called as the tool they call."""
    modules = [path.stem for path in PACKAGE.rglob("*.py") if path.parent.name != "cli" and path.stem != "__init__"]
    assert [name for name, count in Counter(modules).items() if count > 1] == []


def imports(path):
    """Yield the modules of ours that a file imports when it is itself imported: not those inside functions."""
    waiting = list(ast.parse(path.read_text()).body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("robovlms_mobile"):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("robovlms_mobile"))
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting += [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]


def room(parts):
    """Return the room of a module: its folder in the package, or its own name where it stands on the ground floor."""
    return parts[0] if (PACKAGE / parts[0]).is_dir() else f"{parts[0]}.py"


def arrows(folder=PACKAGE):
    """Return {(room, room it imports): one place where it does}."""
    found = {}
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        for name in imports(path):
            wanted = name.split(".")[1:]
            if wanted and parts[0] != "__init__" and wanted[0] != "__version__" and room(parts) != room(wanted):
                found.setdefault((room(parts), room(wanted)), f"{path.relative_to(folder)}: {name}")
    return found


def circle(known):
    """Return the arrows of one circle among rooms, or []."""

    def walk(path):
        for start, end in known:
            if start == path[-1] and end in path:
                return [*path[path.index(end) :], end]
            if start == path[-1] and (found := walk([*path, end])):
                return found
        return []

    for start, _ in known:
        if found := walk([start]):
            return [known[pair] for pair in pairwise(found)]
    return []


def test_rooms_import_each_other_one_way_only():
    assert circle(arrows()) == []


def test_a_circle_would_be_found():
    assert circle({("a", "b"): "1", ("b", "c"): "2", ("c", "b"): "3"}) == ["2", "3"]


@pytest.mark.parametrize("tool", TOOLS)
def test_what_a_run_loads_imports_no_tool(tool):
    """Whatever a run loads only now and then counts too: no arrow from a room of a run to a room of tools."""
    users = {place for (start, end), place in arrows().items() if end == tool and start not in TOOLS}
    assert users <= {"__main__.py: robovlms_mobile.cli.main"}
