from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final

from typing_extensions import Buffer, disjoint_base

from mmbot._core.decode import Decoder
from mmbot._core.eventlog import EventRing
from mmbot._core.execution import Execution
from mmbot._core.hedge import HedgeGroup
from mmbot._core.host import PluginHost
from mmbot._core.latency import LatencyBoard
from mmbot._core.limits import SessionLimits
from mmbot._core.market import Market
from mmbot._core.reconcile import Reconciler
from mmbot._core.strategy import Fill, Strategy
from mmbot._core.types import CommandView, OrderEvent

MAX_NOTES: Final[int]

@disjoint_base
class Engine:
    markets: tuple[Market, ...]
    decoders: tuple[Decoder, ...]
    groups: tuple[HedgeGroup, ...]
    execution: Execution
    host: PluginHost
    limits: SessionLimits
    reconciler: Reconciler
    latency: LatencyBoard
    seq: int
    now_ns: int
    stopping: bool
    stale_ns: int
    stop_ns: int
    latency_budget_ns: int
    flatten_slippage: float
    patient: bool
    wake_always: bool
    frames: int
    bad_frames: int
    fills: int
    hedge_fills: int
    acked: int
    rejected: int
    canceled: int
    unknown: int
    foreign: int
    executions: list[Fill]
    notes: list[str]
    pictures_wanted: bool
    def __init__(
        self,
        markets: tuple[Market, ...],
        decoders: tuple[Decoder, ...],
        execution: Execution,
        host: PluginHost,
        limits: SessionLimits,
        groups: tuple[HedgeGroup, ...],
        reconciler: Reconciler,
        latency: LatencyBoard,
        *,
        venue_of: Sequence[int],
        feed_of: Sequence[int],
        settle_assets: Sequence[int],
        base_assets: Sequence[int],
        ring: EventRing | None = None,
        stale_ns: int = 3_000_000_000,
        latency_budget_ns: int = 0,
        flatten_slippage: float = 0.005,
        patient: bool = False,
        wake_always: bool = False,
    ) -> None: ...
    def on_frame(self, feed: int, payload: Buffer, recv_ns: int) -> int: ...
    def on_feed(self, feed: int, up: bool, ts_ns: int) -> int: ...
    def on_snapshot(self, index: int, body: bytes, ts_ns: int) -> int: ...
    def on_order(self, event: OrderEvent, ts_ns: int) -> int: ...
    def on_time(self, ts_ns: int) -> int: ...
    def next_due_ns(self) -> int: ...
    def on_account(self, body: bytes, ts_ns: int) -> int: ...
    def on_reconcile(self, body: bytes, ts_ns: int) -> int: ...
    def on_command(self, body: bytes, ts_ns: int) -> int: ...
    def swap(
        self,
        candidate: Strategy,
        params: object,
        name: str,
        body: bytes,
        ts_ns: int,
        *,
        shadow_ns: int = 0,
    ) -> str: ...
    def note_start(self, body: bytes, ts_ns: int) -> None: ...
    def note_stop(self, body: bytes, ts_ns: int) -> None: ...
    def restore(self, index: int, lots: int, entry_price: Decimal | str | int, base_fees_e8: int) -> None: ...
    def open_venues(self) -> None: ...
    def let_books_cross(self) -> None: ...
    def fund_for_backtest(self, asset: int, wallet_e8: int) -> None: ...
    def connect(self, outlets: list[Callable[[CommandView], object]]) -> None: ...
    def dispatch(self) -> None: ...
    def take(self) -> CommandView | None: ...
    def take_executions(self) -> list[Fill]: ...
    def take_pictures_wanted(self) -> list[int]:
        """Venues whose picture the core wants: the last one was inconclusive, or fills stay missing."""

    def was_conclusive(self, venue: int) -> bool:
        """Whether the venue's last picture agreed with us in everything."""

    def take_notes(self) -> list[str]: ...
