"""A desk whose engine a blotter watches, as a backtest's driver would have it."""

from __future__ import annotations

from typing import Any

from engine_desk import Desk

from mmbot._core.blotter import Blotter
from mmbot._core.types import CommandKind, CommandView, OrderEvent, OrderEventKind, OrderState

TERMINAL = {
    OrderEventKind.CANCEL: OrderState.CANCELED,
    OrderEventKind.EXPIRE: OrderState.EXPIRED,
    OrderEventKind.REJECT: OrderState.REJECTED,
}


class Watched:
    """The engine, with the blotter told before and after each event; everything else is the engine's own."""

    def __init__(self, engine: Any, blotter: Blotter) -> None:
        self.inner, self.blotter = engine, blotter

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        if not name.startswith("on_"):
            return found

        def event(*args: Any) -> Any:
            self.blotter.before(args[-1])
            return found(*args)

        return event

    def take_executions(self) -> list[Any]:
        fills = list(self.inner.order_flow.executions)
        self.blotter.after()
        return fills


class BlotterDesk(Desk):
    """A desk that keeps a blotter; the arguments are the desk's."""

    def __init__(self, *args: Any, state_every_ns: int = 100_000_000, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.blotter = Blotter(self.engine, state_every_ns)
        self.engine = Watched(self.engine, self.blotter)  # type: ignore[assignment]

    def do(self, method: str, *args: Any) -> list[CommandView]:
        sent = super().do(method, *args)
        for command in sent:
            if command.kind == CommandKind.PLACE:
                self.blotter.order_placed(
                    command.order_num, command.market, command.side, command.purpose, command.time_in_force,
                    command.price_ticks, command.qty_lots, command.ts_ns,
                )  # fmt: skip
        if method == "on_order":
            self._tell(args[0])
        return sent

    def _tell(self, event: OrderEvent) -> None:
        fields = event.as_dict()
        num, kind = fields["order_num"], fields["kind"]
        if kind == OrderEventKind.ACK:
            self.blotter.order_arrived(num, fields["exch_ts_ns"])
        elif kind == OrderEventKind.AMEND:
            self.blotter.order_amended(num, fields["price_ticks"], fields["qty_lots"])
        elif kind in TERMINAL:
            self.blotter.order_ended(num, TERMINAL[kind], max(fields["cum_filled_lots"], 0), self.now_ns)
