# SPDX-License-Identifier: GPL-2.0-or-later
"""The link's messages: round trips, malformed bytes, and the direct carrier's handling of errors."""

import contextlib
import ctypes
import struct
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mdsieve.driver.link import DirectLink
from mdsieve.driver.messages import (
    KINDS,
    Bye,
    DriverHere,
    Fatal,
    Frame,
    Goodbye,
    Hello,
    LinkError,
    Present,
    RunEnd,
    Verdict,
    Welcome,
    decode,
    encode,
)

pytestmark = pytest.mark.timeout(60)

words = st.integers(-(2**63), 2**63 - 1)
counts = st.integers(0, 2**40)
reals = st.floats(allow_nan=False, width=64)
blobs = st.binary(max_size=50)
texts = st.text(max_size=30)
objects = st.dictionaries(
    texts, st.one_of(words, texts, st.lists(reals.filter(np.isfinite), max_size=3)), max_size=4
)


def arrays(dtype, *shape):
    elements = reals if dtype == "<f8" else st.integers(-(2**31), 2**31 - 1)
    return hnp.arrays(dtype, shape, elements=elements)


@st.composite
def frames(draw):
    n, c, k = draw(st.integers(0, 5)), draw(st.integers(0, 4)), draw(st.integers(0, 3))
    carried = draw(st.integers(0, 31))
    nan = np.full(6, np.nan)
    return Frame(
        step=draw(words),
        time=draw(reals),
        evaluation=draw(words),
        n_atoms=n,
        cell=draw(arrays("<f8", 3, 3)),
        origin=draw(arrays("<f8", 3)),
        periodic=draw(st.integers(0, 7)),
        energy=draw(reals) if carried & 8 else float("nan"),
        pressure=draw(arrays("<f8", 6)) if carried & 16 else nan,
        temperature=draw(reals),
        dropped_novelty=draw(reals),
        dropped_atom=draw(words),
        revision=draw(words),
        ids=draw(arrays("<i8", n)) if carried & 1 else None,
        elements=draw(arrays("<i4", n)) if carried & 1 else None,
        positions=draw(arrays("<f8", n, 3)) if carried & 1 else None,
        velocities=draw(arrays("<f8", n, 3)) if carried & 2 else None,
        forces=draw(arrays("<f8", n, 3)) if carried & 4 else None,
        candidate_ids=draw(arrays("<i8", c)),
        candidate_elements=draw(arrays("<i4", c)),
        fingerprints=draw(arrays("<f8", draw(st.integers(0, 9)))),
        histogram=np.frombuffer(draw(blobs), "u1"),
        smallest=draw(arrays("<f8", k)),
        largest=draw(arrays("<f8", k)),
        smallest_ids=draw(arrays("<i8", k)),
        largest_ids=draw(arrays("<i8", k)),
    )


@st.composite
def verdicts(draw):
    e = draw(st.integers(0, 4))
    return Verdict(
        draw(words),
        draw(words),
        draw(st.integers(0, 3)),
        draw(st.booleans()),
        draw(reals),
        draw(words),
        draw(counts),
        draw(counts),
        draw(words),
        draw(arrays("<i4", e)),
        draw(arrays("<i8", e, 3)),
        draw(arrays("<f8", draw(st.integers(0, 9)))),
        draw(blobs),
    )


messages = st.one_of(
    st.builds(DriverHere, words),
    st.builds(Hello, objects, blobs, blobs),
    st.builds(Welcome, words, words, words, blobs, words, words, texts, blobs),
    frames(),
    verdicts(),
    st.builds(RunEnd, objects),
    st.builds(Bye, st.integers(0, 3)),
    st.builds(Goodbye, st.integers(1, 2**31), st.booleans()),
    st.builds(Present, st.integers(1, 2**31)),
    st.builds(Fatal, texts.map(lambda text: " ".join(text.split()))),
)


def assert_same(a, b):
    assert type(a) is type(b)
    for f in fields(a):
        left, right = getattr(a, f.name), getattr(b, f.name)
        if isinstance(left, np.ndarray):
            assert right.dtype == left.dtype
            np.testing.assert_array_equal(left, right)
        else:
            np.testing.assert_equal(right, left)


@settings(deadline=None, max_examples=200)
@given(channel=st.integers(0, 1000), message=messages)
def test_every_message_survives_the_way_over(channel, message):
    data = encode(channel, message)
    assert len(data) % 8 == 0
    received = decode(data)
    assert received.channel == channel
    assert_same(message, received.message)


