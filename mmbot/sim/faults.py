"""What can go wrong at an exchange, by seed and by schedule.

A `FaultPlan` is a table of rates (events a minute, exponential gaps from a seeded generator) plus a list of timed
faults. A `FaultInjector` follows the plan: `due` hands out what has to happen now, and faults that wait for something
to spoil (the next market frame, the next order) stay armed until `take_frame` or `take_request` finds a match. It
counts what really happened. No I/O, no clock.

A plan file::

    seed: 7
    per_minute: {abort: 0.5, drop_frame: 2, lost_ack: 1}
    events:
      - {at_s: 5, kind: stale, venue: binance_usdm, target: market, duration_ms: 20000}
      - {at_s: 30, kind: lost_ack, mode: close}
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

import msgspec

from mmbot.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


THROTTLED = (
    "Request throttled by system-level protection. Reduce-only/close-position orders are exempt. Please try again."
)


class FaultKind(StrEnum):
    """Every way in which the exchange can misbehave."""

    DISCONNECT = "disconnect"  # close a connection with code 1000
    ABORT = "abort"  # cut it without a close frame (a client sees 1006)
    STALE = "stale"  # keep it open, but send nothing any more for `duration_ms`
    DROP_FRAME = "drop_frame"  # one market frame is never sent
    DUPLICATE_FRAME = "duplicate_frame"  # one is sent twice
    REORDER_FRAMES = "reorder_frames"  # one comes after its successor
    SEQUENCE_GAP = "sequence_gap"  # `count` depth frames in a row are missing
    SLOW_ACK = "slow_ack"  # the order is executed, the answer comes `delay_ms` late
    LOST_ACK = "lost_ack"  # the order is executed, the answer never comes as such: see `mode`
    SLOW_MATCHING = "slow_matching"  # for `duration_ms`, orders reach the book `delay_ms` late
    REJECT = "reject"  # an order is refused with `code`, `msg`
    DUPLICATE_FILL = "duplicate_fill"  # a private fill message is sent twice
    RATE_LIMIT = "rate_limit"  # everything answers 429 for `duration_ms`
    BAN = "ban"  # everything answers 418 for `duration_ms`
    CLOCK_SKEW = "clock_skew"  # the venue's clock is `skew_ms` ahead for `duration_ms`


FRAME_KINDS = frozenset(
    {FaultKind.DROP_FRAME, FaultKind.DUPLICATE_FRAME, FaultKind.REORDER_FRAMES, FaultKind.SEQUENCE_GAP}
)
REQUEST_KINDS = frozenset({FaultKind.SLOW_ACK, FaultKind.LOST_ACK})

Target = Literal["any", "market", "user", "orders"]
LostAckMode = Literal["error_503", "timeout", "close", "silence"]


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One fault.

    Attributes:
        kind: what happens.
        at_s: when, in seconds after the start of the exchange; 0 or less is at once.
        venue: ``binance_usdm``, ``binance_spot``, or empty for whichever comes first.
        target: which connections `disconnect`, `abort` and `stale` hit: market streams, user streams, the order API.
        everywhere: hit all matching connections instead of one picked by the seed.
        stream: frame faults only touch streams with this text in their name; a sequence gap always wants depth.
        count: frames, orders or fills to spoil.
        delay_ms: for `slow_ack` and `slow_matching`.
        duration_ms: for faults that last.
        skew_ms: for `clock_skew`; > 0 puts the venue ahead of the client.
        mode: for `lost_ack`: HTTP 503 "unknown", -1007 timeout, connection closed, or no answer at all.
        code: for `reject`.
        msg: for `reject`.
    """

    kind: FaultKind
    at_s: float = 0.0
    venue: Literal["", "binance_usdm", "binance_spot"] = ""
    target: Target = "any"
    everywhere: bool = False
    stream: str = ""
    count: int = 1
    delay_ms: float = 500.0
    duration_ms: float = 5000.0
    skew_ms: float = 3000.0
    mode: LostAckMode = "error_503"
    code: int = -1008
    msg: str = THROTTLED


class FaultPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When what goes wrong. The same plan gives the same times on every run.

    Attributes:
        seed: of the random times and choices.
        per_minute: expected events a minute of each kind.
        defaults: parameters of the random ones (`at_s` is ignored).
        events: timed ones.
        start_s: nothing random happens before this.
    """

    seed: int = 1
    per_minute: dict[FaultKind, float] = {}
    defaults: dict[FaultKind, Fault] = {}
    events: tuple[Fault, ...] = ()
    start_s: float = 0.0


def load_plan(path: Path) -> FaultPlan:
    """Read a plan from a YAML file.

    Raises:
        ConfigError: names the file, the key and what was expected there.
    """
    try:
        return msgspec.yaml.decode(path.read_bytes(), type=FaultPlan)
    except OSError as error:
        raise ConfigError(f"fault plan {path}: cannot be read: {error.strerror}") from error
    except (msgspec.MsgspecError, ValueError) as error:
        raise ConfigError(f"fault plan {path}: {error}") from error


class FaultInjector:
    """Follows a plan.

    Args:
        plan: rates and timed faults.
        start_s: time that `Fault.at_s` counts from, on the clock passed to `due`.
    """

    def __init__(self, plan: FaultPlan, start_s: float) -> None:
        self.injected: Counter[str] = Counter()
        self.random = random.Random(plan.seed)  # noqa: S311 - repeatable, not secret
        self._start_s = start_s
        self._plan = plan
        self._order = 0
        self._queue: list[tuple[float, int, Fault, bool]] = []
        self._armed: list[tuple[Fault, int]] = []
        for fault in plan.events:
            self._push(start_s + fault.at_s, fault, repeats=False)
        for kind, rate in sorted(plan.per_minute.items()):
            if rate > 0:
                fault = plan.defaults.get(kind, Fault(kind=kind))
                self._push(self._next_time(start_s + plan.start_s, rate), fault, repeats=True)

    def _push(self, at_s: float, fault: Fault, *, repeats: bool) -> None:
        self._order += 1
        heapq.heappush(self._queue, (at_s, self._order, fault, repeats))

    def _next_time(self, after_s: float, per_minute: float) -> float:
        return after_s + self.random.expovariate(per_minute / 60.0)

    def add(self, fault: Fault, now_s: float) -> None:
        """Schedule one more fault, `fault.at_s` seconds from now."""
        self._push(now_s + max(fault.at_s, 0.0), fault, repeats=False)

    @property
    def next_s(self) -> float:
        """When the next fault is due; infinity when none is planned."""
        return self._queue[0][0] if self._queue else float("inf")

    def due(self, now_s: float) -> list[Fault]:
        """Faults to carry out now. Those that need a victim are armed instead and not returned."""
        ready = []
        while self._queue and self._queue[0][0] <= now_s:
            at_s, _, fault, repeats = heapq.heappop(self._queue)
            if repeats:
                self._push(self._next_time(at_s, self._plan.per_minute[fault.kind]), fault, repeats=True)
            if fault.kind in FRAME_KINDS or fault.kind in REQUEST_KINDS:
                self._armed.append((fault, fault.count))
            else:
                ready.append(fault)
        return ready

    @property
    def armed(self) -> bool:
        """Whether any fault waits for a victim (lets the hot path skip `take_frame`)."""
        return bool(self._armed)

    @property
    def waiting(self) -> list[Fault]:
        """Armed faults, oldest first."""
        return [fault for fault, _ in self._armed]

    def take_frame(self, venue: str, stream: str) -> Fault | None:
        """The fault that spoils this market frame, if one is armed for it."""
        for index, (fault, left) in enumerate(self._armed):
            if fault.kind not in FRAME_KINDS or not _matches(fault, venue, stream):
                continue
            if fault.kind is FaultKind.SEQUENCE_GAP and left == fault.count:
                # the rest of the gap is torn into the stream that it began in
                fault = msgspec.structs.replace(fault, stream=stream, venue=venue)  # noqa: PLW2901
            self._use(index, fault, left)
            return fault
        return None

    def take_request(self, venue: str) -> Fault | None:
        """The fault that spoils the answer to this order request, if one is armed for it."""
        for index, (fault, left) in enumerate(self._armed):
            if fault.kind in REQUEST_KINDS and fault.venue in ("", venue):
                self._use(index, fault, left)
                return fault
        return None

    def _use(self, index: int, fault: Fault, left: int) -> None:
        if left > 1:
            self._armed[index] = (fault, left - 1)
        else:
            del self._armed[index]
        self.injected[fault.kind] += 1

    def happened(self, fault: Fault) -> None:
        """Count a fault from `due` that has really been carried out."""
        self.injected[fault.kind] += 1


def _matches(fault: Fault, venue: str, stream: str) -> bool:
    if fault.venue not in ("", venue) or fault.stream not in stream:
        return False
    return fault.kind is not FaultKind.SEQUENCE_GAP or "@depth" in stream
