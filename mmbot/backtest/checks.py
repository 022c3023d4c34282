"""What a backtest's config may not ask of its tapes; found before anything is played."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mmbot._core.tape import TapeKind
from mmbot.errors import ConfigError

if TYPE_CHECKING:
    from mmbot._core.tape import Tape
    from mmbot.backtest.build import Prepared
    from mmbot.config import Config

ORDERS_BY_ID = {kind.name for kind in TapeKind if kind.name.startswith("L3_")}

MOST_OVERLAP_NS = 5_000_000_000
"""Two recordings that follow each other may have clocks that were corrected in between."""


def check(config: Config, prepared: Prepared) -> None:
    """Refuse what would give a result without saying that it means nothing.

    Raises:
        ConfigError: nothing would be played; a queue is to be counted by order ids that a tape does not have; a balance
            is of an asset in which no market settles; or a market's tapes do not follow each other in time.
    """
    settings = config.backtest
    assert settings is not None  # noqa: S101 - what is prepared has it
    where = f"{config.path or 'config'}: backtest"
    known = {market.instrument.settle_asset for market in prepared.assembly.engine.markets}
    for asset in settings.balances.keys() - known:
        allowed = ", ".join(sorted(known))
        raise ConfigError(f"{where}.balances.{asset}: no market settles in {asset}; allowed: {allowed}")
    for market, tapes in prepared.tapes.items():
        own = settings.markets.get(market)
        queue = (own.queue if own is not None else None) or settings.queue
        for tape in tapes:
            if queue.model == "l3_fifo" and not ORDERS_BY_ID & tape.footer["totals"]["kinds"].keys():
                raise ConfigError(f"{where}.queue.model: l3_fifo needs order ids, which {tape.path} does not have")
        for before, after in itertools.pairwise(tapes):
            _in_order(f"{where}.data.{market}", before, after)
    first_ns, last_ns = _span([tape for tapes in prepared.tapes.values() for tape in tapes])
    start_ns, end_ns = prepared.backtest.start_ns, min(prepared.backtest.end_ns, last_ns + 1)
    if max(start_ns, first_ns) >= end_ns:
        raise ConfigError(
            f"{where}: nothing to play between {_text(start_ns)} and {_text(end_ns)}; "
            f"the data is from {_text(first_ns)} to {_text(last_ns)}"
        )


def _in_order(where: str, before: Tape, after: Tape) -> None:
    ended, begins = before.footer["totals"]["local_to_ns"], after.footer["totals"]["local_from_ns"]
    if begins < ended - MOST_OVERLAP_NS:
        raise ConfigError(
            f"{where}: expected data in the order of time, as it is played one after the other; found {after.path} "
            f"from {_text(begins)} behind {before.path} to {_text(ended)} (files of one time, such as Tardis' book and "
            "trades, are given as their folder)"
        )


def _span(tapes: list[Tape]) -> tuple[int, int]:
    totals = [tape.footer["totals"] for tape in tapes]
    first = min(min(t["exch_from_ns"], t["local_from_ns"]) for t in totals)
    return first, max(max(t["exch_to_ns"], t["local_to_ns"]) for t in totals)


def _text(ns: int) -> str:
    return datetime.fromtimestamp(ns / 1e9, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
