"""A live or paper session as the measure of a backtest: its clock, its latencies, its config."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import yaml

from mmbot._core.eventlog import EventKind
from mmbot._core.order_latency import RecordedLatency
from mmbot._core.types import OrderEvent, OrderEventKind, Side
from mmbot.assembly import Spec, listed_assets
from mmbot.config import Config, parse
from mmbot.errors import TapeError
from mmbot.tape.journal import open_session, records
from mmbot.tape.latencies import Latencies, measure

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Session:
    """What of a session a backtest repeats, besides its market data.

    Attributes:
        start_ns: when its strategy started.
        open_ns: when the last of its venues had given its first picture: no quote was sent before.
        end_ns: when it was told to stop; 0: it was not.
        looks_ns: when its engine looked at the time, ascending.
        latencies: of its orders, by market.
        paid_in_base: markets on which a buy paid its fee in the asset bought.
    """

    start_ns: int
    open_ns: int
    end_ns: int
    looks_ns: NDArray[np.int64]
    latencies: dict[str, Latencies]
    paid_in_base: frozenset[str]

    @classmethod
    def read(cls, run: Path) -> Session:
        """Read the journal of a run.

        Raises:
            TapeError: there is none, or it is damaged.
        """
        session = open_session(run)
        looks: list[int] = []
        pictured: dict[int, int] = {}
        assets = listed_assets([market.instrument for market in session.markets])
        paid_in_base: set[str] = set()
        start_ns = end_ns = 0
        for record in records(session, keep_going=True):
            if record.kind == EventKind.START:
                start_ns = record.ts_ns
            elif record.kind == EventKind.TIME:
                looks.append(record.ts_ns)
            elif record.kind == EventKind.RECONCILE:
                pictured.setdefault(_field(record.body, "venue"), record.ts_ns)
            elif record.kind == EventKind.ORDER:
                event = OrderEvent.from_raw(record.body).as_dict()
                market = session.markets[event["market"]]
                if (
                    event["kind"] == OrderEventKind.FILL
                    and event["side"] == Side.BUY
                    and not market.instrument.perpetual
                ):
                    paid_with = assets[event["fee_asset"]] if event["fee_asset"] < len(assets) else ""
                    if paid_with == market.instrument.base_asset:
                        paid_in_base.add(market.id)
            elif record.kind == EventKind.COMMAND and _field(record.body, "op") == "stop":
                end_ns = end_ns or record.ts_ns
        if not looks or not pictured:
            raise TapeError(f"{run}: expected a session that came to trade, found one that ended before")
        return cls(
            start_ns,
            max(pictured.values()),
            end_ns,
            np.maximum.accumulate(np.array(looks, np.int64)),
            measure(run, keep_going=True),
            frozenset(paid_in_base),
        )

    def latency(self, market: str) -> RecordedLatency | None:
        """What the session's orders on a market had; None when it sent none."""
        found = self.latencies.get(market)
        if found is None or not (found.exch_ns > 0).any():
            return None
        return RecordedLatency(
            found.req_ns,
            found.exch_ns,
            found.resp_ns,
            fill_exch_ns=found.fill_exch_ns,
            fill_resp_ns=found.fill_resp_ns,
            in_turn=True,
        )


def config_of(run: Path, overrides: Iterable[str] = ()) -> Config:
    """The config of a session, with a section `backtest` that repeats it.

    Args:
        run: its folder, or its journal.
        overrides: values laid over it, as after ``--set``.

    Raises:
        TapeError: there is no journal of a session.
        InvalidConfig: an override is wrong.
    """
    session = open_session(run)
    first = next(iter(records(session)))
    config: dict[str, Any] = Spec.decode(bytes(first.body)).config
    config["backtest"] = {**(config.get("backtest") or {}), "session": str(run.resolve()), "data": {}}
    return parse(yaml.safe_dump(config, sort_keys=False), str(run), overrides)


def _field(body: bytes | memoryview, name: str) -> Any:
    return msgspec.json.decode(body)[name]
