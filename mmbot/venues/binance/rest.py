"""REST of both venues: weights, signatures, the server's clock, error answers as mmbot's errors."""

from __future__ import annotations

from time import time, time_ns
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import msgspec

from mmbot.errors import AuthError, VenueError
from mmbot.net.clock_offset import ClockOffset
from mmbot.net.http import HttpAnswer, HttpClient
from mmbot.net.rate_budget import WeightBudget
from mmbot.net.tls import client_context
from mmbot.venues.binance.auth import Params, Signer
from mmbot.venues.binance.errors import Outcome, error_of, outcome_of
from mmbot.venues.binance.messages import NS_PER_MS, ApiError, ServerTime, decode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mmbot.venues.base import VenueSettings
    from mmbot.venues.binance.messages import RateCount

_PAUSE_S = 10.0
_BAN_S = 120.0


class BinanceRest:
    """One account's REST access; subclasses know the venue's calls.

    Args:
        settings: endpoint, credentials and time limits.
        codes: the venue's error table.
        prefix: of every path, such as ``/fapi``.
        weight_limit: request weight a minute.
        time_path: where the server's time is asked.
    """

    def __init__(
        self, settings: VenueSettings, *, codes: Mapping[int, Outcome], weight_limit: int, time_path: str
    ) -> None:
        context = client_context(settings.endpoint.ca_file) if settings.endpoint.rest.startswith("https") else None
        self.ssl_context = context
        self.codes = codes
        self.clock = ClockOffset()
        self.budget = WeightBudget(weight_limit, clock=lambda: time() + self.clock.offset_ns / 1e9)
        self.order_counts: dict[str, int] = {}
        self.signer = Signer(settings.credentials, settings.recv_window_ms) if settings.credentials else None
        self._http = HttpClient(settings.endpoint.rest, ssl_context=context, timeout_s=settings.request_timeout_s)
        self._time_path = time_path
        self._name = settings.name

    async def open(self) -> None:
        """Open the session and measure the clock."""
        await self._http.open()
        await self.sync_clock()

    async def close(self) -> None:
        """End every connection."""
        await self._http.close()

    def now_ms(self) -> int:
        """Tell the server's time, as far as we know it."""
        return (time_ns() + self.clock.offset_ns) // NS_PER_MS

    async def sync_clock(self, samples: int = 3) -> int:
        """Measure the server's clock; returns the offset in nanoseconds."""
        for _ in range(samples):
            sent_ns = time_ns()
            body = await self.public(self._time_path, {}, weight=1)
            received_ns = time_ns()
            # The server cuts its time to whole milliseconds: half of one is missing on average.
            server_ns = decode(ServerTime, body, self._time_path).server_time * NS_PER_MS + NS_PER_MS // 2
            self.clock.add(sent_ns, server_ns, received_ns)
        return self.clock.offset_ns

    def take_limits(self, limits: Iterable[RateCount]) -> None:
        """Believe exchangeInfo's ``rateLimits`` about the weight allowed a minute."""
        for each in limits:
            if (each.rate_limit_type, each.interval, each.interval_num) == ("REQUEST_WEIGHT", "MINUTE", 1):
                self.budget.limit = each.limit

    async def public(self, path: str, params: Params, *, weight: int) -> bytes:
        """GET what needs no key."""
        return await self._send("GET", path, urlencode(params), weight=weight)

    async def keyed(self, method: str, path: str, params: Params | None = None, *, weight: int = 1) -> bytes:
        """Ask for what needs the key but no signature (listen keys)."""
        return await self._send(method, path, urlencode(params or {}), weight=weight, headers=self._signer().headers)

    async def signed(self, method: str, path: str, params: Params, *, weight: int, urgent: bool = False) -> bytes:
        """Send a signed request; a wrong clock is measured again and the request repeated once.

        Raises:
            VenueError: of the kind that the error table says.
        """
        signer = self._signer()
        for attempt in range(2):
            # The timestamp is taken after any wait for the budget.
            await self.budget.acquire(weight, urgent=urgent)
            query = signer.query(params, self.now_ms())
            try:
                return await self._send(method, path, query, weight=0, headers=signer.headers)
            except VenueError as error:
                if attempt or self.codes.get(error.code) is not Outcome.CLOCK:
                    raise
                self.clock.forget()
                await self.sync_clock()
        raise AssertionError("unreachable")

    async def presigned(self, method: str, path: str, query: str) -> bytes:
        """Send a query that the order encoder has signed; its weight has been acquired."""
        return await self._send(method, path, query, weight=0, headers=self._signer().headers)

    def _signer(self) -> Signer:
        if self.signer is None:
            raise AuthError(f"{self._name}: expected API credentials in the environment, found none")
        return self.signer

    async def _send(
        self,
        method: str,
        path: str,
        query: str,
        *,
        weight: int,
        headers: Mapping[str, str] | None = None,
        urgent: bool = False,
    ) -> bytes:
        if weight:
            await self.budget.acquire(weight, urgent=urgent)
        answer = await self._http.request(method, path, query, headers=headers)
        self._observe(answer.headers)
        if answer.status == 200:
            return answer.body
        raise self._problem(f"{method} {path}", answer)

    def _observe(self, headers: Mapping[str, str]) -> None:
        """Read ``X-MBX-USED-WEIGHT-1M`` and ``X-MBX-ORDER-COUNT-<interval>``."""
        for name, value in headers.items():
            upper = name.upper()
            if not upper.startswith("X-MBX-") or not value.isdecimal():
                continue
            if upper == "X-MBX-USED-WEIGHT-1M":
                self.budget.observe(int(value))
            elif upper.startswith("X-MBX-ORDER-COUNT-"):
                self.order_counts[upper.removeprefix("X-MBX-ORDER-COUNT-")] = int(value)

    def _problem(self, where: str, answer: HttpAnswer) -> VenueError:
        error = problem_in(answer.body)
        outcome = outcome_of(self.codes, error.code, error.msg, answer.status)
        retry_after_s = _seconds(answer.headers.get("Retry-After", ""))
        if answer.status == 418:
            self.budget.pause(retry_after_s or _BAN_S, banned=True)
        elif answer.status == 429:
            self.budget.pause(retry_after_s or _PAUSE_S)
        message = error.msg or f"HTTP status {answer.status}"
        return error_of(outcome, where, error.code, message, retry_after_s=retry_after_s or 1.0)


def problem_in(body: bytes) -> ApiError:
    """Read an error body; a page that is no JSON gives code 0 and its first words."""
    try:
        return msgspec.json.decode(body, type=ApiError)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ApiError(0, body[:80].decode("utf-8", "replace"))


def _seconds(text: str) -> float:
    return float(text) if text.isdecimal() else 0.0
