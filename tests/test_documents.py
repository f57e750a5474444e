"""The documents name what there is: options, files, verbs, messages. Each test fails when one of them is missing."""

import ast
import re
from dataclasses import fields
from pathlib import Path

import pytest

from robovlms_mobile.cli import VERBS, build_parser
from robovlms_mobile.config.keys import MOBILE_KEYS
from robovlms_mobile.data.block import Block
from robovlms_mobile.ros.guard import Cause
from robovlms_mobile.ros.node_parameters import Parameters

ROOT = Path(__file__).parents[1]
READMES = ["README.md", "README.ko.md", "configs/README.md"]
ROBOT = "docs/on-your-robot.md"
PACKAGE = sorted((ROOT / "robovlms_mobile").rglob("*.py"))


def text_of(name):
    return (ROOT / name).read_text(encoding="utf-8")


def code_of(text):
    """Return what stands between backticks or in a fenced block: list[str]."""
    return re.findall(r"```.*?```", text, re.DOTALL) + re.findall(r"(?<!`)`([^`]+)`(?!`)", text)


def first_cells(text):
    """Return the code in the first cell of each row of a Markdown table: list[list[str]]."""
    rows = [line.replace(r"\|", "¦").split("|")[1] for line in text.splitlines() if line.startswith("| ")]
    return [code_of(cell) for cell in rows]


def options():
    of_mobile = [f"mobile.{section}.{key}" for section, known in MOBILE_KEYS.items() for key in known]
    switches = [f"mobile.{name}" for name, known in MOBILE_KEYS.items() if not known]
    return sorted([*(field.name for field in fields(Block)), *of_mobile, *switches])


@pytest.mark.parametrize("option", options())
def test_every_option_has_one_row_of_its_own(option):
    rows = [cell for cell in first_cells(text_of("configs/README.md")) if option in cell]
    assert len(rows) == 1, f"{option} begins {len(rows)} rows of configs/README.md, expected 1"


def test_an_option_that_is_gone_is_not_documented():
    named = {name for text in map(text_of, READMES) for each in code_of(text) for name in re.findall(MOBILE, each)}
    assert named
    assert {name for name in named if not any((each + ".").startswith(name + ".") for each in options())} == set()


MOBILE = r"(?<![\w.])mobile(?:\.[a-z_]+)+"


@pytest.mark.parametrize("name", [*READMES, ROBOT, "patches/README.md", "tests/standin/README.md"])
def test_every_link_leads_to_a_file(name):
    links = [link for link in re.findall(r"\]\(([^)#\s]+)", text_of(name)) if "://" not in link]
    assert [link for link in links if not (ROOT / name).parent.joinpath(link).exists()] == []


@pytest.mark.parametrize("name", [*READMES, ROBOT, "patches/README.md"])
def test_every_command_named_exists(name):
    code = "\n".join(code_of(text_of(name)))
    for verb, below in re.findall(r"robovlms-mobile ([a-z-]+)(?: ([a-z]+)\b(?![/.:_]))?", code):
        assert verb in VERBS, f"{name}: robovlms-mobile {verb}"
        assert below in ("", *below_verb(verb)), f"{name}: robovlms-mobile {verb} {below}"


def below_verb(verb):
    """Return the verbs below a verb, `check`, `report` and `cache` of `data`."""
    (verbs,) = (action for action in build_parser()._actions if action.dest == "verb")
    choices = (action.choices for action in verbs.choices[verb]._actions)
    return next((list(each) for each in choices if isinstance(each, dict)), [])


def named_in(part):
    """Return what begins the rows of the tables in one part of the robot's page, without their head."""
    text = re.split(r"^##+ ", text_of(ROBOT).partition(f"# {part}\n")[2], flags=re.MULTILINE)[0]
    return [name for row in first_cells(text) for name in row]


def test_the_robots_page_has_every_parameter_and_every_cause_of_a_stop():
    assert sorted(named_in("Parameters")) == sorted(field.name for field in fields(Parameters))
    assert sorted(named_in("What stops it, and after how long")[1:]) == sorted(cause.name for cause in Cause)


def test_the_robots_page_gives_the_defaults():
    rows = re.findall(r"^\| (`[a-z_`, ]+) \| ([\d.]+) \|", text_of(ROBOT), re.MULTILINE)
    said = {name: float(default) for cell, default in rows for name in code_of(cell)}
    assert len(said) > 9
    assert said == {name: getattr(Parameters(), name) for name in said}


def test_every_module_named_exists():
    rows = re.findall(r"^\| (`[^|]+) \|", text_of("README.md").partition("## Where things are")[2], re.MULTILINE)
    named = [each for cell in rows for each in code_of(cell)]
    assert len(named) > 9
    every = [
        each for name in ("README.md", "docs/hardware.md", "docs/recordings.md") for each in code_of(text_of(name))
    ]
    named += [each for each in every if re.fullmatch(r"\w+(/\w+)+\.py", each)]
    folders = (ROOT / "robovlms_mobile", ROOT)
    assert [each for each in named if not any((folder / each).exists() for folder in folders)] == []


def test_messages_in_the_failure_table_are_those_of_the_code():
    said = [sentence for path in PACKAGE for sentence in sentences(path)]
    table = text_of("README.md").partition("## When it fails")[2].partition("\n## ")[0]
    quoted = [each for cell in first_cells(table) for each in cell]
    assert len(quoted) > 5
    assert [each for each in quoted if not any(fits(each, sentence) for sentence in said)] == []


def sentences(path):
    """Yield the texts in a module, an ellipsis for each value that is put in."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def fits(quoted, sentence):
    """True when what is quoted, `…` standing for anything, is part of what the code says."""
    return re.search(".*".join(map(re.escape, quoted.strip("…").split("…"))), sentence, re.DOTALL) is not None
