"""A whole engine on a made-up venue: books that go where the test says, model venues that answer its commands.

Every event goes through `Desk.do`, which keeps it, so that the same session can be run again and compared.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from model_venue import ModelVenue, Request

from mmbot._core.types import CommandKind, CommandView, OrderEvent, OrderState, TimeInForce
from mmbot.assembly import Assembly, PluginSpec, Spec, SwapRecord, assemble, candidate
from mmbot.config import parse
from mmbot.plugins import load_source

if TYPE_CHECKING:
    from mmbot._core.eventlog import EventRing
    from mmbot._core.strategy import Fill

MS = 1_000_000
START_NS = 1_723_075_200_000_000_000  # 2024-08-08 00:00 UTC
PERP, PERP2, SPOT = 0, 1, 2
BTC_E8 = 10**8

CONFIG = """
bot: {{name: desk}}
venues: {{perp: {{kind: binance_usdm, endpoint: sim}}, spot: {{kind: binance_spot, endpoint: sim}}}}
exchange: {{source: traders}}
markets:
  perp_btc: {{venue: perp, symbol: "BTC/USDT:USDT", role: maker}}
  perp2_btc: {{venue: perp, symbol: "BTC/USDC:USDC", role: {second}}}
  spot_btc: {{venue: spot, symbol: BTC/USDT, role: hedge}}
strategy: {{id: ladder, markets: [{makers}], {strategy}}}
hedge: {{BTC: {{{hedge}}}}}
risk: {{{risk}}}
"""
RISK = {
    "max_order_qty": "1", "max_order_notional": "1000000", "max_position": "0.5", "max_daily_loss": "5000",
    "max_drawdown": "4000", "orders_per_s": "1000", "order_burst": "1000", "cancels_per_s": "1000",
}  # fmt: skip
HEDGE = {"markets": "[spot_btc]", "max_backlog_ms": "1000"}


def _instrument(symbol: str, perpetual: bool, quote: str, tick: str, lot: str) -> dict[str, Any]:
    return {
        "venue": "binance_usdm" if perpetual else "binance_spot",
        "symbol": f"BTC/{quote}:{quote}" if perpetual else f"BTC/{quote}",
        "venue_symbol": symbol, "base_asset": "BTC", "quote_asset": quote, "settle_asset": quote,
        "tick_size": tick, "lot_size": lot, "perpetual": perpetual, "min_qty_lots": 1,
        "min_notional_e8": 5 * 10**8, "taker_fee": 0.0005, "maker_fee": 0.0002,
    }  # fmt: skip


INSTRUMENTS = {
    "perp_btc": _instrument("BTCUSDT", True, "USDT", "0.1", "0.001"),
    "perp2_btc": _instrument("BTCUSDC", True, "USDC", "0.1", "0.001"),
    "spot_btc": _instrument("BTCUSDT", False, "USDT", "0.1", "0.001"),
}

LADDER = """
from mmbot.strategy import Fill, Market, OrderView, Params, Strategy, field

class LadderParams(Params):
    half_ticks: int = field(20, gt=0)
    lots: int = field(10, gt=0)
    levels: int = field(2, gt=0)

class Ladder(Strategy):
    params: LadderParams
    seen: int

    def on_start(self) -> None:
        self.seen = getattr(self, "seen", 0)
        self.set_timer("again", every_s=0.5)

    def on_book(self, market: Market) -> None:
        if not market.maker:
            return
        p, mid = self.params, int(market.mid_ticks) - market.position_lots // 10
        self.quote(
            market,
            [(mid - p.half_ticks - 5 * i, p.lots) for i in range(p.levels)],
            [(mid + p.half_ticks + 5 * i, p.lots) for i in range(p.levels)],
        )

    def on_fill(self, market: Market, fill: Fill) -> None:
        self.seen += fill.qty_lots

    def on_timer(self, name: str) -> None:
        for market in self.markets:
            if market.trusted:
                self.on_book(market)

    def export_state(self) -> dict[str, object]:
        return {"seen": self.seen}

    def import_state(self, state: dict[str, object]) -> None:
        self.seen = state.get("seen", 0)
