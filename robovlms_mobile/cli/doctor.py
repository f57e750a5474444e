"""`robovlms-mobile doctor`: print the checklist, each line with its fix."""

import argparse
import json
import sys

HELP = "check the machine, the checkout, and a config with its data; say what to fix"
MARKS = {"ok": "✓", "warn": "!", "error": "✗"}
ASCII = str.maketrans({"✓": "+", "✗": "x"})


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument(
        "config", metavar="CONFIG", nargs="?", help="JSON config; without it only the machine is checked"
    )
    parser.add_argument("--root", metavar="DIR", help="RoboVLMs checkout (default: $ROBOVLMS_ROOT, then ./RoboVLMs)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")


def run(args: argparse.Namespace) -> int:
    """Print the findings. Returns 1 when one is an error, else 0."""
    from robovlms_mobile.doctor import diagnose

    sections = diagnose(args.config, args.root)
    findings = [finding for section in sections for finding in section.findings]
    ok = all(finding.level != "error" for finding in findings)
    if args.json:
        print(json.dumps({"ok": ok, "findings": [finding.as_dict() for finding in findings]}, indent=2))
    else:
        print(_printable(_report(sections, findings)))
    return 0 if ok else 1


def _report(sections, findings):
    lines = []
    for section in sections:
        lines.append(section.title)
        for finding in section.findings:
            what = finding.what.replace("\n", "\n      ")
            lines.append(f"  {MARKS[finding.level]} {finding.where}: {what}")
            if finding.fix:
                lines.append(f"      → {finding.fix}")
        lines.append("")
    errors, warnings = (sum(finding.level == level for finding in findings) for level in ("error", "warn"))
    verdict = "ready" if not errors else "not ready"
    return "\n".join([*lines, f"{verdict}: {errors} to fix, {warnings} to look at, {len(findings)} checked"])


def _printable(text):
    """Return `text` with what standard output can print."""
    encoding = sys.stdout.encoding or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(ASCII).encode(encoding, "replace").decode(encoding)
    return text
