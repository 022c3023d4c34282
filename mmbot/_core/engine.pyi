from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final, final

from typing_extensions import Buffer

from mmbot._core.decode import Decoder
from mmbot._core.eventlog import EventRing
from mmbot._core.execution import Execution
from mmbot._core.hedge import HedgeGroup
from mmbot._core.hedges import Hedges
from mmbot._core.host import PluginHost
from mmbot._core.latency import LatencyBoard
from mmbot._core.limits import SessionLimits
from mmbot._core.market import Market
from mmbot._core.market_data import MarketData
from mmbot._core.notes import Notes
from mmbot._core.order_flow import OrderFlow
from mmbot._core.quoter import Quoter
from mmbot._core.reconcile import Reconciler
from mmbot._core.strategy import Fill, Strategy
from mmbot._core.types import CommandView, OrderEvent
from mmbot._core.venue_states import VenueStates
from mmbot._core.wallets import Wallets
from mmbot._core.watch import Watch

OPS: Final[tuple[str, ...]]

@final
class Engine:
    markets: tuple[Market, ...]
    groups: tuple[HedgeGroup, ...]
    execution: Execution
    host: PluginHost
    limits: SessionLimits
    reconciler: Reconciler
    latency: LatencyBoard
    notes: Notes
    venue_states: VenueStates
    hedges: Hedges
    wallets: Wallets
    market_data: MarketData
    quoter: Quoter
    watch: Watch
    order_flow: OrderFlow
    seq: int
    now_ns: int
    wake_always: bool
    @property
    def stopping(self) -> bool: ...
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
        feeds: Sequence[int],
        settle_assets: Sequence[int],
        base_assets: Sequence[int],
        ring: EventRing | None = None,
        stale_ns: int = 3_000_000_000,
        latency_budget_ns: int = 0,
        flatten_slippage: float = 0.005,
        near_distance: float = 0.0,
        close_distance: float = 0.0,
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
    def take_notes(self) -> list[str]: ...