"""


def _flow(settings: dict[str, str]) -> str:
    return ", ".join(f"{key}: {value}" for key, value in settings.items())


class MarketVenue(ModelVenue):
    """One market of the model venue; IOC orders take what the desk's book shows, at their own price at worst."""

    def __init__(self, market: int, now_ns: int) -> None:
        super().__init__(now_ns=now_ns)
        self.market = market
        self.lots = {0: 0, 1: 0}  # what stands at the touch, by the side of the level
        self.touch = {0: 0, 1: 0}
        self.refuse_next = 0
        self.silent = False

    def event(self, kind: int, order: Any, **fields: int) -> OrderEvent:
        return self._moved(super().event(kind, order, **fields))

    def bare(self, kind: int, request: Request) -> OrderEvent:
        return self._moved(super().bare(kind, request))

    def _moved(self, event: OrderEvent) -> OrderEvent:
        return OrderEvent(**{**event.as_dict(), "market": self.market})

    def fill_history(self) -> list[OrderEvent]:
        return [self._moved(event) for event in super().fill_history()]

    def take(self, command: CommandView) -> None:
        """A command arrives and is answered; IOC orders trade at once."""
        request = Request(
            command.kind, command.order_num, self.now_ns, command.side, command.price_ticks, command.qty_lots
        )
        if command.order_num == 0:
            found = [o.num for o in self.orders.values() if o.venue_id == command.venue_order_id]
            request.num = found[0] if found else 0
        if self.silent:
            return
        refuse, self.refuse_next = self.refuse_next > 0, max(self.refuse_next - 1, 0)
        self.process(request, refuse=refuse)
        order = self.orders.get(request.num)
        if command.kind == CommandKind.PLACE and order is not None and command.time_in_force == TimeInForce.IOC:
            self.cross(order)
        if command.kind == CommandKind.PLACE and order is not None and command.time_in_force == TimeInForce.GTX:
            other = self.touch[1 - order.side]
            if other and (order.price >= other if order.side == 0 else order.price <= other):
                self.end(order, OrderState.EXPIRED)

    def cross(self, order: Any) -> None:
        """Trade an IOC order against the touch, and expire the rest."""
        level = 1 - order.side
        price, there = self.touch[level], self.lots[level]
        reaches = price and (order.price >= price if order.side == 0 else order.price <= price)
        lots = min(order.qty, there) if reaches else 0
        if lots:
            limit, order.price = order.price, price
            self.trade(order, lots)
            order.price = limit
        if order.live:
            self.end(order, OrderState.EXPIRED)

    def position(self) -> int:
        return self.bought(0) - self.bought(1)

    def live(self, side: int | None = None) -> list[Any]:
        return [o for o in self.orders.values() if o.live and side in (None, o.side)]


