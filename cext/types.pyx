"""Enums, instruments and the Python faces of the core's structs; see ``types.pxd`` for the contract."""

from decimal import Decimal, InvalidOperation

cimport cython
from libc.string cimport memcpy

from mmbot._core.types cimport OrderUpdate, Command, DecimalUnit


cdef int _unit(str what, object text, DecimalUnit* unit) except -1:
    try:
        value = Decimal(text)
    except (InvalidOperation, TypeError):
        raise ValueError(f"{what}: expected a decimal, found {text!r}") from None
    if not value.is_finite() or value <= 0:
        raise ValueError(f"{what}: expected a positive decimal, found {text!r}")
    _, digits, exponent = value.normalize().as_tuple()
    mantissa = int("".join(map(str, digits)))
    if exponent > 0:
        mantissa, exponent = mantissa * 10**exponent, 0
    if mantissa > 10**15 or exponent < -18:
        raise ValueError(f"{what}: {text!r} is outside 1e-18 .. 1e15")
    unit.mantissa = mantissa
    unit.decimals = -exponent
    return 0


cdef class Instrument:
    """One tradable market of one venue: units, limits, fees.

    Args:
        venue: venue id, such as ``"binance_usdm"``.
        symbol: the unified symbol, such as ``"BTC/USDT:USDT"`` (spot ``"BTC/USDT"``).
        venue_symbol: the venue's own name, such as ``"BTCUSDT"``.
        tick_size, lot_size, contract_size: exact decimals as text.
        min_qty, max_qty, min_price, max_price: in lots and ticks; 0 means "no limit".
        min_notional_e8: in 1e-8 of the quote asset.
        maker_fee, taker_fee: fractions of notional, negative for a rebate.

    Raises:
        ValueError: a unit is not a positive decimal.
    """

    def __init__(
        self, *, str venue, str symbol, str venue_symbol, str base_asset, str quote_asset, str settle_asset,
        str tick_size, str lot_size, str contract_size="1", bint perpetual=True, bint inverse=False,
        bint amend_keeps_priority=False, bint amend_any=True,
        int64_t min_qty_lots=1, int64_t max_qty_lots=0, int64_t min_price_ticks=1, int64_t max_price_ticks=0,
        int64_t min_notional_e8=0, int32_t max_open_orders=200, double maker_fee=0.0, double taker_fee=0.0,
    ):
        self.venue, self.symbol, self.venue_symbol = venue, symbol, venue_symbol
        self.base_asset, self.quote_asset, self.settle_asset = base_asset, quote_asset, settle_asset
        self.tick_size, self.lot_size, self.contract_size = tick_size, lot_size, contract_size
        self.perpetual, self.inverse = perpetual, inverse
        self.amend_keeps_priority, self.amend_any = amend_keeps_priority, amend_any
        _unit(f"{symbol} tick_size", tick_size, &self.tick)
        _unit(f"{symbol} lot_size", lot_size, &self.lot)
        self.tick_value = float(Decimal(tick_size))
        self.lot_value = float(Decimal(lot_size) * Decimal(contract_size))
        self.min_qty_lots, self.max_qty_lots = min_qty_lots, max_qty_lots
        self.min_price_ticks, self.max_price_ticks = min_price_ticks, max_price_ticks
        self.min_notional_e8, self.max_open_orders = min_notional_e8, max_open_orders
        self.maker_fee, self.taker_fee = maker_fee, taker_fee

    def __repr__(self) -> str:
        return f"Instrument({self.venue}:{self.symbol}, tick {self.tick_size}, lot {self.lot_size})"


