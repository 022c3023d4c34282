"""Order latencies of a session, measured from its journal: what a backtest of the same venue can be run with.

For every PLACE, AMEND and CANCEL that was sent: when it left us (the time of the event that caused it), when the
exchange acted on it (what its answer states), when the first answer reached us. All three on our clock: the exchange's
times are corrected as `mmbot.tape.journal` does it for the tape, so that tape and latencies fit together.

Exchanges state whole milliseconds; `mmbot.tape.instants` says which instant is taken. On a simulated exchange beside us
whole round trips are shorter than that, so there the split between the way there and back is hardly more than half and
half; their sum is exact.
"""

from __future__ import annotations

import zipfile
import zlib
from collections import Counter, defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from mmbot._core.eventlog import EventKind
from mmbot._core.types import CommandKind, CommandView, OrderEvent, OrderEventKind, Owner
from mmbot.errors import ConfigError, TapeError
from mmbot.tape.instants import instants
from mmbot.tape.journal import clock_offset_ns, open_session, records

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from mmbot.tape.journal import Session, SessionMarket

COLUMNS: Final = ("req_ns", "exch_ns", "resp_ns")
OVERLOADED: Final = frozenset({-1008})
"""Reasons of a refusal that say that the request never reached the matching engine (Binance: "server overloaded")."""

_REQUESTS: Final = frozenset({CommandKind.PLACE, CommandKind.AMEND_ORDER, CommandKind.CANCEL_ORDER})
_DONE: Final = {
    CommandKind.PLACE: frozenset({OrderEventKind.ACK, OrderEventKind.EXPIRE, OrderEventKind.REJECT}),
    CommandKind.AMEND_ORDER: frozenset({OrderEventKind.AMEND}),
    CommandKind.CANCEL_ORDER: frozenset({OrderEventKind.CANCEL}),
}
"""Events of the user stream that tell that a request was acted on; a fill tells of a later moment."""


