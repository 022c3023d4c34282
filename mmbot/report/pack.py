"""Columns of numbers for a page: differences, bytes of equal weight together, deflated, base64.

The page undoes it in ``assets/unpack.js``. A hundred thousand fills take about a megabyte.
"""

from __future__ import annotations

import base64
import zlib
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from mmbot._core.blotter import HORIZONS_NS
from mmbot.report.attribution import signed_lots
from mmbot.report.performance import equity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmbot.report.run import RunData

MAX_STATES = 16_000
MAX_EQUITY = 12_000
_INTEGERS = (np.int8, np.int16, np.int32)
_DOUBLE_EXACT = 1 << 53
_LEVEL = 6  # of deflate; 9 takes five times as long for two percent less


def _fits(values: NDArray[np.int64], dtype: type[np.signedinteger[Any]]) -> bool:
    limits = np.iinfo(dtype)
    return not len(values) or bool(limits.min <= values.min() and values.max() <= limits.max)


class Pack:
    """Collects columns; `manifest` says how to read `text`."""

    def __init__(self) -> None:
        self.manifest: list[dict[str, Any]] = []
        self._bytes: list[bytes] = []

    def add(self, name: str, values: NDArray[Any]) -> None:
        """Add a column of integers, exact to 2**53."""
        whole = np.asarray(values, np.int64)
        change = np.diff(whole, prepend=0)
        dtype = next((d for d in _INTEGERS if _fits(change, d)), np.float64)
        packed = change.astype(dtype)
        self.manifest.append({"name": name, "type": packed.dtype.str[1:], "count": len(whole)})
        rows = packed.view(np.uint8).reshape(len(whole), packed.itemsize)
        self._bytes.append(np.ascontiguousarray(rows.T).tobytes())

    def text(self) -> str:
        """All columns, one after another."""
        return base64.b64encode(zlib.compress(b"".join(self._bytes), _LEVEL)).decode("ascii")


def pack_run(run: RunData, prefix: str = "") -> Pack:
    """The columns of a run's charts: ``fill.*``, ``state.<market>.*``, ``equity.<asset>.*``.

    Times are microseconds since the run's start. Where there are more states than a screen can show they are thinned,
    extremes kept; fills are all there.
    """
    pack = Pack()
    _fills(pack, run, prefix)
    for market in run.markets:
        rows = run.of("state", market)
        keep = thin([rows["mid_x2"], rows["position_lots"], rows["total_e8"]], MAX_STATES // len(run.markets))
        rows, name = rows[keep], f"{prefix}state.{market.index}."
        pack.add(name + "t", (rows["ts_ns"] - run.start_ns) // 1000)
        for column in ("bid_ticks", "ask_ticks", "own_bid_ticks", "own_ask_ticks", "position_lots"):
            pack.add(name + column, rows[column])
    pack_equity(pack, run, prefix)
    return pack


def pack_equity(pack: Pack, run: RunData, prefix: str = "") -> None:
    """Equity of every settle asset."""
    for asset in dict.fromkeys(run.settle_asset(market) for market in run.markets):
        times, total = equity(run, asset)
        keep = thin([total], MAX_EQUITY)
        pack.add(f"{prefix}equity.{asset}.t", (times[keep] - run.start_ns) // 1000)
        pack.add(f"{prefix}equity.{asset}.e8", total[keep])


def _fills(pack: Pack, run: RunData, prefix: str) -> None:
    fills = run.fills
    name = prefix + "fill."
    pack.add(name + "t", (fills["ts_ns"] - run.start_ns) // 1000)
    pack.add(name + "kind", fills["side"] + 2 * fills["maker"] + 4 * fills["purpose"].astype(np.int64))
    pack.add(name + "market", fills["market"])
    for column in ("price_ticks", "qty_lots", "mid_x2"):
        pack.add(name + column, fills[column])
    pack.add(name + "fee_e8", np.clip(fills["fee_settle_e8"], -_DOUBLE_EXACT, _DOUBLE_EXACT))
    for h in range(len(HORIZONS_NS)):
        after = fills["after_x2"][:, h]
        # The move since the fill, and a mark of its own for a horizon that was not reached.
        pack.add(f"{name}after{h}", np.where(after > 0, after - fills["mid_x2"], _NOT_REACHED))
    position = np.zeros(len(fills), np.int64)
    for market in run.markets:
        mine = fills["market"] == market.index
        states = run.of("state", market)
        lots = signed_lots(fills[mine])
        end = int(states["position_lots"][-1]) if len(states) else int(lots.sum())
        position[mine] = end - int(lots.sum()) + np.cumsum(lots)
    pack.add(name + "position", position)


_NOT_REACHED = 1 << 30


def thin(series: list[NDArray[Any]], limit: int) -> NDArray[np.int64]:
    """Places of at most about `limit` rows: of each stretch the first, the last, and each series' extremes."""
    count = len(series[0])
    if count <= limit:
        return np.arange(count)
    edges = np.linspace(0, count, max(limit // (2 + 2 * len(series)), 1) + 1).astype(np.int64)
    keep = [edges[:-1], edges[1:] - 1]
    for values in series:
        keep += [
            np.array([a + pick(values[a:b]) for a, b in pairwise(edges.tolist())], np.int64)
            for pick in (np.argmin, np.argmax)
        ]
    return np.unique(np.concatenate(keep))
