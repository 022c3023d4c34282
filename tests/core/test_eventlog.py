"""Record framing, checksums and the ring."""

from __future__ import annotations

import errno
import os
import struct
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmbot._core.eventlog import EventKind, EventRing, checksum, checksum_ways, frame

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("data", "crc"),
    [  # RFC 3720, appendix B.4, and the check value of the polynomial
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
        (b"", 0),
    ],
)
def test_checksum_known_answers(data: bytes, crc: int) -> None:
    assert checksum(data) == crc
    assert checksum_ways(data) == (crc, crc)


@given(st.binary(max_size=300), st.integers(0, 300))
def test_checksum_chains_and_both_ways_agree(data: bytes, cut: int) -> None:
    assert checksum(data[cut:], checksum(data[:cut])) == checksum(data)
    by_table, by_instruction = checksum_ways(data)
    assert by_table == by_instruction


def test_a_record_is_laid_out_as_documented() -> None:
    record = frame(EventKind.FRAME, 3, 258, -5, 7, b"body")
    payload = struct.pack("<BBHqQ", 2, 3, 258, -5, 7) + b"body"
    assert record == struct.pack("<II", len(payload), checksum(payload)) + payload


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "log"


def attach(ring: EventRing, path: Path) -> int:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    ring.attach(fd)
    return fd


def test_file_equals_the_frames_through_many_wraps(target: Path) -> None:
    ring = EventRing(4096)
    attach(ring, target)
    expected = b""
    for index in range(2000):
        body = bytes([index & 255]) * (index * 37 % 700)
        ring.append(EventKind.ORDER, 0, 1, index, index + 1, body)
        expected += frame(EventKind.ORDER, 0, 1, index, index + 1, body)
    ring.flush()
    assert target.read_bytes() == expected
    assert ring.records == 2000
    assert ring.stalls > 0, "nobody else drained, so the producer had to"
    assert ring.pending_bytes == 0
    assert ring.written == len(expected)


def test_a_record_larger_than_the_ring_is_written_in_order(target: Path) -> None:
    ring = EventRing(4096)
    attach(ring, target)
    ring.append(EventKind.FRAME, 0, 0, 1, 1, b"a")
    ring.append(EventKind.SNAPSHOT, 0, 0, 2, 2, b"b" * 10_000)
    ring.append(EventKind.FRAME, 0, 0, 3, 3, b"c")
    ring.flush()
    assert target.read_bytes() == b"".join(
        (frame(2, 0, 0, 1, 1, b"a"), frame(4, 0, 0, 2, 2, b"b" * 10_000), frame(2, 0, 0, 3, 3, b"c"))
    )


def test_a_draining_thread_and_the_producer_lose_nothing(target: Path) -> None:
    ring = EventRing(4096)
    attach(ring, target)
    done = threading.Event()

    def drain() -> None:
        while not done.is_set():
            ring.flush()

    thread = threading.Thread(target=drain)
    thread.start()
    expected = []
    for index in range(20_000):
        body = index.to_bytes(4, "little") * (index % 40)
        ring.append(EventKind.TIME, 0, 0, index, index, body)
        expected.append(frame(EventKind.TIME, 0, 0, index, index, body))
    done.set()
    thread.join()
    ring.flush()
    assert target.read_bytes() == b"".join(expected)


def test_records_wait_for_a_file_and_then_go_there(target: Path) -> None:
    ring = EventRing(4096)
    ring.append(EventKind.START, 0, 0, 0, 1, b"first")
    assert ring.flush() == 0
    attach(ring, target)
    ring.flush()
    assert target.read_bytes() == frame(1, 0, 0, 0, 1, b"first")


def test_full_without_a_file_is_an_error_not_a_loss() -> None:
    ring = EventRing(4096)
    with pytest.raises(OSError, match="write failed"):
        for index in range(1000):
            ring.append(EventKind.FRAME, 0, 0, index, index, b"x" * 100)
    assert ring.error == errno.EIO


def test_a_failed_write_fails_every_later_append() -> None:
    ring = EventRing(4096)
    ring.attach(os.open("/dev/full", os.O_WRONLY))
    ring.append(EventKind.FRAME, 0, 0, 0, 1, b"x")
    with pytest.raises(OSError, match="write failed") as caught:
        ring.flush()
    assert caught.value.errno == errno.ENOSPC
    with pytest.raises(OSError, match="write failed"):
        ring.append(EventKind.FRAME, 0, 0, 0, 2, b"x")


@pytest.mark.parametrize("capacity", [0, 100, 4097])
def test_capacity_is_checked(capacity: int) -> None:
    with pytest.raises(ValueError, match="power of two"):
        EventRing(capacity)
