"""The server: one policy, an episode a connection. A bad request is an error to that client, never an action."""

import asyncio
import hmac
import http
import logging
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Protocol

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from robovlms_mobile.errors import MobileError
from robovlms_mobile.serving.wire import observation, pack

MAX_BYTES = 32 * 2**20  # of a message: an uncompressed picture of 3840 x 2160 is 24 MiB
STUCK = 10.0  # seconds of one inference after which /healthz calls the server stuck

log = logging.getLogger(__name__)


class Session(Protocol):
    """What a connection drives with: `MobilePolicy`, or anything that has these two."""

    def reset(self, instruction: str | None = None) -> None:
        """Start an episode."""

    def infer(self, observation: dict) -> dict:
        """Return "actions" and what belongs to them."""


class PolicyServer:
    """Serves one policy over websockets, as openpi's policy server does.

    On connecting a client is sent the metadata; then each message of its is an observation, and each answer either
    bytes (what `infer` returned, and "server_timing") or text: an error in words, which openpi-client raises.
    Inference is one at a time, in the order of asking; a client asks again when it was answered, so that no more
    wait than are connected.

    Args:
        sessions: makes the policy of a new connection, with a history of its own.
        metadata: sent on connecting; a dict of primitives.
        token: if given, clients must send `Authorization: Api-Key TOKEN`.
        clients: connections at a time; one more is closed with code 1013, «try again later».
    """

    def __init__(
        self, sessions: Callable[[], Session], metadata: dict, token: str | None = None, clients: int = 4
    ) -> None:
        self._sessions, self._metadata, self._token, self._room = sessions, pack(metadata), token, clients
        self._one = ThreadPoolExecutor(1, "policy")  # the model is asked from one thread alone
        self._since: float | None = None  # when the inference that runs now began

    async def run(self, host: str, port: int, ready: Callable[[int], Any], stop: asyncio.Event) -> None:
        """Serve until `stop` is set. `ready` is called with the port once clients can connect.

        Raises:
            MobileError: the port is taken, or the address is not this machine's.
        """
        options: dict = {"max_size": MAX_BYTES, "max_queue": 1, "compression": None, "process_request": self._request}
        try:
            server = await serve(self._client, host, port, **options)
        except OSError as error:
            raise MobileError(
                f"{host}:{port} cannot be served ({error.strerror or error}).",
                "Is an older server running? It would answer with its own policy. Stop it, or take another --port.",
            ) from None
        async with server:
            ready(next(iter(server.sockets)).getsockname()[1])
            await stop.wait()
        self._one.shutdown(wait=False, cancel_futures=True)

    def busy(self) -> float:
        """Return for how many seconds the inference that runs now has been running; 0 where none runs."""
        since = self._since
        return 0.0 if since is None else time.monotonic() - since

    def _request(self, connection: ServerConnection, request: Any):
        """Answer /healthz, and whoever has not the token; None lets a client in."""
        if request.path == "/healthz":
            if self.busy() > STUCK:
                said = f"one inference for {self.busy():.0f} s\n"
                return connection.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, said)
            return connection.respond(http.HTTPStatus.OK, "OK\n")
        said = request.headers.get_all("Authorization")
        if self._token is not None and not (len(said) == 1 and _equal(said[0], f"Api-Key {self._token}")):
            return connection.respond(http.HTTPStatus.UNAUTHORIZED, "expected Authorization: Api-Key TOKEN\n")
        return None

    async def _client(self, connection: ServerConnection) -> None:
        """Talk with one client until it goes."""
        if self._room <= 0:
            await connection.close(1013, "as many clients as allowed are connected")
            return
        self._room -= 1
        try:
            with suppress(ConnectionClosed):
                await self._talk(connection, self._sessions())
        finally:
            self._room += 1

    async def _talk(self, connection, session):
        await connection.send(self._metadata)
        before: dict = {}
        async for message in connection:
            started = time.monotonic()
            try:
                seen = observation(message)
                answer = await asyncio.get_running_loop().run_in_executor(self._one, self._infer, session, seen)
            except MobileError as error:
                await connection.send(str(error))
                continue
            except Exception as error:
                log.exception("an inference failed")
                await connection.send(
                    f"The server failed ({type(error).__name__}). There is no action: stop the robot."
                )
                continue
            timing = {"infer_ms": answer["policy_timing"]["infer_ms"], **before}
            await connection.send(pack({**answer, "server_timing": timing}))
            before = {"prev_total_ms": 1000 * (time.monotonic() - started)}

    def _infer(self, session, seen):
        self._since = time.monotonic()
        try:
            if seen.pop("reset", False):
                session.reset(seen.get("instruction"))
            return session.infer(seen)
        finally:
            self._since = None


def serve_until_told(server: PolicyServer, host: str, port: int, ready: Callable[[int], Any]) -> None:
    """Serve until SIGINT or SIGTERM."""

    async def serve_and_wait():
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await server.run(host, port, ready, stop)

    asyncio.run(serve_and_wait())
    if server.busy():  # an inference that hangs would keep the process
        os._exit(0)


def _equal(one, other):
    return hmac.compare_digest(one.encode(), other.encode())
