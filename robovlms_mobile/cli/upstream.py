"""`robovlms-mobile upstream`: the RoboVLMs checkout's state, and the actions that change it."""

import argparse
import dataclasses
import json

HELP = "the RoboVLMs checkout: status, fetch, patch, unpatch"
ACTIONS = {
    "status": "say what state the checkout is in, and the next command",
    "fetch": "bring upstream at the pinned commit into an empty place",
    "patch": "apply the patches that are missing",
    "unpatch": "revert the patches, byte for byte",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the four actions and their flags."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, text in ACTIONS.items():
        action = actions.add_parser(name, help=text, description=text)
        action.add_argument("--root", metavar="DIR", help="the checkout (default: ROBOVLMS_ROOT, else ./RoboVLMs)")
        action.add_argument("--json", action="store_true", help="print one JSON object")
        if name == "fetch":
            action.add_argument("--source", metavar="URL-or-git-dir", help="where to take it from")


def run(args: argparse.Namespace) -> int:
    """Run one action and print the state afterwards. Exit 0: pristine, patched, or the action was done."""
    from robovlms_mobile.checkout.working_copy import checkout_status
    from robovlms_mobile.errors import CheckoutError

    try:
        status = _act(args)
    except CheckoutError as error:
        if not args.json:
            raise
        status = dataclasses.replace(checkout_status(args.root), message=str(error))
        print(json.dumps(status.to_json(), ensure_ascii=False))
        return 1
    print(json.dumps(status.to_json(), ensure_ascii=False) if args.json else _text(status))
    return 0 if status.ok or args.action != "status" else 1


def _act(args):
    from robovlms_mobile.checkout.fetching import fetch
    from robovlms_mobile.checkout.patching import patch, unpatch
    from robovlms_mobile.checkout.working_copy import checkout_status

    if args.action == "fetch":
        return fetch(args.root, args.source)
    return {"status": checkout_status, "patch": patch, "unpatch": unpatch}[args.action](args.root)


def _text(status):
    commit = status.commit or "unknown"
    expected = "as pinned" if commit == status.expected else f"expected {status.expected}"
    rows = [("checkout", str(status.root)), ("state", status.state)]
    if status.state != "absent":
        rows.append(("commit", f"{commit} ({expected})"))
    rows += [("patch", f"{patch.name}: {patch.state}") for patch in status.patches]
    rows += [("", status.message), ("next", status.next)]
    return "\n".join(f"{label:<9} {text}" for label, text in rows)
