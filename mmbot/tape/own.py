"""A session's own resting orders, taken out of what its tape says the exchange held.

A live session's recording of the market has its own quotes in it. What a strategy saw is left as it was; but a backtest
that repeats the session has an order of its own where the session had one, and must not queue behind its own double.
So where an own order stood, a batch is written twice: for us as it was seen, for the exchange without our quantity.

Exchanges state whole milliseconds, so in the millisecond of a change it is not known which of two messages came first:
of the quantities that we may have had there, what was shown in whole is taken, or else the latest that fits into it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mmbot._core.eventlog import EventKind
from mmbot._core.tape import TapeFlag, TapeKind
from mmbot._core.types import OrderEvent, OrderEventKind, OrderState, Owner, Side
from mmbot.tape.instants import MS
from mmbot.tape.writer import TapeWriter

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

    from mmbot._core.types import Instrument
    from mmbot.journal import Record

_ENDED: Final = frozenset({OrderState.FILLED, OrderState.CANCELED, OrderState.REJECTED, OrderState.EXPIRED})
_ENDS: Final = frozenset({OrderEventKind.CANCEL, OrderEventKind.EXPIRE, OrderEventKind.REJECT})
_TELLS: Final = _ENDS | {OrderEventKind.ACK, OrderEventKind.FILL, OrderEventKind.AMEND, OrderEventKind.STATUS}
_SHOWN: Final = np.array([TapeKind.DEPTH, TapeKind.SNAPSHOT, TapeKind.TICKER], np.uint8)
_KEY_SIDE: Final = 1 << 62


class OwnOrders:
    """How many lots of a session's own orders rested at each price of a market, over time.

    Args:
        journal: the session's records.
        market: index of the market.
        clock_offset_ns: how far the venue's clock was ahead of ours.
    """

    def __init__(self, journal: Iterable[Record], market: int, clock_offset_ns: int) -> None:
        self.clock_offset_ns = clock_offset_ns
        told = []
        for record in journal:
            if record.kind == EventKind.ORDER:
                event = OrderEvent.from_raw(record.body).as_dict()
                ours = event["owner"] in {Owner.OURS, Owner.OURS_BEFORE}
                if event["market"] == market and ours and event["exch_ts_ns"] and event["kind"] in _TELLS:
                    told.append(event)
        told.sort(key=lambda event: event["exch_ts_ns"])  # stable: of one instant in the order of receipt
        self._times: dict[int, list[int]] = {}
        self._lots: dict[int, list[int]] = {}
        self._follow(told)
        self._keys = np.array(sorted(self._times), np.int64)

    def _follow(self, told: list[dict[str, int]]) -> None:
        stood: dict[int, tuple[int, int]] = {}
        filled: defaultdict[int, int] = defaultdict(int)
        ended: set[int] = set()
        for event in told:
            order, at_ns = event["venue_order_id"], event["exch_ts_ns"]
            key, lots = stood.get(order, (0, 0))
            filled[order] = max(filled[order], event["cum_filled_lots"])
            if lots:
                self._add(key, at_ns, -lots)
            if event["kind"] in _ENDS or event["state"] in _ENDED:
                ended.add(order)
            left = 0 if order in ended else event["qty_lots"] - filled[order]
            key = _key(event["side"], event["price_ticks"])
            if left > 0:
                self._add(key, at_ns, left)
            stood[order] = key, max(left, 0)

    def _add(self, key: int, at_ns: int, change: int) -> None:
        times, lots = self._times.setdefault(key, []), self._lots.setdefault(key, [0])
        if times and times[-1] == at_ns:
            lots[-1] += change
        else:
            times.append(at_ns)
            lots.append(lots[-1] + change)

    def __len__(self) -> int:
        """Prices at which an order rested."""
        return len(self._keys)

    def touched(self, sides: NDArray[Any], levels: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which levels are of prices at which an order rested at some time."""
        keys = levels[:, 0] + sides.astype(np.int64) * _KEY_SIDE
        at = np.searchsorted(self._keys, keys)
        at[at == len(self._keys)] = 0
        found: NDArray[np.bool_] = self._keys[at] == keys
        return found

    def others(self, side: int, price_ticks: int, shown_lots: int, exch_ns: int) -> int:
        """What of a level's quantity is not ours.

        Args:
            side: 0 bid, 1 ask.
            price_ticks: its price.
            shown_lots: what the venue showed.
            exch_ns: when, our clock.
        """
        exch_ns = (exch_ns + self.clock_offset_ns) // MS * MS  # as the venue states it
        times, lots = self._times[_key(side, price_ticks)], self._lots[_key(side, price_ticks)]
        first, last = bisect_left(times, exch_ns), bisect_right(times, exch_ns + MS - 1)
        maybe = lots[first : last + 1]
        if shown_lots in maybe:
            return 0
        return shown_lots - next((own for own in reversed(maybe) if own <= shown_lots), shown_lots)


