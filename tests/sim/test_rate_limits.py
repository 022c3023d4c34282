"""Fixed windows, 429 then 418, order counts."""

from __future__ import annotations

import pytest

from mmbot.sim.events import Refused
from mmbot.sim.limits import FUTURES_LIMITS, RateLimit, RateLimiter
from mmbot.sim.wire_errors import ApiError

IP = "127.0.0.1"
MINUTE = 1_750_000_020.0  # a whole minute: windows start at multiples of their length


def _refusal(limiter: RateLimiter, weight: int, now_s: float) -> ApiError:
    with pytest.raises(ApiError) as refused:
        limiter.charge(IP, weight, now_s)
    return refused.value


def test_weight_is_counted_per_minute_and_shown():
    limiter = RateLimiter(FUTURES_LIMITS)
    limiter.charge(IP, 20, MINUTE + 1)
    limiter.charge(IP, 1, MINUTE + 59.9)
    assert limiter.weight_headers(IP, MINUTE + 59.9) == {"X-MBX-USED-WEIGHT-1M": "21", "X-MBX-USED-WEIGHT": "21"}
    limiter.charge(IP, 5, MINUTE + 60)
    assert limiter.weight_headers(IP, MINUTE + 60)["X-MBX-USED-WEIGHT-1M"] == "5"
    assert limiter.weight_headers("10.0.0.1", MINUTE + 60)["X-MBX-USED-WEIGHT-1M"] == "0"


def test_over_the_limit_is_429_until_the_window_ends():
    limiter = RateLimiter(FUTURES_LIMITS)
    limiter.charge(IP, 2400, MINUTE)
    refusal = _refusal(limiter, 1, MINUTE + 15)
    assert (refusal.status, refusal.code, refusal.retry_after_s) == (429, -1003, 45)
    assert refusal.data == {"serverTime": int((MINUTE + 15) * 1000), "retryAfter": int((MINUTE + 60) * 1000)}
    limiter.charge("10.0.0.1", 1, MINUTE + 15)
    limiter.charge(IP, 1, MINUTE + 60)


def test_going_on_after_429_is_a_ban_that_doubles():
    limiter = RateLimiter(FUTURES_LIMITS, strikes=3)
    limiter.charge(IP, 2400, MINUTE)
    assert [_refusal(limiter, 1, MINUTE + n).status for n in range(3)] == [429] * 3
    ban = _refusal(limiter, 1, MINUTE + 3)
    assert (ban.status, ban.retry_after_s) == (418, 120)
    assert str(int((MINUTE + 123) * 1000)) in ban.msg
    assert _refusal(limiter, 1, MINUTE + 100).status == 418
    limiter.charge(IP, 1, MINUTE + 123.5)

    limiter.charge(IP, 2399, MINUTE + 124)
    for n in range(3):
        _refusal(limiter, 1, MINUTE + 125 + n)
    assert _refusal(limiter, 1, MINUTE + 128).retry_after_s == 240


def test_orders_are_counted_per_account_in_every_window():
    limiter = RateLimiter(FUTURES_LIMITS)
    limiter.check_orders("a", 300, MINUTE)
    limiter.count_orders("a", 300, MINUTE)
    assert limiter.order_headers("a", MINUTE + 1) == {"X-MBX-ORDER-COUNT-1M": "1", "X-MBX-ORDER-COUNT-10S": "300"}
    with pytest.raises(Refused) as refused:
        limiter.check_orders("a", 1, MINUTE + 9)
    assert (refused.value.status, refused.value.code) == (429, -1015)
    assert "300 orders per 10 SECOND" in refused.value.msg
    limiter.check_orders("b", 1, MINUTE + 9)
    limiter.check_orders("a", 1, MINUTE + 10)


def test_forced_refusals_end_by_themselves():
    limiter = RateLimiter(FUTURES_LIMITS)
    limiter.force(429, MINUTE + 5)
    assert _refusal(limiter, 0, MINUTE).status == 429
    limiter.force(418, MINUTE + 9)
    assert _refusal(limiter, 0, MINUTE + 6).status == 418
    limiter.charge(IP, 1, MINUTE + 9)


def test_not_enforced_still_counts():
    limiter = RateLimiter(
        (RateLimit("REQUEST_WEIGHT", "MINUTE", 1, 1), RateLimit("ORDERS", "SECOND", 10, 1)), enforce=False
    )
    for _ in range(5):
        limiter.charge(IP, 1, MINUTE)
        limiter.check_orders("a", 1, MINUTE)
        limiter.count_orders("a", 1, MINUTE)
    assert limiter.report("ORDERS", "a", MINUTE) == [
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 1, "count": 5}
    ]
    limiter.reset()
    assert limiter.weight_headers(IP, MINUTE)["X-MBX-USED-WEIGHT-1M"] == "0"


def test_connections_are_limited_per_ip():
    limiter = RateLimiter(FUTURES_LIMITS)
    for _ in range(300):
        limiter.connect(IP, 2, MINUTE)
    with pytest.raises(ApiError) as refused:
        limiter.connect(IP, 2, MINUTE + 1)
    assert (refused.value.status, refused.value.code) == (429, -1034)
    limiter.connect("10.0.0.1", 2, MINUTE + 1)
