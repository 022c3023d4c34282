"""Whatever a client sends, it gets an answer or a refusal, and no money appears or disappears."""

from __future__ import annotations

import contextlib
from typing import Any

from exchange_desk import Desk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_money import check

from mmbot.sim.events import Refused

NUMBERS = st.one_of(
    st.sampled_from(
        [
            "0",
            "-1",
            "0.001",
            "0.0015",
            "1",
            "60000",
            "61800.1",
            "1e5",
            "1e999999999",
            "1e-999999999",
            "NaN",
            "Infinity",
            "-0",
            "\uff11",
            "9" * 30,
            "9" * 5000,
            "abc",
            " 1",
            "1_0",
            "",
            None,
            True,
            [],
            {},
            0.002,
            5,
            10**40,
        ]
    ),
    st.floats(0.0, 1e5).map(lambda value: f"{value:.3f}"),
)
WORDS = st.sampled_from(
    [
        "BUY",
        "SELL",
        "LIMIT",
        "MARKET",
        "LIMIT_MAKER",
        "STOP",
        "GTC",
        "IOC",
        "FOK",
        "GTX",
        "BTCUSDT",
        "btcusdt",
        "true",
        "false",
        "FULL",
        "RESULT",
        "OPPONENT",
        "QUEUE",
        "NONE",
        "EXPIRE_BOTH",
        "ALLOW_FAILURE",
        "",
        None,
        False,
        1,
        "x" * 40,
        "ok-1",
    ]
)
LIKELY = {
    "symbol": st.just("BTCUSDT"),
    "side": st.sampled_from(["BUY", "SELL"]),
    "type": st.sampled_from(["LIMIT", "MARKET"]),
    "timeInForce": st.sampled_from(["GTC", "IOC", "GTX", "FOK", None]),
    "quantity": NUMBERS,
    "price": NUMBERS,
}
OTHERS = dict.fromkeys(
    (
        "orderId",
        "newQty",
        "quoteOrderQty",
        "limit",
        "fromId",
        "startTime",
        "endTime",
        "countdownTime",
        "leverage",
        "orderIdList",
        "cancelOrderId",
    ),
    NUMBERS,
) | dict.fromkeys(
    (
        "reduceOnly",
        "newClientOrderId",
        "origClientOrderId",
        "newOrderRespType",
        "selfTradePreventionMode",
        "priceMatch",
        "positionSide",
        "closePosition",
        "cancelReplaceMode",
        "cancelRestrictions",
        "marginType",
        "dualSidePosition",
        "multiAssetsMargin",
        "incomeType",
        "origClientOrderIdList",
    ),
    WORDS,
)
REQUESTS = st.one_of(
    st.fixed_dictionaries(LIKELY, optional=OTHERS),
    st.fixed_dictionaries({}, optional={name: st.one_of(WORDS, NUMBERS) for name in (*LIKELY, *OTHERS)}),
)
METHODS = {
    "futures": (
        "new_order",
        "test_order",
        "amend_order",
        "cancel_order",
        "cancel_all",
        "query_order",
        "open_orders",
        "all_orders",
        "user_trades",
        "account",
        "balance",
        "position_risk",
        "income",
        "batch_cancel",
        "countdown_cancel_all",
        "set_leverage",
        "set_margin_type",
        "set_position_mode",
        "set_multi_assets_mode",
        "commission_rate",
        "leverage_brackets",
        "force_orders",
        "query_open_order",
    ),
    "spot": (
        "new_order",
        "test_order",
        "amend_keep_priority",
        "cancel_replace",
        "cancel_order",
        "cancel_all",
        "query_order",
        "open_orders",
        "all_orders",
        "user_trades",
        "account",
        "commission",
    ),
}
PUBLIC = (
    "depth",
    "trades",
    "agg_trades",
    "book_ticker",
    "ticker_price",
    "ticker_24h",
    "exchange_info",
    "premium_index",
    "funding_rate",
)
CALLS = st.sampled_from([(venue, name) for venue, names in METHODS.items() for name in names])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(st.tuples(CALLS, REQUESTS, st.booleans()), min_size=5, max_size=25))
def test_signed_requests(calls: list[tuple[tuple[str, str], dict[str, Any], bool]]) -> None:
    desk = Desk(activity=1.0)
    refusals = []
    for (venue, name), params, first in calls:
        try:
            getattr(getattr(desk.exchange, venue), name)(desk.ann if first else desk.bob, params, desk.now)
        except Refused as refusal:
            refusals.append(refusal)
        desk.wait(0.002)
    check(desk)
    assert all(refusal.code < 0 and refusal.msg for refusal in refusals)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(["futures", "spot"]), st.sampled_from(PUBLIC), REQUESTS)
def test_public_requests(venue_name: str, name: str, params: dict[str, Any]) -> None:
    venue = getattr(DESK.exchange, venue_name)
    if hasattr(venue, name):
        with contextlib.suppress(Refused):
            getattr(venue, name)(params, DESK.now)


DESK = Desk(activity=1.0)
DESK.wait(1)
