"""Scanner and full parser on mutated frames: the same answer, and nothing half done."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from frames import RECORDINGS, SAMPLES, Recording, fields, payloads, scanned_fields
from hypothesis import given, settings
from hypothesis import strategies as st

from mmbot._core.decode import Decoder
from mmbot._core.message import MessageKind

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
    found = scanned_fields(one, payload)
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
