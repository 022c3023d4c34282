"""Every reader of price levels that this machine has, on numbers written in every way, and at the borders of memory."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Callable, Iterator

import pytest
from frames import SAMPLES, decoder, fields, scanned_fields
from hypothesis import given, settings
from hypothesis import strategies as st

from mmbot._core.decode import Decoder
from mmbot._core.message import MessageKind
from mmbot._core.scan import level_readers, use_level_reader

Row = list[tuple[str, str]]
UNITS = ["1", "5", "0.5", "0.1", "0.25", "0.01", "0.05", "0.001", "0.00001", "0.00000001", "0.0000000001"]
DIGITS = st.text("0123456789", min_size=1, max_size=9)
NUMBERS = st.one_of(
    DIGITS,
    st.builds("{}.{}".format, DIGITS, DIGITS),
    st.builds("{}.{}".format, st.text("0123456789", min_size=8, max_size=20), DIGITS),
    st.builds("{}.{}{}".format, DIGITS, st.sampled_from(["", "1", "25", "500"]), st.text("0", max_size=9)),
    st.builds("{}.{}".format, st.sampled_from(["", "0"]), st.sampled_from(["", "5", "50", "."])),
    st.text('0123456789.-+e"], ', max_size=8),
)
AS_USUAL = st.builds("{}.{:02d}".format, st.integers(1, 99_999), st.integers(0, 99))
LEVELS = st.tuples(st.one_of(AS_USUAL, AS_USUAL, NUMBERS), st.one_of(AS_USUAL, AS_USUAL, NUMBERS))
ROWS = st.one_of(
    st.lists(LEVELS, max_size=4),
    st.lists(st.tuples(AS_USUAL, AS_USUAL), max_size=80),
    st.builds(lambda row, odd, at: [*row[:at], odd, *row[at:]],
              st.lists(st.tuples(AS_USUAL, AS_USUAL), max_size=80), LEVELS, st.integers(0, 80)),
)  # fmt: skip


def depth(bids: Row, asks: Row) -> bytes:
    rows = [",".join(f'["{price}","{qty}"]' for price, qty in row) for row in (bids, asks)]
    return f'{{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":1,"u":2,"b":[{rows[0]}],"a":[{rows[1]}]}}'.encode()


def snapshot(bids: Row, asks: Row) -> bytes:
    head, rows = depth(bids, asks).split(b'"b":')
    assert head
    return b'{"lastUpdateId":1,"bids":' + rows.replace(b'],"a":[', b'],"asks":[')


@given(ROWS, ROWS, st.sampled_from(UNITS), st.sampled_from(UNITS), st.sampled_from([depth, snapshot]))
@settings(max_examples=2000, deadline=None)
def test_no_way_to_write_a_number_tells_the_readers_apart(
    bids: Row, asks: Row, tick: str, lot: str, frame: Callable[[Row, Row], bytes]
) -> None:
    one, payload = decoder("binance_spot", tick=tick, lot=lot), frame(bids, asks)
    scanned = scanned_fields(one, payload)
    assert scanned is None or scanned == fields(one.parse_only(payload))


@pytest.mark.parametrize("places", range(9))
@pytest.mark.parametrize("decimals", range(9))
def test_each_form_is_read_exactly(decimals: int, places: int) -> None:
    tick = f"{10**-decimals:.{decimals}f}"
    one = decoder("binance_spot", tick=tick, lot=tick)
    for whole in ("1", "98", "7654321", "98765432", "1234567", "00000001"):
        fraction = "123456789"[: min(places, decimals)].ljust(places, "0")
        text = f"{whole}.{fraction}" if places else whole
        ticks = int(whole + fraction[:decimals].ljust(decimals, "0"))
        read = scanned_fields(one, depth([(text, "1")] * 3, [("1", text)] * 3))
        assert read is not None
        assert read["bids"] == [(ticks, 10**decimals)] * 3
        assert read["asks"] == [(10**decimals, ticks)] * 3


@pytest.mark.parametrize("n", [*range(70), 255, 256, 257, 1000])
def test_rows_of_every_length(n: int) -> None:
    """The vector reader works in stretches of 512 bytes, of blocks of 64."""
    one = decoder("binance_spot", tick="0.01", lot="0.001")
    bids = [(f"{60000 - i}.10", f"0.{i % 1000:03d}") for i in range(n)]
    asks = [(f"{60001 + i}.20", f"{i}.500") for i in range(n)]
    read = scanned_fields(one, depth(bids, asks))
    assert read is not None
    assert read["bids"] == [((60000 - i) * 100 + 10, i % 1000) for i in range(n)]
    assert read["asks"] == [((60001 + i) * 100 + 20, i * 1000 + 500) for i in range(n)]


def test_the_reader_is_chosen_by_name() -> None:
    assert level_readers()[0] == "portable"
    with pytest.raises(ValueError, match="level reader: expected one of portable"):
        use_level_reader("abacus")


PAGES = 5
NO_ACCESS = 0  # PROT_NONE


@pytest.fixture
def island() -> Iterator[tuple[mmap.mmap, int]]:
    """Memory with its address, in the middle of pages that must not be touched: a segmentation fault ends the test."""
    libc, page = ctypes.CDLL(None, use_errno=True), mmap.PAGESIZE
    area = mmap.mmap(-1, (PAGES + 2) * page)
    base = ctypes.addressof(ctypes.c_char.from_buffer(area))
    shores = [ctypes.c_void_p(base), ctypes.c_void_p(base + (PAGES + 1) * page)]
    for shore in shores:
        assert libc.mprotect(shore, page, NO_ACCESS) == 0
    yield area, base
    for shore in shores:
        libc.mprotect(shore, page, mmap.PROT_READ | mmap.PROT_WRITE)


LONG = depth([(f"{58000 + i}.20", f"{i % 9}.014") for i in range(300)], [("65880.70", "15.918")] * 300)
SHORT = snapshot([("1", "1")], [("2", "1")])


@pytest.mark.parametrize("reader", level_readers())
@pytest.mark.parametrize(("kind", "payload"), [*SAMPLES, ("binance_spot", LONG), ("binance_spot", SHORT)])
def test_no_byte_beside_the_frame_is_read(
    kind: str, payload: bytes, reader: str, island: tuple[mmap.mmap, int]
) -> None:
    use_level_reader(reader)
    one: Decoder = decoder(kind, tick="0.01", lot="0.000001")
    area, base = island
    first, last = mmap.PAGESIZE, (PAGES + 1) * mmap.PAGESIZE
    for end in (*range(0, len(payload), 3), len(payload)):
        for start in (first, last - end):
            area[start : start + end] = payload[:end]
            frame = one.frame_at(base + start, end)
            assert (frame.kind == MessageKind.BAD) == (end < len(payload))
    assert one.fallbacks == 2 * len(range(0, len(payload), 3))