@settings(deadline=None, max_examples=200)
@given(message=messages, cut=st.integers(1, 40))
def test_a_message_cut_short_is_refused(message, cut):
    data = encode(0, message)
    short = data[: max(0, len(data) - 8 * cut)]
    with pytest.raises(LinkError):
        decode(short)
    if len(short) >= 32:  # even if the header agrees with what arrived
        with pytest.raises(LinkError):
            decode(short[:24] + struct.pack("<q", len(short) - 32) + short[32:])


@settings(deadline=None, max_examples=300)
@given(message=messages, data=st.data())
def test_a_damaged_message_is_refused_or_read_never_a_crash(message, data):
    encoded = bytearray(encode(0, message))
    word = data.draw(st.integers(0, len(encoded) // 8 - 1))
    value = data.draw(st.one_of(words, st.integers(-3, 40)))
    struct.pack_into("<q", encoded, 8 * word, value)
    with contextlib.suppress(LinkError):  # nothing else may come out
        decode(bytes(encoded))


def test_arrays_are_views_of_the_buffer():
    frame = decode(encode(0, example_frame())).message
    assert not frame.positions.flags.owndata
    assert not frame.fingerprints.flags.owndata
    assert frame.copy().positions.flags.owndata or frame.copy().positions.base is not frame.positions.base


def test_header_layout_is_that_of_the_document():
    data = encode(3, Goodbye(4, barrier=False))
    assert data[:8] == b"MDSIEVE1"
    assert struct.unpack("<qqq", data[8:32]) == (8, 3, 16)
    assert struct.unpack("<qq", data[32:]) == (4, 1)


def test_frame_layout_is_that_of_the_document():
    frame = example_frame()
    data = encode(0, frame)
    integers, reals_ = np.frombuffer(data, "<i8")[4:], np.frombuffer(data, "<f8")[4:]
    assert list(integers[[0, 2, 3, 16, 17, 27, 28, 29, 30, 31, 32]]) == [70, 7, 3, 5, 31, 12, 2, 5, 9, 0, 0]
    assert reals_[1] == 0.5
    np.testing.assert_array_equal(reals_[4:13], frame.cell.ravel())
    np.testing.assert_array_equal(reals_[13:16], frame.origin)
    assert reals_[18] == -3.5
    np.testing.assert_array_equal(reals_[19:25], frame.pressure)
    assert list(reals_[25:27]) == [300.0, 0.75]
    np.testing.assert_array_equal(integers[33:36], [4, 5, 6])
    np.testing.assert_array_equal(np.frombuffer(data, "<i4")[2 * (4 + 36) :][:4], [0, 1, 1, 0])
    np.testing.assert_array_equal(reals_[38:47], frame.positions.ravel())
    np.testing.assert_array_equal(reals_[47:56], frame.velocities.ravel())
    np.testing.assert_array_equal(reals_[56:65], frame.forces.ravel())
    np.testing.assert_array_equal(integers[65:67], [4, 6])
    np.testing.assert_array_equal(reals_[68:73], frame.fingerprints)
    assert len(data) == 8 * (4 + 73)
    profile = {
        "histogram": np.arange(8, dtype="u1"),
        "smallest": np.array([0.5]),
        "largest": np.array([1.5]),
        "smallest_ids": np.array([4]),
        "largest_ids": np.array([6]),
    }
    data = encode(0, replace(frame, **profile))
    integers, reals_ = np.frombuffer(data, "<i8")[4:], np.frombuffer(data, "<f8")[4:]
    assert list(integers[31:33]) == [8, 1]
    assert data[8 * (4 + 73) :][:8] == bytes(range(8))
    assert list(reals_[74:76]) == [0.5, 1.5]
    assert list(integers[76:]) == [4, 6]


def test_verdict_layout_is_that_of_the_document():
    verdict = Verdict(
        70,
        7,
        1,
        True,
        1.25,
        12,
        3,
        2,
        9,
        np.array([1]),
        np.array([[1, 70, 12]]),
        np.array([0.5]),
        b"bank",
        b"bins",
        np.array([0.25, 3.0]),
    )
    data = encode(0, verdict)
    integers, reals_ = np.frombuffer(data, "<i8")[4:], np.frombuffer(data, "<f8")[4:]
    assert list(integers[[0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13]]) == [
        70,
        7,
        1,
        1,
        12,
        3,
        2,
        9,
        1,
        1,
        4,
        4,
        2,
    ]
    assert reals_[4] == 1.25
    assert list(integers[14:18]) == [1, 1, 70, 12]
    assert reals_[18] == 0.5
    assert data[-32:-16] == b"bank\0\0\0\0bins\0\0\0\0"
    assert list(reals_[-2:]) == [0.25, 3.0]


@pytest.mark.parametrize(
    ("data", "words_"),
    [
        (b"", "shorter than its header"),
        (b"HELLO000" + bytes(24), "begins with"),
        (b"MDSIEVE2" + bytes(24), "version 2"),
        (b"MDSIEVE1" + struct.pack("<qqq", 99, 0, 0), "unknown kind"),
        (b"MDSIEVE1" + struct.pack("<qqq", 7, -1, 0), "negative"),
        (b"MDSIEVE1" + struct.pack("<qqq", 7, 0, 8), "announced"),
        (b"MDSIEVE1" + struct.pack("<qqq", 7, 0, 16) + bytes(16), "left over"),
        (b"MDSIEVE1" + struct.pack("<qqqq", 9, 0, 8, 1 << 60), "left in the message"),
        (b"MDSIEVE1" + struct.pack("<qqqqq", 8, 0, 16, 0, 0), "0 ranks"),
        (b"MDSIEVE1" + struct.pack("<qqqq", 7, 0, 8, 4), "not a way to go"),
        (b"MDSIEVE1" + struct.pack("<qqqq", 10, 0, 8, 0), "PRESENT: 0 ranks"),
        (b"MDSIEVE1" + struct.pack("<qqqqqq", 2, 0, 24, 2, 0, 0x5B5D), "JSON"),
    ],
)
def test_malformed_messages_are_named(data, words_):
    with pytest.raises(LinkError, match=words_):
        decode(data)


def test_fingerprints_are_dealt_out_by_element():
    frame = example_frame()
    rows = frame.fingerprint_rows([3, 2])
    assert [list(row) for row in rows] == [[0.0, 1.0, 2.0], [3.0, 4.0]]
    with pytest.raises(LinkError, match="expected 4"):
        frame.fingerprint_rows([2, 2])
    with pytest.raises(LinkError, match="element"):
        frame.fingerprint_rows([3])


def test_every_kind_has_its_number():
    assert sorted(KINDS) == list(range(1, 11))


class FakeLibrary:
    """The two functions of libmdsieve_lammps.so, for one process without LAMMPS."""

    def __init__(self):
        self.replies = []
        self.mdsieve_set_driver = Function(self._set)
        self.mdsieve_reply = Function(lambda data, n_bytes: self.replies.append(bytes(data[:n_bytes])))

    def _set(self, call):
        self.call = call

    def send(self, message):
        """Deliver a message as the fix does; the replies that it brought."""
        data = encode(2, message) if not isinstance(message, bytes) else message
        buffer = ctypes.create_string_buffer(data, len(data))
        self.replies.clear()
        assert self.call(ctypes.addressof(buffer), len(data)) == 0
        return [decode(reply) for reply in self.replies]


class Function:
    def __init__(self, body):
        self.body = body

    def __call__(self, *arguments):
        return self.body(*arguments)


class Echo:
    """Welcomes, and fails at frames."""

    def handle(self, world, channel, message):
        if isinstance(message, Hello):
            return Welcome(1, 0)
        if isinstance(message, Frame):
            raise RuntimeError("a\nbug")
        return None

    def malformed(self, world, error):
        return Fatal(str(error))


def test_direct_carrier_answers_hello_and_frame_once_and_the_rest_not():
    library = FakeLibrary()
    link = DirectLink(library, Echo())
    link.open()
    ((channel, welcome),) = library.send(Hello({"fix": "a"}))
    assert (channel, welcome) == (2, Welcome(1, 0))
    assert library.send(Bye()) == []
    ((channel, fatal),) = library.send(example_frame())
    assert channel == 2
    assert fatal == Fatal("driver: RuntimeError: a bug")
    ((_, fatal),) = library.send(encode(2, example_frame())[:-8])
    assert "announced" in fatal.text


def example_frame() -> Frame:
    return Frame(
        step=70,
        time=0.5,
        evaluation=7,
        n_atoms=3,
        cell=np.arange(9.0).reshape(3, 3),
        origin=np.array([-1.0, -2.0, -3.0]),
        periodic=5,
        energy=-3.5,
        pressure=np.arange(6.0),
        temperature=300.0,
        dropped_novelty=0.75,
        dropped_atom=12,
        revision=9,
        ids=np.array([4, 5, 6]),
        elements=np.array([0, 1, 1], "<i4"),
        positions=np.arange(9.0).reshape(3, 3),
        velocities=np.arange(9.0, 18.0).reshape(3, 3),
        forces=np.arange(18.0, 27.0).reshape(3, 3),
        candidate_ids=np.array([4, 6]),
        candidate_elements=np.array([0, 1], "<i4"),
        fingerprints=np.arange(5.0),
    )


def test_energy_that_was_not_sent_is_nan_whatever_stands_there():
    frame = replace(example_frame(), energy=float("nan"))
    data = bytearray(encode(0, frame))
    struct.pack_into("<d", data, 8 * (4 + 18), 1.0)
    assert np.isnan(decode(bytes(data)).message.energy)
