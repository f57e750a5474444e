"""Why a config file cannot be read: its place in the file and, for the usual slips, what was meant."""

import json
import re
from pathlib import Path

from robovlms_mobile.config.load import DuplicateKeyError

HINTS = (  # what stands where the parser stopped → what people meant
    (r"//|/\*|#", "JSON has no comments: remove it"),
    (r"'", "JSON strings take double quotes"),
    (r"True\b|False\b|None\b", "JSON writes true, false and null"),
    (r"\Z", "the file ends early: a bracket or a quote is not closed"),
)


def explain(path: Path, wanted_by: str, error: Exception) -> str:
    """Return what an error means that reading and parsing `path` ended in: one sentence.

    Args:
        wanted_by: words on which file names it as its parent, put after the path; or "".
    """
    if isinstance(error, UnicodeDecodeError):
        return f"{path}{wanted_by}: not UTF-8 text (byte {error.start}). Save it as UTF-8."
    if isinstance(error, OSError):
        seen_from = "" if path.is_absolute() else f", seen from the working directory, {Path.cwd()}"
        return f"{path}{wanted_by}: {error.strerror}{seen_from}."
    if isinstance(error, DuplicateKeyError):
        names = ", ".join(f'"{name}"' for name in error.args)
        return f"{path}: {names} more than once in one object; upstream would take the last. Keep one."
    if isinstance(error, json.JSONDecodeError):
        return _place(path, error.doc, error)
    return f"{path}{wanted_by}: {error}."


def _place(path, text, error):
    """Say where JSON broke (line and column) and why."""
    if text.startswith("\ufeff"):
        return f"{path}, line 1, column 1: starts with a byte order mark. Save it as UTF-8 without BOM."
    position = error.pos + len(text[error.pos :]) - len(text[error.pos :].lstrip())
    before = text[:position].rstrip()
    trailing = before.endswith(",") and text[position : position + 1] in ("}", "]")
    comma_before = text[position : position + 1] == "," and text[position + 1 :].lstrip()[:1] in ("}", "]")
    if trailing or comma_before:
        position = len(before) - 1 if trailing else position
        why = "a comma before a closing bracket: remove it"
    else:
        why = next((hint for start, hint in HINTS if re.match(start, text[position:])), error.msg)
    line, column = text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)
    return f"{path}, line {line}, column {column}: {why}."
