"""Rate limits as the venue counts them: fixed windows of request weight per IP and of orders per account.

A window starts at a whole multiple of its length (00:01:23 counts towards 00:01:00). Over the weight limit a request
fails with 429; who goes on regardless is banned (418), twice as long each time, from two minutes to three days. No
clock inside.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mmbot.sim.wire_errors import ApiError

UNIT_S = {"SECOND": 1, "MINUTE": 60, "DAY": 86400}
LETTER = {"SECOND": "S", "MINUTE": "M", "DAY": "D"}
FIRST_BAN_S = 120
LONGEST_BAN_S = 3 * 86400


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `limit` per `interval_num` `interval`s (SECOND, MINUTE, DAY) of `kind` (REQUEST_WEIGHT or ORDERS)."""

    kind: str
    interval: str
    interval_num: int
    limit: int

    @property
    def window_s(self) -> int:
        """Length of the window in seconds."""
        return UNIT_S[self.interval] * self.interval_num

    @property
    def suffix(self) -> str:
        """As in the header names: ``1M``, ``10S``."""
        return f"{self.interval_num}{LETTER[self.interval]}"

    def body(self, count: int | None = None) -> dict[str, object]:
        """As in exchangeInfo, and with `count` as in websocket API answers."""
        body: dict[str, object] = {
            "rateLimitType": self.kind,
            "interval": self.interval,
            "intervalNum": self.interval_num,
            "limit": self.limit,
        }
        if count is not None:
            body["count"] = count
        return body


FUTURES_LIMITS = (
    RateLimit("REQUEST_WEIGHT", "MINUTE", 1, 2400),
    RateLimit("ORDERS", "MINUTE", 1, 1200),
    RateLimit("ORDERS", "SECOND", 10, 300),
)
SPOT_LIMITS = (
    RateLimit("REQUEST_WEIGHT", "MINUTE", 1, 6000),
    RateLimit("ORDERS", "SECOND", 10, 100),
    RateLimit("ORDERS", "DAY", 1, 200000),
)


CONNECTIONS = RateLimit("CONNECTIONS", "MINUTE", 5, 300)  # websockets opened per IP; not shown in exchangeInfo


@dataclass(slots=True)
class _Window:
    """Count of the current window of one limit and one subject."""

    start_s: int = 0
    count: int = 0

    def at(self, limit: RateLimit, now_s: float) -> int:
        start = int(now_s) // limit.window_s * limit.window_s
        if start != self.start_s:
            self.start_s, self.count = start, 0
        return self.count


@dataclass(slots=True)
class _Ban:
    until_s: float = 0.0
    times: int = 0
    strikes: int = 0
    strikes_since_s: float = 0.0