@dataclass(frozen=True, slots=True)
class Latencies:
    """Measured latencies of one market, in the order of the requests.

    Attributes:
        market: id in the session's config.
        req_ns: when the request left, our clock.
        exch_ns: when the exchange acted, our clock; 0: the request never reached it.
        resp_ns: when the first answer reached us, our clock.
        command: `CommandKind` of each.
        fill_exch_ns: when the exchange filled an order, our clock, ascending.
        fill_resp_ns: when we first knew of it, our clock.
        left_out: requests that say nothing, by reason.
        clock_offset_ns: what was taken off the exchange's times.
        resolution_ns: of the exchange's times.
    """

    market: str
    req_ns: NDArray[np.int64]
    exch_ns: NDArray[np.int64]
    resp_ns: NDArray[np.int64]
    command: NDArray[np.int8]
    fill_exch_ns: NDArray[np.int64]
    fill_resp_ns: NDArray[np.int64]
    left_out: dict[str, int]
    clock_offset_ns: int
    resolution_ns: int

    def __len__(self) -> int:
        """Requests that were measured."""
        return len(self.req_ns)

    def summary(self) -> dict[str, Any]:
        """For people and JSON; latencies in microseconds."""
        reached = self.exch_ns > 0
        there = (self.exch_ns - self.req_ns)[reached] / 1e3
        back = (self.resp_ns - self.exch_ns)[reached] / 1e3
        trip = (self.resp_ns - self.req_ns)[reached] / 1e3
        return {
            "market": self.market,
            "requests": len(self),
            "never_arrived": int((~reached).sum()),
            "left_out": self.left_out,
            "clock_offset_ns": self.clock_offset_ns,
            "resolution_ns": self.resolution_ns,
            "entry_us": _percentiles(there),
            "response_us": _percentiles(back),
            "round_trip_us": _percentiles(trip),
            "fills": len(self.fill_exch_ns),
            "fill_us": _percentiles((self.fill_resp_ns - self.fill_exch_ns) / 1e3),
        }

    def save(self, path: Path) -> None:
        """Write an ``.npz`` with the columns of `COLUMNS`, `command`, and `about` (JSON).

        Raises:
            TapeError: there is nothing to save that a model could be made of.
            OSError: it cannot be written.
        """
        if not (self.exch_ns > 0).any():
            raise TapeError(f"{path}: market {self.market}: expected requests that were answered, found none")
        part = path.with_name(f"{path.name}.part")
        try:
            with part.open("wb") as file:
                np.savez_compressed(
                    file,
                    req_ns=self.req_ns,
                    exch_ns=self.exch_ns,
                    resp_ns=self.resp_ns,
                    command=self.command,
                    fill_exch_ns=self.fill_exch_ns,
                    fill_resp_ns=self.fill_resp_ns,
                    about=np.frombuffer(msgspec.json.encode(self.summary()), np.uint8),
                )
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def load_latencies(path: Path) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The columns `COLUMNS` of a file that `Latencies.save` wrote, or anybody with the same three columns.

    Raises:
        TapeError: it is no such file, or is damaged.
        OSError: it cannot be read.
    """
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            if not set(COLUMNS) <= set(file.files):
                raise TapeError(f"{path}: expected the columns {', '.join(COLUMNS)}, found {', '.join(file.files)}")
            req_ns, exch_ns, resp_ns = (np.ascontiguousarray(file[name]) for name in COLUMNS)
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error, KeyError, AttributeError, TypeError) as error:
        raise TapeError(f"{path}: expected measured latencies (.npz): {error}") from None
    for name, column in zip(COLUMNS, (req_ns, exch_ns, resp_ns), strict=True):
        if column.dtype != np.int64 or column.ndim != 1 or len(column) != len(req_ns):
            raise TapeError(f"{path}: {name}: expected {len(req_ns)} int64, found {column.dtype} {column.shape}")
    return req_ns, exch_ns, resp_ns


def save_all(run: Path, out: Path, *, symbol: str | None = None, keep_going: bool = False) -> dict[str, Any]:
    """Measure a session and write a file for each market that orders were sent to.

    Args:
        run: the run's folder, or its journal.
        out: a folder for ``<market>.npz``, created if need be; or the ``.npz`` of the one market that is meant.
        symbol: of the market that is meant: its id, symbol, or the venue's symbol.
        keep_going: as of `measure`.

    Returns:
        The summary of each market, by file.

    Raises:
        ConfigError: `out` is one file and several markets had orders, or `symbol` is none of them.
        TapeError: there is no journal of a session, it is damaged, or it has no answered orders.
        OSError: a file cannot be written.
    """
    found = measure(run, keep_going=keep_going)
    if symbol is not None:
        wanted = open_session(run).market(symbol).id
        found = {name: each for name, each in found.items() if name == wanted}
    if not found:
        raise TapeError(f"{run}: expected orders{f' on {symbol}' if symbol else ''}, found none")
    if out.suffix == ".npz":
        if len(found) > 1:
            raise ConfigError(f"{out}: {run} had orders on {', '.join(found)}: name a folder, or one with --symbol")
        paths = dict.fromkeys(found, out)
    else:
        out.mkdir(parents=True, exist_ok=True)
        paths = {name: out / f"{name}.npz" for name in found}
    for name, each in found.items():
        each.save(paths[name])
    return {str(paths[name]): each.summary() for name, each in found.items()}


def measure(run: Path, *, keep_going: bool = False) -> dict[str, Latencies]:
    """The order latencies of a session, by market; markets without a request are not in it.

    Args:
        run: the run's folder, or its journal.
        keep_going: of a damaged journal, use what stands before the damage.

    Raises:
        TapeError: there is no journal of a session, or it is damaged.
    """
    session = open_session(run)
    answers = _Answers()
    for record in records(session, keep_going=keep_going):
        if record.kind == EventKind.OUT_COMMAND:
            answers.sent(CommandView.from_raw(record.body))
        elif record.kind == EventKind.ORDER:
            answers.told(OrderEvent.from_raw(record.body).as_dict(), record.ts_ns)
    return {
        market.id: _latencies(session, market, answers) for market in session.markets if answers.requests[market.index]
    }


class _Request:
    """One request on its way; times are 0 until they are known."""

    __slots__ = ("command", "exch_ns", "never_arrived", "req_ns", "resp_ns")

    def __init__(self, command: int, req_ns: int) -> None:
        self.command, self.req_ns = command, req_ns
        self.exch_ns = self.resp_ns = 0
        self.never_arrived = False


class _Answers:
    """Requests and what was told of them, matched as the events come."""

    def __init__(self) -> None:
        self.requests: defaultdict[int, list[_Request]] = defaultdict(list)
        self.fills: defaultdict[int, dict[int, tuple[int, int]]] = defaultdict(dict)
        self._open: defaultdict[tuple[int, int, int], deque[_Request]] = defaultdict(deque)

    def sent(self, command: CommandView) -> None:
        """A command left."""
        if command.kind in _REQUESTS and command.order_num:
            request = _Request(command.kind, command.ts_ns)
            self.requests[command.market].append(request)
            self._open[command.market, command.order_num, command.kind].append(request)

    def told(self, event: dict[str, int], recv_ns: int) -> None:
        """An order event came in."""
        if event["owner"] != Owner.OURS or not event["order_num"]:
            return
        if event["kind"] == OrderEventKind.FILL and event["exch_ts_ns"]:
            self.fills[event["market"]].setdefault(event["trade_id"], (event["exch_ts_ns"], recv_ns))
        for kind, done in _DONE.items():
            if event["request"] == kind or (not event["request"] and event["kind"] in done):
                self._answer(self._open.get((event["market"], event["order_num"], kind)), event, recv_ns)

    def _answer(self, waiting: deque[_Request] | None, event: dict[str, int], recv_ns: int) -> None:
        if not waiting:
            return  # the second of its two tellings: as an answer, and on the user stream
        request = waiting[0]
        if event["kind"] == OrderEventKind.LOST:
            waiting.popleft()  # nobody knows what became of it, nor when
            return
        request.resp_ns = request.resp_ns or recv_ns
        request.exch_ns = event["exch_ts_ns"]
        request.never_arrived = event["kind"] == OrderEventKind.REJECT and event["reason"] in OVERLOADED
        refused = event["kind"] not in _DONE[CommandKind(request.command)] or event["kind"] == OrderEventKind.REJECT
        if request.exch_ns or request.never_arrived or refused:
            waiting.popleft()  # else the user stream may still state the exchange's time


def _latencies(session: Session, market: SessionMarket, answers: _Answers) -> Latencies:
    offset_ns = clock_offset_ns(session, market.venue)
    left_out: Counter[str] = Counter()
    rows: list[tuple[int, int, int, int]] = []
    requests = answers.requests[market.index]
    resolution_ns = _resolution([r.exch_ns for r in requests if r.exch_ns])
    latest = 0
    for request in requests:
        if not request.resp_ns:
            left_out["no answer"] += 1
        elif request.never_arrived:
            rows.append((request.req_ns, 0, max(request.resp_ns, request.req_ns + 1), request.command))
        elif not request.exch_ns:
            left_out["no time of the exchange"] += 1
        else:
            stated = request.exch_ns - offset_ns
            after = max(request.req_ns, latest)  # not before an earlier request's, either
            if max(stated, after) > request.resp_ns:
                left_out["overtaken"] += 1
                continue
            latest = int(instants(stated, request.resp_ns, after_ns=after, resolution_ns=resolution_ns))
            rows.append((request.req_ns, latest, request.resp_ns, request.command))
    columns = np.array(rows, np.int64).reshape(-1, 4)
    fills = np.array(sorted(answers.fills[market.index].values()), np.int64).reshape(-1, 2)
    filled_ns = np.maximum.accumulate(instants(fills[:, 0] - offset_ns, fills[:, 1], resolution_ns=resolution_ns))
    return Latencies(
        market.id,
        req_ns=columns[:, 0].copy(),
        exch_ns=columns[:, 1].copy(),
        resp_ns=columns[:, 2].copy(),
        command=columns[:, 3].astype(np.int8),
        fill_exch_ns=filled_ns,
        fill_resp_ns=np.maximum(fills[:, 1], filled_ns),
        left_out=dict(left_out),
        clock_offset_ns=offset_ns,
        resolution_ns=resolution_ns,
    )


def _resolution(times_ns: Sequence[int]) -> int:
    """The coarsest of ms, us and ns that all times are whole numbers of."""
    return next((unit for unit in (1_000_000, 1_000) if all(time % unit == 0 for time in times_ns)), 1)


def _percentiles(values: NDArray[np.float64]) -> dict[str, float | None]:
    marks = (1, 50, 90, 99)
    if not len(values):
        return {f"p{mark}": None for mark in marks}
    return {f"p{mark}": round(float(np.percentile(values, mark)), 1) for mark in marks}
