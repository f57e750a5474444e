"""A config is loaded as upstream loads it, and what does not parse is placed and explained."""

import json
from pathlib import Path

import pytest

from robovlms_mobile.config.load import load_config
from robovlms_mobile.errors import ConfigError


def write(path, text):
    path.write_text(text if isinstance(text, str) else json.dumps(text), encoding="utf-8")
    return path


class TestLoad:
    def test_children_update_parents_deeply(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        write(tmp_path / "base.json", {"a": {"x": 1, "y": 2}, "b": [1, 2], "c": None})
        write(tmp_path / "middle.json", {"parent": "base.json", "a": {"y": 3}, "b": [9]})
        child = write(tmp_path / "child.json", {"parent": "middle.json", "a": {"z": 4}})
        assert load_config(child) == {"a": {"x": 1, "y": 3, "z": 4}, "b": [9], "c": None, "parent": "middle.json"}

    def test_the_parent_is_relative_to_the_working_directory_not_to_the_file(self, tmp_path, monkeypatch):
        (tmp_path / "configs").mkdir()
        write(tmp_path / "configs/base.json", {"a": 1})
        child = write(tmp_path / "configs/child.json", {"parent": "configs/base.json"})
        monkeypatch.chdir(tmp_path)
        assert load_config(child)["a"] == 1
        monkeypatch.chdir(tmp_path / "configs")
        with pytest.raises(
            ConfigError, match=r"configs/base\.json, the \"parent\" of .*child\.json: No such file.*seen from"
        ):
            load_config(child)

    def test_equals_what_upstream_makes_of_it(self, upstream_root, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        write(tmp_path / "base.json", {"a": {"x": {"deep": 1}, "y": [1]}, "b": 1})
        child = write(
            tmp_path / "child.json", {"parent": "base.json", "a": {"x": {"deep": 2, "new": {}}}, "b": {"c": 1}}
        )
        child_ok = write(
            tmp_path / "ok.json", {"parent": "base.json", "a": {"x": {"deep": 2, "new": {}}}, "n": {"c": 1}}
        )
        upstream = functions_of(upstream_root / "main.py", "deep_update", "load_config")
        assert load_config(child_ok) == upstream["load_config"](child_ok)
        with pytest.raises((AssertionError, TypeError)):
            upstream["load_config"](child)
        with pytest.raises(ConfigError, match='"b" is an object here and 1 in'):
            load_config(child)

    def test_a_loop_of_parents_is_named(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        write(tmp_path / "a.json", {"parent": "b.json"})
        write(tmp_path / "b.json", {"parent": "a.json"})
        with pytest.raises(ConfigError, match=r"loop: a\.json → b\.json → a\.json"):
            load_config("a.json")

    @pytest.mark.parametrize(
        ("text", "place", "why"),
        [
            ('{\n  "a": 1, // one\n  "b": 2\n}', "line 2, column 11", "no comments"),
            ('{\n  # one\n  "b": 2\n}', "line 2, column 3", "no comments"),
            ('{"a": 1 /* one */}', "line 1, column 9", "no comments"),
            ('{\n  "a": 1,\n}', "line 2, column 9", "comma before a closing bracket"),
            ('{"a": [1, 2, ]}', "line 1, column 12", "comma before a closing bracket"),
            ("{'a': 1}", "line 1, column 2", "double quotes"),
            ('{"a": True}', "line 1, column 7", "true, false and null"),
            ('{"a": 1\n "b": 2}', "line 2, column 2", "delimiter"),
            ('{"a": {"b": 1}', "line 1, column 15", "not closed"),
            ("", "line 1, column 1", "ends early"),
            ("\ufeff{}", "line 1, column 1", "byte order mark"),
        ],
    )
    def test_bad_json_is_placed_and_explained(self, tmp_path, text, place, why):
        with pytest.raises(ConfigError) as caught:
            load_config(write(tmp_path / "c.json", text))
        assert place in str(caught.value) and why in str(caught.value) and "c.json" in str(caught.value)

    def test_a_key_twice_in_one_object_is_named(self, tmp_path):
        path = write(tmp_path / "c.json", '{"a": {"lr": 1, "lr": 2}}')
        with pytest.raises(ConfigError, match='"lr" more than once'):
            load_config(path)

    @pytest.mark.parametrize("content", [b"[1]", b"\xff\xfe"])
    def test_what_is_no_object_or_no_text_is_an_error(self, tmp_path, content):
        (tmp_path / "c.json").write_bytes(content)
        with pytest.raises(ConfigError, match=r"expected an object|not UTF-8"):
            load_config(tmp_path / "c.json")

    def test_a_missing_file_is_an_error(self, tmp_path):
        with pytest.raises(ConfigError, match="No such file"):
            load_config(tmp_path / "absent.json")


def functions_of(path, *names):
    """Return some functions of a script that cannot be imported here for what it imports itself."""
    import ast

    tree = ast.parse(path.read_text(encoding="utf-8"))
    tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in names]
    namespace = {"json": json, "Path": Path}
    exec(compile(tree, str(path), "exec"), namespace)
    return namespace