@dataclass(slots=True)
class RateLimiter:
    """Counts, refuses, bans. One per venue.

    Args:
        limits: the venue's table; also what exchangeInfo shows.
        strikes: refusals (429) within a minute after which the next one is a ban (418).
        enforce: false counts and reports, but refuses nothing.
    """

    limits: tuple[RateLimit, ...]
    strikes: int = 10
    enforce: bool = True
    _windows: dict[tuple[RateLimit, str], _Window] = field(default_factory=dict)
    _bans: dict[str, _Ban] = field(default_factory=dict)
    forced: dict[str, tuple[int, float]] = field(default_factory=dict)

    def of_kind(self, kind: str) -> list[RateLimit]:
        """The limits that count `kind`."""
        return [limit for limit in self.limits if limit.kind == kind]

    def force(self, status: int, until_s: float) -> None:
        """Refuse every request with `status` (429 or 418) until `until_s`, whatever the counts say (a fault)."""
        self.forced["*"] = (status, until_s)

    def reset(self) -> None:
        """Forget all counts, bans and forced refusals."""
        self._windows.clear()
        self._bans.clear()
        self.forced.clear()

    def count(self, limit: RateLimit, subject: str, now_s: float) -> int:
        """How much of `limit` the IP or account has used in the current window."""
        return self._windows.setdefault((limit, subject), _Window()).at(limit, now_s)

    def charge(self, ip: str, weight: int, now_s: float) -> None:
        """Take `weight` from the IP's allowance.

        Raises:
            ApiError: -1003 with status 429 when it is used up, 418 while the IP is banned.
        """
        self._refuse_forced(ip, now_s)
        ban = self._bans.setdefault(ip, _Ban())
        if ban.until_s > now_s:
            raise banned(ip, ban.until_s, now_s)
        for limit in self.of_kind("REQUEST_WEIGHT"):
            window = self._windows.setdefault((limit, ip), _Window())
            used = window.at(limit, now_s) + weight
            window.count = used
            if used > limit.limit and self.enforce:
                self._strike(ip, ban, now_s)
                raise too_much_weight(ip, limit, window.start_s + limit.window_s, now_s)

    def _refuse_forced(self, ip: str, now_s: float) -> None:
        forced = self.forced.get("*")
        if forced is None:
            return
        status, until_s = forced
        if until_s <= now_s:
            del self.forced["*"]
        elif status == 418:
            raise banned(ip, until_s, now_s)
        else:
            raise too_much_weight(ip, self.of_kind("REQUEST_WEIGHT")[0], until_s, now_s)

    def _strike(self, ip: str, ban: _Ban, now_s: float) -> None:
        if now_s - ban.strikes_since_s > 60:
            ban.strikes, ban.strikes_since_s = 0, now_s
        ban.strikes += 1
        if ban.strikes > self.strikes:
            ban.until_s = now_s + min(FIRST_BAN_S * 2**ban.times, LONGEST_BAN_S)
            ban.times += 1
            ban.strikes = 0
            raise banned(ip, ban.until_s, now_s)

    def connect(self, ip: str, weight: int, now_s: float) -> None:
        """Count a new websocket connection, which takes `weight`; raises ApiError -1034 or -1003 with status 429."""
        self.charge(ip, weight, now_s)
        window = self._windows.setdefault((CONNECTIONS, ip), _Window())
        window.count = window.at(CONNECTIONS, now_s) + 1
        if window.count > CONNECTIONS.limit and self.enforce:
            raise ApiError(
                -1034,
                f"Too many connection attempts from IP; current limit is {CONNECTIONS.limit} per '5 MINUTES'.",
                429,
                retry_after_s=_wait(window.start_s + CONNECTIONS.window_s, now_s),
            )

    def check_orders(self, account: str, orders: int, now_s: float) -> None:
        """Raise ApiError -1015 when `orders` more would exceed a window of the account."""
        if not self.enforce:
            return
        for limit in self.of_kind("ORDERS"):
            if self.count(limit, account, now_s) + _orders_counted(limit, orders) > limit.limit:
                window = self._windows[(limit, account)]
                raise too_many_orders(limit, window.start_s + limit.window_s, now_s)

    def count_orders(self, account: str, orders: int, now_s: float) -> None:
        """Count accepted orders and amendments of the account."""
        for limit in self.of_kind("ORDERS"):
            window = self._windows.setdefault((limit, account), _Window())
            window.at(limit, now_s)
            window.count += _orders_counted(limit, orders)

    def weight_headers(self, ip: str, now_s: float) -> dict[str, str]:
        """``X-MBX-USED-WEIGHT-1M`` and its older short form."""
        headers = {}
        for limit in self.of_kind("REQUEST_WEIGHT"):
            used = str(self.count(limit, ip, now_s))
            headers[f"X-MBX-USED-WEIGHT-{limit.suffix}"] = used
            headers["X-MBX-USED-WEIGHT"] = used
        return headers

    def order_headers(self, account: str, now_s: float) -> dict[str, str]:
        """``X-MBX-ORDER-COUNT-10S`` and so on; the venue sends them with accepted orders only."""
        return {
            f"X-MBX-ORDER-COUNT-{limit.suffix}": str(self.count(limit, account, now_s))
            for limit in self.of_kind("ORDERS")
        }

    def report(self, kind: str, subject: str, now_s: float) -> list[dict[str, object]]:
        """The ``rateLimits`` of a websocket API answer."""
        return [limit.body(self.count(limit, subject, now_s)) for limit in self.of_kind(kind)]


def _orders_counted(limit: RateLimit, orders: int) -> int:
    """A batch counts as its orders in windows of seconds, and once in longer ones."""
    return orders if limit.interval == "SECOND" else min(orders, 1)


def _data(until_s: float, now_s: float) -> dict[str, object]:
    return {"serverTime": int(now_s * 1000), "retryAfter": int(until_s * 1000)}


def _wait(until_s: float, now_s: float) -> int:
    return max(1, int(until_s - now_s + 0.999))


def too_much_weight(ip: str, limit: RateLimit, until_s: float, now_s: float) -> ApiError:
    """-1003 with 429: used up, come back when the window ends."""
    return ApiError(
        -1003,
        f"Too many requests; current limit of IP({ip}) is {limit.limit} request weight per {limit.interval_num} "
        f"{limit.interval}. Please use WebSocket Streams for live updates to avoid polling the API.",
        429,
        retry_after_s=_wait(until_s, now_s),
        data=_data(until_s, now_s),
    )


def banned(ip: str, until_s: float, now_s: float) -> ApiError:
    """-1003 with 418: the IP is banned."""
    return ApiError(
        -1003,
        f"Way too much request weight used; IP({ip}) banned until {int(until_s * 1000)}. "
        "Please use WebSocket Streams for live updates to avoid bans.",
        418,
        retry_after_s=_wait(until_s, now_s),
        data=_data(until_s, now_s),
    )


def too_many_orders(limit: RateLimit, until_s: float, now_s: float) -> ApiError:
    """-1015: the account's order count is used up."""
    return ApiError(
        -1015,
        f"Too many new orders; current limit is {limit.limit} orders per {limit.interval_num} {limit.interval}.",
        429,
        retry_after_s=_wait(until_s, now_s),
        data=_data(until_s, now_s),
    )
