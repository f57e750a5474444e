"""`robovlms-mobile serve`: a policy over the network, for a robot without the GPU."""

import argparse
import ipaddress
from pathlib import Path

from robovlms_mobile.errors import MobileError

HELP = "serve a policy over websockets, as openpi does, for a robot without the GPU"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("adapters", metavar="ADAPTERS", help="an adapter folder, or one that export --merge wrote")
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to serve at (default 127.0.0.1: this machine alone)"
    )
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one (default 8000)")
    parser.add_argument("--token-file", metavar="F", help="clients must send the token that this file holds")
    parser.add_argument("--without-token", action="store_true", help="let everyone drive who reaches --host")
    parser.add_argument("--clients", type=int, default=4, metavar="N", help="connections at a time (default 4)")
    parser.add_argument("--device", help="cpu, cuda, cuda:1 (default: the GPU where there is one)")
    parser.add_argument(
        "--dtype", choices=("fp32", "bf16", "fp16", "int8"), help="of the weights (default: the contract's)"
    )
    parser.add_argument("--base", metavar="DIR", help="the base model's folder (default: where it was trained from)")
    parser.add_argument("--any-instruction", action="store_true", help="warn of one never trained, do not refuse it")
    parser.add_argument("--unverified", action="store_true", help="do not replay the golden frames first")
    parser.add_argument("--root", metavar="DIR", help="the checkout (default: ROBOVLMS_ROOT, else ./RoboVLMs)")


def run(args: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM. Returns 0."""
    try:
        from robovlms_mobile.serving.server import PolicyServer, serve_until_told
    except ModuleNotFoundError as error:
        raise MobileError(
            f"{error.name} is not installed.", "Install it: pip install 'robovlms-mobile[serve]'"
        ) from None
    from robovlms_mobile.policy import MobilePolicy

    token = _token(args)
    policy = MobilePolicy.from_pretrained(
        args.adapters,
        device=args.device,
        dtype=args.dtype,
        base=args.base,
        strict=not args.any_instruction,
        root=args.root,
    )

    if not args.unverified:
        from robovlms_mobile.policy.verification import proved

        print(proved(policy), flush=True)

    def ready(port):
        print(f"serving {args.adapters} at ws://{args.host}:{port}, contract {policy.metadata['hash']}", flush=True)

    serve_until_told(PolicyServer(policy.session, policy.metadata, token, args.clients), args.host, args.port, ready)
    return 0


def _token(args):
    """Return the token that clients must send; None where none is asked for.

    Raises:
        MobileError: an empty or unreadable file, or none where others than this machine can connect.
    """
    if args.token_file:
        try:
            token = Path(args.token_file).read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise MobileError(f"The token in {args.token_file} cannot be read ({error}).") from None
        if not token:
            raise MobileError(
                f"{args.token_file} is empty.",
                f"Write a token: python -c 'import secrets; print(secrets.token_urlsafe())' > {args.token_file}",
            )
        return token
    if not args.without_token and not _is_loopback(args.host):
        raise MobileError(
            f"At {args.host} everyone in the network could drive the robot.",
            "Ask for a token: --token-file F; or take --without-token if that is meant.",
        )
    return None


def _is_loopback(host):
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