class Desk:
    """An engine, its model venues, and the wire between them.

    Args:
        source: plugin code.
        params, hedge, risk, strategy: settings that differ from the desk's own.
        second: role of the second perpetual.
        ring: where the session is journalled.
        spec_changes: fields of the `Spec` to replace.
    """

    def __init__(
        self, source: str = LADDER, *, params: dict[str, Any] | None = None, hedge: dict[str, str] | None = None,
        risk: dict[str, str] | None = None, strategy: str = "on_error: rollback", second: str = "observe",
        makers: str = "perp_btc", ring: EventRing | None = None, **spec_changes: Any,
    ) -> None:  # fmt: skip
        text = CONFIG.format(
            second=second, makers=makers, strategy=strategy, hedge=_flow(HEDGE | (hedge or {})),
            risk=_flow(RISK | (risk or {})),
        )  # fmt: skip
        plugin = load_source(source, Path("ladder.py"))
        described = PluginSpec.of(plugin, plugin.params(params or {}))
        config = parse(text).model_dump(mode="json")
        fields = {
            "config": config, "instruments": INSTRUMENTS, "feeds": [0, 1], "plugin": described,
            "session": START_NS // MS, "version": "test",
        }  # fmt: skip
        self.spec = Spec.decode(Spec(**{**fields, **spec_changes}).encode())
        self.assembly: Assembly = assemble(self.spec, ring=ring, plugin=plugin)
        self.engine = self.assembly.engine
        self.now_ns = START_NS
        self.venues = [MarketVenue(i, START_NS) for i in range(3)]
        self.update_id = [100, 100, 100]
        self.events: list[tuple[str, tuple[Any, ...]]] = []
        self.commands: list[CommandView] = []
        self.sent: list[CommandView] = []  # of the last event
        self.fills: list[Fill] = []
        self.notes: list[str] = self.engine.take_notes()
        self._carried = 0

    # --- events ---------------------------------------------------------------------------------------------------

    def do(self, method: str, *args: Any) -> list[CommandView]:
        """One event; returns the commands it caused, which wait on the wire."""
        self.events.append((method, args))
        if method == "swap":
            made, checked = candidate(args[0].plugin)
            body, shadow_ns = msgspec.json.encode(args[0]), args[0].shadow_ns
            self.refused = self.engine.swap(made, checked, args[0].plugin.id, body, args[1], shadow_ns=shadow_ns)
        else:
            getattr(self.engine, method)(*args)
        fresh = []
        while (command := self.engine.take()) is not None:
            fresh.append(command)
        self.commands += fresh
        self.sent = fresh
        self.fills += self.engine.take_executions()
        self.notes += self.engine.take_notes()
        return fresh

    def command(self, op: str, **values: Any) -> list[CommandView]:
        return self.do("on_command", json.dumps({"op": op, **values}).encode(), self.now_ns)

    def book(self, market: int, bid: int, ask: int, bid_lots: int = 500, ask_lots: int = 500) -> list[CommandView]:
        """Move a market's touch, its only levels."""
        venue = self.venues[market]
        gone = {side: venue.touch[side] for side in (0, 1)}
        venue.touch, venue.lots = {0: bid, 1: ask}, {0: bid_lots, 1: ask_lots}
        fresh = {0: (bid, bid_lots), 1: (ask, ask_lots)}
        rows: dict[int, list[list[str]]] = {0: [], 1: []}
        for side in (0, 1):
            if gone[side] and gone[side] != fresh[side][0]:
                rows[side].append([self.price(gone[side]), "0"])
            rows[side].append([self.price(fresh[side][0]), f"{fresh[side][1] / 1000:.3f}"])
        self.update_id[market] += 1
        update_id = self.update_id[market]
        message: dict[str, Any] = {"e": "depthUpdate", "E": self.now_ns // MS}
        if market != SPOT:
            message["T"] = self.now_ns // MS
        message |= {"s": ["BTCUSDT", "BTCUSDC", "BTCUSDT"][market], "U": update_id, "u": update_id}
        if market != SPOT:
            message["pu"] = update_id - 1
        message |= {"b": rows[0], "a": rows[1]}
        body = json.dumps(message, separators=(",", ":")).encode()
        return self.do("on_frame", 0 if market != SPOT else 1, body, self.now_ns)

    def price(self, ticks: int) -> str:
        return f"{ticks // 10}.{ticks % 10}"

    def snapshot(self, market: int) -> list[CommandView]:
        """The book as it stands, as a REST answer."""
        venue = self.venues[market]
        rows = [[[self.price(venue.touch[s]), f"{venue.lots[s] / 1000:.3f}"]] if venue.touch[s] else [] for s in (0, 1)]
        body: dict[str, Any] = {"lastUpdateId": self.update_id[market]}
        if market != SPOT:
            body |= {"E": 0, "T": 0}
        body |= {"bids": rows[0], "asks": rows[1]}
        return self.do("on_snapshot", market, json.dumps(body).encode(), self.now_ns)

    def tick(self, ms: int = 100) -> list[CommandView]:
        """Time passes for everybody."""
        self.now_ns += ms * MS
        for venue in self.venues:
            venue.now_ns = self.now_ns
        return self.do("on_time", self.now_ns)

    def hear(self, event: OrderEvent) -> list[CommandView]:
        return self.do("on_order", event, self.now_ns)

    def swap(self, source: str, params: dict[str, Any] | None = None, *, shadow_ns: int = 0) -> str:
        """Swap in other code; the reason when it is refused."""
        plugin = load_source(source, Path("candidate.py"))
        record = SwapRecord(PluginSpec.of(plugin, plugin.params(params or {})), shadow_ns)
        self.do("swap", record, self.now_ns)
        return self.refused

    def reconcile(self, index: int, *, asked: tuple[int, int] | None = None, **changes: Any) -> list[CommandView]:
        """A true picture of a venue, or one that differs in `changes`."""
        asked_seq, asked_ns = asked or (self.engine.seq, self.engine.now_ns)
        markets = [PERP, PERP2] if index == 0 else [SPOT]
        orders = [
            {**self.venues[m].event(11, o, state=o.state).as_dict()} for m in markets for o in self.venues[m].live()
        ]
        holdings = [[m, self.venues[m].position() * BTC_E8 // 1000, "60000"] for m in markets]
        picture = {"venue": index, "asked_seq": asked_seq, "asked_ns": asked_ns, "orders": orders, "holdings": holdings}
        return self.do("on_reconcile", json.dumps({**picture, **changes}).encode(), self.now_ns)

    # --- the wire -------------------------------------------------------------------------------------------------

    def open(self, bid: int = 600_000, ask: int = 600_010) -> Desk:
        """Everything connected, in sync, reconciled and quoting; all answers heard."""
        self.do("on_feed", 0, True, self.now_ns)
        self.do("on_feed", 1, True, self.now_ns)
        for market in (PERP, PERP2, SPOT):
            self.snapshot(market)
            self.book(market, bid, ask)
        for venue in (0, 1):
            self.command("trading", venue=venue, up=True)
        for venue in (0, 1):
            self.reconcile(venue)
        self.settle()
        return self

    def settle(self, rounds: int = 50) -> None:
        """A perfect network until nothing is under way; only what was not carried yet is carried."""
        for _ in range(rounds):
            moved = self.carry()
            for venue in self.venues:
                while venue.answers:
                    self.hear(venue.answers.pop(0).event)
                    moved = True
                while venue.stream:
                    self.hear(venue.stream.pop(0))
                    moved = True
            if not moved:
                return
        raise AssertionError("the engine and the venue never come to rest")

    def carry(self) -> bool:
        """Commands reach the venues."""
        fresh = self.commands[self._carried :]
        self._carried = len(self.commands)
        for command in fresh:
            if command.kind == CommandKind.RESYNC:
                self.snapshot(command.market)
            else:
                self.venues[command.market].take(command)
        return bool(fresh)

    def drop_wire(self) -> None:
        """Commands not carried yet never arrive, and nobody says so."""
        self._carried = len(self.commands)

    def trade(self, market: int, side: int, lots: int, *, settle: bool = True) -> list[CommandView]:
        """Fill our best order on a side; returns the commands of the very event."""
        live = self.venues[market].live(side)
        best = max(live, key=lambda o: o.price if side == 0 else -o.price)
        self.venues[market].trade(best, min(lots, best.remaining))
        sent = self.hear(self.venues[market].stream.pop(-1))
        if settle:
            self.settle()
        return sent

    # --- looking --------------------------------------------------------------------------------------------------

    def quotes(self, market: int = PERP) -> list[tuple[int, int]]:
        """Live orders at the venue, (side, price)."""
        return sorted((o.side, o.price) for o in self.venues[market].live())

    def delta(self) -> float:
        return sum(market.net_delta for market in self.engine.markets)

    def again(self) -> list[bytes]:
        """The same events in a fresh engine: its commands."""
        fresh = Desk.__new__(Desk)
        fresh.assembly = assemble(self.spec)
        fresh.engine, fresh.events, fresh.commands = fresh.assembly.engine, [], []
        fresh.fills, fresh.notes = [], []
        for method, args in self.events:
            fresh.do(method, *args)
        return [command.raw() for command in fresh.commands]
