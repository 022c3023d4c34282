"""The core's vocabulary: instruments read exactly, events and commands that survive their bytes."""

from __future__ import annotations

from typing import Any

import pytest

from mmbot._core.types import CommandKind, CommandView, Instrument, OrderEvent, OrderEventKind, OrderState, Side


def instrument(**changes: Any) -> Instrument:
    fields: dict[str, Any] = {
        "venue": "binance_usdm", "symbol": "BTC/USDT:USDT", "venue_symbol": "BTCUSDT", "base_asset": "BTC",
        "quote_asset": "USDT", "settle_asset": "USDT", "tick_size": "0.10", "lot_size": "0.001",
    }  # fmt: skip
    return Instrument(**{**fields, **changes})


def test_units_become_floats_for_estimates_only() -> None:
    made = instrument(contract_size="10")
    assert (made.tick_size, made.lot_size) == ("0.10", "0.001")
    assert (made.tick_value, made.lot_value) == (0.1, 0.01)


@pytest.mark.parametrize("text", ["0", "-1", "x", "", "NaN", "Infinity", "1e-30", "1e40"])
@pytest.mark.parametrize("field", ["tick_size", "lot_size"])
def test_a_unit_that_is_no_positive_decimal_is_an_error(field: str, text: str) -> None:
    with pytest.raises(ValueError, match=f"BTC/USDT:USDT {field}"):
        instrument(**{field: text})


def test_an_event_keeps_its_defaults_for_what_a_message_does_not_state() -> None:
    event = OrderEvent(kind=OrderEventKind.ACK, market=2).as_dict()
    assert (event["kind"], event["market"], event["owner"]) == (1, 2, 1)
    assert (event["cum_filled_lots"], event["maker"], event["trade_id"]) == (-1, -1, 0)


def test_a_command_survives_its_bytes() -> None:
    command = CommandView(
        kind=CommandKind.PLACE, market=1, ts_ns=5, event_seq=6, order_num=2**63, side=Side.SELL, price_ticks=7,
        qty_lots=8, time_in_force=3, reduce_only=True, purpose=1, reason=-4, attempt=9,
    )  # fmt: skip
    again = CommandView.from_raw(command.raw())
    assert again.as_dict() == command.as_dict()
    assert (again.kind, again.market, again.order_num, again.side) == (1, 1, 2**63, 1)
    assert (again.price_ticks, again.qty_lots, again.reduce_only, again.purpose) == (7, 8, True, 1)
    assert (again.ts_ns, again.venue_order_id, again.time_in_force, again.reason) == (5, 0, 3, -4)
    with pytest.raises(ValueError, match="found 4"):
        CommandView.from_raw(b"none")


def test_two_equal_commands_have_equal_bytes() -> None:
    """Padding inside the struct once could have told them apart."""
    first, second = (CommandView(kind=1, order_num=3, attempt=1) for _ in range(2))
    assert first.raw() == second.raw()


def test_states_from_filled_on_are_terminal() -> None:
    terminal = {state for state in OrderState if state >= OrderState.FILLED}
    assert terminal == {OrderState.FILLED, OrderState.CANCELED, OrderState.REJECTED, OrderState.EXPIRED}
