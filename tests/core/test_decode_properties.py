"""Scanner and full parser on mutated frames: the same answer, nothing half done, and no byte read past the end."""

from __future__ import annotations

import ctypes
import mmap
import random
from pathlib import Path

import pytest
from frames import RECORDINGS, Recording, fields, payloads
from hypothesis import given, settings
from hypothesis import strategies as st

from mmbot._core.decode import Decoder
from mmbot._core.message import MessageKind

SAMPLES = [
    (
        "binance_usdm",
        (
            b'{"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","E":1723161256299,"T":1723161256298,"s":"BTCUSDT",'
            b'"U":10,"u":20,"pu":9,"b":[["58710.20","0.014"],["61496.50","0.010"],["61510.90","0.000"],["61641.50","1.211"],'
            b'["61652.80","0.195"],["61653.30","0.072"]],"a":[["63113.70","0.000"],["65880.70","15.918"]]}}'
        ),
    ),
    (
        "binance_spot",
        (
            b'{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161255208,"s":"BTCUSDT","U":50093239189,'
            b'"u":50093239202,"b":[["61737.63000000","0.00000000"]],"a":[["61837.64000000","1.54698000"],'
            b'["61839.85000000","0.00000000"],["61839.86000000","0.00000000"]]}}'
        ),
    ),
    (
        "binance_usdm",
        (
            b'{"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":5123107839020,"s":"BTCUSDT","b":"61800.20",'
            b'"B":"2.507","a":"61800.30","A":"2.510","T":1723161256313,"E":1723161256313}}'
        ),
    ),
    (
        "binance_spot",
        (
            b'{"stream":"btcusdt@bookTicker","data":{"u":50093239212,"s":"BTCUSDT","b":"61837.63000000","B":"3.78826000",'
            b'"a":"61837.64000000","A":"1.54698000"}}'
        ),
    ),
    (
        "binance_usdm",
        (
            b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161256322,"T":1723161256322,"s":"BTCUSDT","t":5266583935,'
            b'"p":"61800.30","q":"0.006","X":"MARKET","m":false}}'
        ),
    ),
    (
        "binance_spot",
        (
            b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,'
            b'"p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"M":true}}'
        ),
    ),
    (
        "binance_usdm",
        (
            b'{"e":"aggTrade","E":123456789,"a":5933014,"s":"BTCUSDT","p":"61800.1","q":"100","f":100,"l":105,"T":123456785,'
            b'"m":true,"st":1}'
        ),
    ),
    (
        "binance_usdm",
        (
            b'{"e":"markPriceUpdate","E":1562305380000,"s":"BTCUSDT","p":"11794.15000000","i":"11784.62659091",'
            b'"P":"11784.25641265","r":"0.00038167","T":1562306400000,"st":1}'
        ),
    ),
    (
        "binance_usdm",
        (
            b'{"lastUpdateId":5123107852948,"E":1723161256501,"T":1723161256493,"bids":[["61800.20","2.909"],'
            b'["61800.10","0.696"]],"asks":[["61976.10","0.250"],["61976.20","0.002"]]}'
        ),
    ),
]
PIECES = [
    b'"',
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b".",
    b"-",
    b"0",
    b"9",
    b" ",
    b"e",
    b"\0",
    b"\xff",
    b'"u":1,',
    b"[]",
]
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["replace", "insert", "delete", "cut", "repeat"]),
        st.floats(0, 1),
        st.one_of(st.sampled_from(PIECES), st.binary(min_size=1, max_size=3)),
        st.integers(1, 12),
    ),
    min_size=1,
    max_size=3,
)
DECODERS = {
    kind: Recording("", kind, "BTCUSDT", tick, lot).decoder()
    for kind, tick, lot in (("binance_usdm", "0.10", "0.001"), ("binance_spot", "0.01", "0.000001"))
}


def mutate(payload: bytes, edits: list[tuple[str, float, bytes, int]]) -> bytes:
    for edit, where, piece, n in edits:
        at = int(where * len(payload))
        if edit == "replace":
            payload = payload[:at] + piece + payload[at + len(piece) :]
        elif edit == "insert":
            payload = payload[:at] + piece + payload[at:]
        elif edit == "delete":
            payload = payload[:at] + payload[at + n :]
        elif edit == "cut":
            payload = payload[:at]
        else:
            payload = payload[:at] + payload[at : at + n] * 2 + payload[at + n :]
    return payload


def assert_agree(one: Decoder, payload: bytes) -> None:
    scanned = one.scan_only(payload)
    found = None if scanned is None else fields(scanned)
    parsed = fields(one.parse_only(payload))
    assert found is None or found == parsed
    if parsed["kind"] in (MessageKind.BAD, MessageKind.IGNORED):
        assert parsed["bids"] == parsed["asks"] == []
    assert fields(one.frame(payload)) == parsed


@given(st.sampled_from(SAMPLES), EDITS)
@settings(max_examples=1500, deadline=None)
def test_mutated_frames_mean_the_same_to_both_parsers(sample: tuple[str, bytes], edits: list) -> None:
    kind, payload = sample
    assert_agree(DECODERS[kind], mutate(payload, edits))


@pytest.mark.parametrize("recording", RECORDINGS[::2], ids=lambda recording: recording.file)
def test_mutated_recordings_mean_the_same_to_both_parsers(data_dir: Path, recording: Recording) -> None:
    one, dice = recording.decoder(), random.Random(7)
    frames = payloads(data_dir, recording)
    for _ in range(4000):
        payload = bytearray(dice.choice(frames))
        for _ in range(dice.randrange(1, 4)):
            payload[dice.randrange(len(payload))] = dice.choice(b'0123456789"[]{},:.-e \\xyzBTCUu\x00\x80')
        assert_agree(one, bytes(payload))


@given(st.sampled_from(list(DECODERS)), st.binary(max_size=300))
@settings(max_examples=500, deadline=None)
def test_any_bytes_are_an_answer(kind: str, payload: bytes) -> None:
    assert_agree(DECODERS[kind], payload)


@pytest.mark.parametrize(("kind", "payload"), SAMPLES)
def test_a_frame_cut_anywhere_is_bad(kind: str, payload: bytes) -> None:
    one = DECODERS[kind]
    for end in range(len(payload)):
        assert one.frame(payload[:end]).kind == MessageKind.BAD
        assert one.scan_only(payload[:end]) is None


@pytest.mark.parametrize(("kind", "payload"), SAMPLES)
def test_no_byte_after_the_frame_is_read(kind: str, payload: bytes) -> None:
    """The frame ends exactly where the process may no longer read: one byte further is a segmentation fault."""
    libc = ctypes.CDLL(None, use_errno=True)
    page = mmap.PAGESIZE
    area = mmap.mmap(-1, 2 * page)
    base = ctypes.addressof(ctypes.c_char.from_buffer(area))
    assert libc.mprotect(ctypes.c_void_p(base + page), page, 0) == 0
    try:
        for end in (*range(0, len(payload), 3), len(payload)):
            area[page - end : page] = payload[:end]
            frame = DECODERS[kind].frame_at(base + page - end, end)
            assert (frame.kind == MessageKind.BAD) == (end < len(payload))
    finally:
        libc.mprotect(ctypes.c_void_p(base + page), page, mmap.PROT_READ | mmap.PROT_WRITE)
