"""One policy for several clients: each its own episode, and nothing that one of them sends moves a robot."""

import asyncio
import random
import threading
import time
import urllib.error
import urllib.request

import msgpack
import numpy as np
import pytest
from support.served import Client, served
from websockets.exceptions import ConnectionClosed, InvalidStatus

from robovlms_mobile.errors import MobileError
from robovlms_mobile.serving import server
from robovlms_mobile.serving.wire import pack

IMAGE = np.full((4, 6, 3), 7, np.uint8)


class Counting:
    """Answers how many frames it saw in this episode, and the picture's mean."""

    def __init__(self):
        self.seen = 0

    def reset(self, instruction=None):
        self.seen = 0

    def infer(self, observation):
        image = observation.get("image")
        if not isinstance(image, np.ndarray) or image.shape != IMAGE.shape or image.dtype != np.uint8:
            raise MobileError("no image.", "Send one.")
        self.seen += 1
        actions = np.float32([[self.seen, image.mean()]])
        return {"actions": actions, "dims": ["linear_x", "linear_y"], "policy_timing": {"infer_ms": 1.0}}


def get(port, path="/healthz"):
    return urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10)


def test_an_episode_is_a_connection_and_reset_starts_another():
    with served(Counting, {"hash": "abc"}) as port, Client(port) as one, Client(port) as other:
        assert one.metadata == {"hash": "abc"}
        counts = [client.infer({"image": IMAGE})["actions"][0, 0] for client in (one, one, other, one, other)]
        assert counts == [1, 2, 1, 3, 2]
        assert one.infer({"image": IMAGE, "reset": True})["actions"].tolist() == [[1, 7]]


def test_the_answer_says_how_long_it_took():
    with served(Counting) as port, Client(port) as client:
        first, second = (client.infer({"image": IMAGE})["server_timing"] for _ in range(2))
        assert first == {"infer_ms": 1.0} and second["prev_total_ms"] > 0


def test_an_error_is_text_and_the_episode_goes_on():
    with served(Counting) as port, Client(port) as client:
        assert client.infer({"image": IMAGE})["actions"][0, 0] == 1
        assert client.infer({"image": None}) == "no image. Send one."
        assert client.infer({"image": IMAGE})["actions"][0, 0] == 2


def test_a_policy_that_breaks_is_an_error_without_an_action(caplog):
    class Broken(Counting):
        def infer(self, observation):
            raise ZeroDivisionError

    with served(Broken) as port, Client(port) as client:
        assert "ZeroDivisionError" in client.infer({"image": IMAGE}) and "stop the robot" in client.infer({})
    assert "an inference failed" in caplog.text


def test_health_is_told_without_a_token_and_a_stuck_inference_is_not_healthy(monkeypatch):
    monkeypatch.setattr(server, "STUCK", 0.05)
    gate = threading.Event()

    class Stuck(Counting):
        def infer(self, observation):
            gate.wait(20)
            return super().infer(observation)

    with served(Stuck, token="secret") as port, Client(port, "secret") as client:
        assert get(port).read() == b"OK\n"
        client.connection.send(pack({"image": IMAGE}))
        time.sleep(0.3)
        with pytest.raises(urllib.error.HTTPError, match="503"):
            get(port)
        gate.set()
        client.connection.recv(timeout=20)
        assert get(port).status == 200


@pytest.mark.parametrize("token", [None, "wrong", "secret2", "Secret"])
def test_without_the_token_nobody_gets_in(token):
    with served(Counting, token="secret") as port:
        with pytest.raises(InvalidStatus, match="401"):
            Client(port, token)
        with Client(port, "secret") as client:
            assert client.infer({"image": IMAGE})["actions"][0, 0] == 1


def test_one_client_too_many_is_told_to_come_again():
    with served(Counting, clients=1) as port:
        with Client(port) as client:
            with pytest.raises(ConnectionClosed, match="1013"):
                Client(port)
            assert client.infer({"image": IMAGE})["actions"][0, 0] == 1
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:  # until the server saw that it went
            try:
                with Client(port):
                    return
            except ConnectionClosed:
                time.sleep(0.05)
        pytest.fail("the place of a client that went is never free again")


def test_a_message_beyond_the_limit_closes_that_connection_alone(monkeypatch):
    monkeypatch.setattr(server, "MAX_BYTES", 10_000)
    with served(Counting) as port, Client(port) as client:
        with Client(port) as large, pytest.raises(ConnectionClosed):
            large.send(b"\0" * 20_000)
        assert client.infer({"image": IMAGE})["actions"][0, 0] == 1


def test_a_taken_port_is_refused_and_an_older_server_is_thought_of(monkeypatch):
    with served(Counting) as port:

        async def no_more(*_):
            await server.PolicyServer(Counting, {}).run("127.0.0.1", port, print, None)

        with pytest.raises(MobileError, match="older server"):
            asyncio.run(no_more())


def hostile(chance):
    """Return a message that is no good observation."""
    good = pack({"image": IMAGE, "instruction": "Go left."})
    kind = chance.randrange(6)
    if kind == 0:
        return chance.randbytes(chance.randrange(200))
    if kind == 1:
        return good[: chance.randrange(len(good))]
    if kind == 2:
        return good + chance.randbytes(1 + chance.randrange(9))
    if kind == 3:
        return chance.choice("\x91\x81\xdf{[") * chance.randrange(1, 5000)  # text
    if kind == 4:
        return b"\x91" * chance.randrange(1, 5000)
    value = chance.choice([None, True, -1, 2.5, "x" * 300, b"x", [], {}, [[]] * 5, float("nan"), 2**63])
    return msgpack.packb({chance.choice(["image", "stamp", "pickle", "__class__", b"__ndarray__"]): value})


def test_a_thousand_hostile_requests_are_errors_and_never_actions():
    chance = random.Random(0)
    with served(Counting) as port, Client(port) as client:
        answers = [client.send(hostile(chance)) for _ in range(1000)]
        assert {type(answer) for answer in answers} == {str}
        assert max(map(len, answers)) < 600 and not [each for each in answers if "server failed" in each]
        assert client.infer({"image": IMAGE})["actions"].tolist() == [[1, 7]]
