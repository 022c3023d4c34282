"""What a session's tape says of the exchange: instants within milliseconds, and nobody's orders but others'."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import raw_lines
from hypothesis import given
from hypothesis import strategies as st
from made_up_journal import MS, START, T0, Journal, columns

from mmbot._core.types import OrderEventKind as Told
from mmbot._core.types import OrderState, Owner, Side
from mmbot.tape import Request, TapeFlag, TapeKind, convert
from mmbot.tape.instants import instants

times = st.integers(0, 50 * MS)


@given(stated=times, told=times, after=times)
def test_an_instant_lies_where_it_can(stated: int, told: int, after: int) -> None:
    found = int(instants(stated, told, after_ns=after))
    assert found >= max(stated, after)
    if told >= max(stated, after):
        assert found <= told
        assert found < stated + MS or found == after


@given(st.lists(times, min_size=2, max_size=9))
def test_who_is_told_of_later_was_later(told: list[int]) -> None:
    found = instants(np.full(len(told), 10 * MS), np.array(sorted(told)))
    assert (np.diff(found) >= 0).all()


def test_finer_times_stay() -> None:
    assert instants([5 * MS + 3, 7], [6 * MS, 9], resolution_ns=1).tolist() == [5 * MS + 3, 7]


def session(tmp_path: Path, *, clock_ms: int = 0) -> Journal:
    """100.0 x 5 and 100.2 x 6 are shown from 11 ms on; 2 and 4 of them are the session's own."""
    journal = Journal(tmp_path / "run", START)
    if clock_ms:
        journal.clock(0, clock_ms * MS)
    for num, side, price_ticks, qty_lots in ((1, Side.BUY, 1000, 2000), (2, Side.SELL, 1002, 4000)):
        journal.told(
            Told.ACK, 9, exch_ms=8 + clock_ms, order_num=num, venue_order_id=num, side=side, price_ticks=price_ticks,
            qty_lots=qty_lots, state=OrderState.LIVE, owner=Owner.OURS,
        )  # fmt: skip
    return journal


def played(journal: Journal, *, exchange: bool) -> list[tuple[float, str, int, list[list[int]]]]:
    """What happens at the exchange, or what we see: ms, kind, side, levels."""
    run = journal.close()
    out = run.parent / "run.tape"
    convert(Request(sources=(run,), out=out, symbol="perp_btc"))
    found, rows, at = columns(out), [], 0
    for exch, local, kind, side, flags, count in zip(
        *(found[name] for name in ("exch_ns", "local_ns", "kind", "side", "flags", "count")), strict=True
    ):
        levels, at = found["levels"][at : at + count], at + count
        if flags & (TapeFlag.EXCH if exchange else TapeFlag.LOCAL):
            rows.append((((exch if exchange else local) - T0) / MS, TapeKind(kind).name, side, levels))
    return rows


SHOWN = [
    raw_lines.depth(10.5, 10, (1, 5, 0), [("100.0", "5")], [("100.2", "6")]),
    raw_lines.snapshot(11.0, 10, 5, [("100.0", "5"), ("99.9", "1")], [("100.2", "6")]),
]


def test_the_exchange_holds_what_others_have_and_we_see_all(tmp_path: Path) -> None:
    journal = session(tmp_path)
    journal.lines(0, 0, *SHOWN, raw_lines.ticker(12.4, 12, 6, ("100.0", "5"), ("100.2", "4")))
    rows = [row[1:] for row in played(journal, exchange=True) if row[1] in {"SNAPSHOT", "TICKER"}]
    assert rows == [
        ("SNAPSHOT", 0, [[1000, 3000], [999, 1000]]),
        ("SNAPSHOT", 1, [[1002, 2000]]),
        ("TICKER", 0, [[1000, 3000], [1002, 0]]),
    ]
    journal = session(tmp_path / "again")
    journal.lines(0, 0, *SHOWN, raw_lines.ticker(12.4, 12, 6, ("100.0", "5"), ("100.2", "4")))
    rows = [row[1:] for row in played(journal, exchange=False) if row[1] in {"SNAPSHOT", "TICKER"}]
    assert rows == [
        ("SNAPSHOT", 0, [[1000, 5000], [999, 1000]]),
        ("SNAPSHOT", 1, [[1002, 6000]]),
        ("TICKER", 0, [[1000, 5000], [1002, 4000]]),
    ]


def test_orders_that_moved_were_filled_or_ended_are_followed(tmp_path: Path) -> None:
    journal = session(tmp_path, clock_ms=30)
    journal.lines(0, 0, *SHOWN)
    ours = {"owner": Owner.OURS, "venue_order_id": 1}
    journal.told(Told.AMEND, 14, exch_ms=43, price_ticks=999, qty_lots=2000, state=OrderState.LIVE, **ours)
    journal.told(
        Told.FILL, 16, exch_ms=45, price_ticks=999, qty_lots=2000, cum_filled_lots=500, trade_id=1,
        state=OrderState.PARTIALLY_FILLED, **ours,
    )  # fmt: skip
    journal.told(Told.AMEND_REJECT, 17, exch_ms=46, price_ticks=998, qty_lots=2000, **ours)
    journal.told(Told.CANCEL, 19, exch_ms=48, price_ticks=999, qty_lots=2000, state=OrderState.CANCELED, **ours)
    changes = [
        raw_lines.depth(20.0 + n, at + 30, (6 + n, 6 + n, 5 + n), [("100.0", "5"), ("99.9", "7")], [])
        for n, at in enumerate((12, 14, 17, 19))
    ]
    journal.lines(0, 0, *changes)
    found = [levels for at, kind, side, levels in played(journal, exchange=True) if kind == "DEPTH" and at > 11.5]
    assert found == [
        [[1000, 3000], [999, 7000]],
        [[1000, 5000], [999, 5000]],
        [[1000, 5000], [999, 5500]],
        [[1000, 5000], [999, 7000]],
    ]


def test_in_the_millisecond_of_a_change_what_fits_is_taken(tmp_path: Path) -> None:
    for number, (shown, others) in enumerate((("7", 5000), ("2", 0), ("1", 1000), ("0.5", 500))):
        journal = Journal(tmp_path / str(number), START)
        journal.lines(0, 0, *SHOWN)
        journal.told(
            Told.ACK, 15, exch_ms=14, venue_order_id=1, price_ticks=1001, qty_lots=2000, state=OrderState.LIVE,
            owner=Owner.OURS,
        )  # fmt: skip
        # Shown in the very millisecond in which ours came: 7 with it, 2 only it, less than 2 before it.
        journal.lines(0, 0, raw_lines.depth(16, 14, (6, 6, 5), [("100.1", shown)], []))
        rows = [levels for at, kind, _, levels in played(journal, exchange=True) if kind == "DEPTH" and at > 13]
        assert rows == [[[1001, others]]]