@cython.freelist(64)
cdef class OrderEvent:
    """One normalised message of a venue about one order: what `Engine.on_order` takes.

    Every field is as in `OrderUpdate` of ``types.pxd``; what a message does not state keeps its default.
    """

    def __init__(
        self, *, int kind, int market, int64_t exch_ts_ns=0, uint64_t order_num=0, int owner=1,
        int64_t venue_order_id=0, int side=0, int state=0, int64_t price_ticks=0, int64_t qty_lots=0,
        int64_t cum_filled_lots=-1, int64_t last_price_ticks=0, int64_t last_qty_lots=0, int64_t trade_id=0,
        int64_t fee_e8=0, int fee_asset=0, int maker=-1, int reason=0, int request=0,
    ):
        cdef OrderUpdate* data = &self.data
        data.kind, data.market, data.exch_ts_ns = kind, market, exch_ts_ns
        data.order_num, data.owner, data.venue_order_id = order_num, owner, venue_order_id
        data.side, data.state, data.price_ticks, data.qty_lots = side, state, price_ticks, qty_lots
        data.cum_filled_lots, data.last_price_ticks = cum_filled_lots, last_price_ticks
        data.last_qty_lots, data.trade_id = last_qty_lots, trade_id
        data.fee_e8, data.fee_asset, data.maker, data.reason = fee_e8, fee_asset, maker, reason
        data.request = request

    def __repr__(self) -> str:
        return f"OrderEvent({self.data})"

    def as_dict(self) -> dict[str, int]:
        """Every field by name."""
        return self.data

    @staticmethod
    def from_raw(bytes body not None) -> OrderEvent:
        """The event whose bytes a journal kept.

        Raises:
            ValueError: another size than the struct's.
        """
        cdef OrderEvent event = OrderEvent.__new__(OrderEvent)
        if len(body) != sizeof(OrderUpdate):
            raise ValueError(f"order update: expected {sizeof(OrderUpdate)} bytes, found {len(body)}")
        memcpy(&event.data, <const char*>body, sizeof(OrderUpdate))
        return event


@cython.freelist(64)
cdef class CommandView:
    """A copy of one command of the core, safe to keep.

    The core makes them; Python does only for what a person or the shell orders (and in tests). Every field is as in
    `Command` of ``types.pxd``.
    """

    def __init__(
        self, *, int kind=0, int market=0, int64_t ts_ns=0, uint64_t event_seq=0, uint64_t order_num=0,
        int64_t venue_order_id=0, int side=0, int64_t price_ticks=0, int64_t qty_lots=0, int time_in_force=0,
        bint reduce_only=False, int purpose=0, int reason=0, int attempt=0,
    ):
        cdef Command* data = &self.data
        data.kind, data.market, data.ts_ns, data.event_seq = kind, market, ts_ns, event_seq
        data.order_num, data.venue_order_id, data.side = order_num, venue_order_id, side
        data.price_ticks, data.qty_lots, data.time_in_force = price_ticks, qty_lots, time_in_force
        data.reduce_only, data.purpose, data.reason, data.attempt = reduce_only, purpose, reason, attempt

    def as_dict(self) -> dict[str, int]:
        """Every field by name."""
        return self.data

    def raw(self) -> bytes:
        """The struct's bytes, as a journal keeps them."""
        return (<const char*>&self.data)[:sizeof(Command)]

    @staticmethod
    def from_raw(bytes body not None) -> CommandView:
        """The command whose bytes a journal kept.

        Raises:
            ValueError: another size than the struct's.
        """
        cdef CommandView view = CommandView.__new__(CommandView)
        if len(body) != sizeof(Command):
            raise ValueError(f"command: expected {sizeof(Command)} bytes, found {len(body)}")
        memcpy(&view.data, <const char*>body, sizeof(Command))
        return view

    def __repr__(self) -> str:
        return f"CommandView({self.data})"

    @property
    def kind(self) -> int:
        """`CommandKind`."""
        return self.data.kind

    @property
    def market(self) -> int:
        """Index of the market."""
        return self.data.market

    @property
    def order_num(self) -> int:
        """Number inside the client_order_id."""
        return self.data.order_num

    @property
    def venue_order_id(self) -> int:
        """The venue's id, 0 while unknown."""
        return self.data.venue_order_id

    @property
    def ts_ns(self) -> int:
        """Time of the event that caused the command."""
        return self.data.ts_ns

    @property
    def side(self) -> int:
        """`Side`."""
        return self.data.side

    @property
    def price_ticks(self) -> int:
        """Limit price."""
        return self.data.price_ticks

    @property
    def qty_lots(self) -> int:
        """Whole quantity of the order."""
        return self.data.qty_lots

    @property
    def time_in_force(self) -> int:
        """`TimeInForce`."""
        return self.data.time_in_force

    @property
    def reduce_only(self) -> bool:
        """May only reduce the position."""
        return bool(self.data.reduce_only)

    @property
    def purpose(self) -> int:
        """`Purpose`."""
        return self.data.purpose

    @property
    def reason(self) -> int:
        """Why, for a notice."""
        return self.data.reason
