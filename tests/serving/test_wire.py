"""openpi's format in both directions, and what is no observation."""

import msgpack
import numpy as np
import pytest

from robovlms_mobile.serving.wire import WireError, observation, pack, unpack


def array(data=b"\0" * 6, dtype="|u1", shape=(2, 3)):
    return {b"__ndarray__": True, b"data": data, b"dtype": dtype, b"shape": shape}


@pytest.mark.parametrize(
    "value",
    [np.arange(24, dtype=np.uint8).reshape(2, 4, 3), np.float32([[0.5, -1]]), np.zeros((0, 3), "<i8"), np.array(2.5)],
)
def test_arrays_come_back_as_they_were(value):
    back = unpack(pack({"it": value}))["it"]
    assert back.dtype == value.dtype and back.shape == value.shape
    np.testing.assert_array_equal(back, value)


def test_scalars_come_back_as_numbers():
    assert unpack(pack({"stamp": np.float64(1.5), "height": np.int32(7), "reset": True})) == {
        "stamp": 1.5,
        "height": 7,
        "reset": True,
    }


def test_the_bytes_are_those_of_openpis_own_format():
    assert unpack(msgpack.packb({"image": array()}))["image"].shape == (2, 3)
    assert msgpack.unpackb(pack({"a": np.uint8([[1, 2]])})) == {"a": array(b"\x01\x02", "|u1", [1, 2])}


def test_what_has_no_bytes_of_its_own_is_not_sent():
    with pytest.raises(TypeError, match="ndarray cannot be sent"):
        pack({"it": np.array([object()])})


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (array(dtype="|O"), "type '|O'"),
        (array(dtype="|V1"), "type '|V1'"),
        (array(dtype="<U1"), "type '<U1'"),
        (array(dtype="nonsense"), "type 'nonsense'"),
        (array(dtype=7), "type 7"),
        (array(shape=(2, 4)), "has 6 bytes"),
        (array(shape=(2, -3)), "has 6 bytes"),
        (array(shape=(1,) * 5), "has 6 bytes"),
        (array(shape=(2**40, 2**40)), "has 6 bytes"),
        (array(data="text"), "has no bytes"),
        ({b"__ndarray__": True}, "type None"),
        ({b"__npgeneric__": True, b"data": "1", b"dtype": "<f4"}, "A number is a str"),
    ],
)
def test_an_array_that_is_none_is_refused(value, said):
    with pytest.raises(WireError) as refused:
        observation(msgpack.packb({"image": value}))
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("text", "is text"),
        (b"", "no msgpack"),
        (b"\xc1", "no msgpack"),
        (b"\x81" * 3000, "no msgpack"),
        (msgpack.packb([1, 2]), "is a list"),
        (msgpack.packb({"image": b"", "pickle": b""}), "'pickle' in an observation"),
        (msgpack.packb({"image": list(range(65))}), "no msgpack"),
        (msgpack.packb({"instruction": "x" * 5000}), "no msgpack"),
        (msgpack.packb({"image": msgpack.ExtType(1, b"x")}), "no msgpack"),
    ],
    ids=str,
)
def test_what_is_no_observation_is_refused(message, said):
    with pytest.raises(WireError) as refused:
        observation(message)
    assert said in str(refused.value) and len(str(refused.value)) < 400


def test_openpis_word_for_an_instruction_is_understood():
    assert observation(pack({"prompt": "Go left."})) == {"instruction": "Go left."}