class OthersWriter(TapeWriter):
    """Writes a tape whose exchange does not hold the session's own orders.

    Args:
        path, instrument, source: as of `TapeWriter`.
        own: the orders.
    """

    def __init__(self, path: Path, instrument: Instrument, source: dict[str, Any], own: OwnOrders) -> None:
        super().__init__(path, instrument, source)
        self.own = own

    def append(  # noqa: PLR0917 - the columns of the format, in its order
        self,
        exch_ns: ArrayLike,
        local_ns: ArrayLike,
        seq: ArrayLike,
        kind: ArrayLike,
        side: ArrayLike,
        flags: ArrayLike,
        counts: ArrayLike,
        levels: ArrayLike,
    ) -> None:
        """Add a run of batches, as of `TapeWriter`; those with own orders in them become two."""
        columns = [np.asarray(column) for column in (exch_ns, local_ns, seq, kind, side, flags, counts)]
        found = np.asarray(levels, np.int64).reshape(-1, 2)
        if len(self.own) and len(found):
            columns, found = self._split(columns, found)
        exch_ns, local_ns, seq, kind, side, flags, counts = columns
        super().append(exch_ns, local_ns, seq, kind, side, flags, counts, found)

    def _split(
        self, columns: list[NDArray[Any]], levels: NDArray[np.int64]
    ) -> tuple[list[NDArray[Any]], NDArray[np.int64]]:
        exch_ns, _, _, kind, side, flags, counts = columns
        counts = counts.astype(np.int64)
        batch = np.repeat(np.arange(len(counts)), counts)
        starts = np.cumsum(counts) - counts
        # A ticker's two levels are the bid and the ask.
        sides = np.where(kind[batch] == TapeKind.TICKER, np.arange(len(levels)) - starts[batch], side[batch])
        shown = np.isin(kind[batch], _SHOWN) & (flags[batch] & TapeFlag.EXCH != 0) & (levels[:, 1] > 0)
        mine = np.flatnonzero(shown & self.own.touched(sides, levels))
        others = levels.copy()
        for i in mine.tolist():
            price_ticks, lots = levels[i].tolist()
            others[i, 1] = self.own.others(int(sides[i]), price_ticks, lots, int(exch_ns[batch[i]]))
        changed = np.unique(batch[np.flatnonzero(others[:, 1] != levels[:, 1])])
        seen = changed[flags[changed] & TapeFlag.LOCAL != 0]
        # The exchange's batch takes the place, a copy for us follows it at once.
        order = np.insert(np.arange(len(counts)), seen + 1, seen)
        copy = np.zeros(len(order), np.bool_)
        copy[seen + 1 + np.arange(len(seen))] = True
        columns = [column[order] for column in columns]
        new_flags = columns[5].astype(np.uint8)
        new_flags[np.isin(order, seen)] = TapeFlag.EXCH
        new_flags[copy] = TapeFlag.LOCAL
        columns[5] = new_flags
        which = np.concatenate([np.arange(starts[i], starts[i] + counts[i]) for i in order.tolist()])
        from_seen = np.repeat(copy, counts[order])
        return columns, np.where(from_seen[:, None], levels[which], others[which])


def _key(side: int, price_ticks: int) -> int:
    return price_ticks + (_KEY_SIDE if side == Side.SELL else 0)
