"""A policy server in a thread of the test, and a client that speaks openpi's wire."""

import asyncio
import contextlib
import threading

from websockets.sync.client import connect

from robovlms_mobile.serving.server import PolicyServer
from robovlms_mobile.serving.wire import pack, unpack


@contextlib.contextmanager
def served(session, metadata=None, **options):
    """Serve at a free port of this machine while the block runs; gives the port. See PolicyServer for `options`."""
    found, over = threading.Event(), {}

    async def main():
        over["loop"], over["stop"] = asyncio.get_running_loop(), asyncio.Event()
        server = PolicyServer(session, metadata or {"hash": "0"}, **options)
        await server.run("127.0.0.1", 0, lambda port: (over.update(port=port), found.set()), over["stop"])

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    try:
        assert found.wait(20)
        yield over["port"]
    finally:
        over["loop"].call_soon_threadsafe(over["stop"].set)
        thread.join(20)
        assert not thread.is_alive()


class Client:
    """What openpi-client does on the wire."""

    def __init__(self, port, token=None):
        headers = {"Authorization": f"Api-Key {token}"} if token else None
        address = f"ws://127.0.0.1:{port}"
        self.connection = connect(address, compression=None, max_size=None, additional_headers=headers)
        self.metadata = unpack(self.connection.recv(timeout=20))

    def send(self, message):
        """Send bytes or text as they are; return the answer: a dict, or text."""
        self.connection.send(message)
        answer = self.connection.recv(timeout=20)
        return answer if isinstance(answer, str) else unpack(answer)

    def infer(self, observation):
        return self.send(pack(observation))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()
