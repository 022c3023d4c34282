"""REST over aiohttp: bounded in time, and honest about whether a failed request may have taken effect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp
from yarl import URL

from mmbot.errors import Disconnected, UnknownOrderState

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

_MAX_BODY = 64 << 20


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back; header names compare without case."""

    status: int
    body: bytes
    headers: Mapping[str, str]


class HttpClient:
    """One connection pool to one base URL.

    Args:
        base_url: such as ``https://fapi.binance.com``; paths are appended.
        ssl_context: for https.
        timeout_s: of a whole request, connecting included.
    """

    def __init__(self, base_url: str, *, ssl_context: ssl.SSLContext | None = None, timeout_s: float = 10.0) -> None:
        self._base_url = base_url.rstrip("/")
        self._ssl_context = ssl_context
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Make the pool; a second call does nothing."""
        if self._session is None:
            secure = self._ssl_context if self._ssl_context is not None else True
            connector = aiohttp.TCPConnector(limit=16, ssl=secure, keepalive_timeout=75.0)
            self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    async def close(self) -> None:
        """End every connection."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def request(
        self,
        method: str,
        path: str,
        query: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> HttpAnswer:
        """Send one request, its query already encoded.

        Raises:
            Disconnected: it never left.
            UnknownOrderState: it may have arrived: the answer did not come, or came in part.
        """
        if self._session is None:
            raise Disconnected(f"{method} {path}: the HTTP session is not open")
        url = URL(f"{self._base_url}{path}{'?' if query else ''}{query}", encoded=True)
        timeout = aiohttp.ClientTimeout(total=timeout_s or self._timeout_s)
        try:
            async with self._session.request(
                method, url, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                if (response.content_length or 0) > _MAX_BODY:
                    raise UnknownOrderState(f"{method} {path}: the answer is larger than {_MAX_BODY} bytes")
                return HttpAnswer(response.status, await response.read(), response.headers)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise Disconnected(f"{method} {path}: could not connect: {_cause(error)}") from None
        except TimeoutError:
            raise UnknownOrderState(f"{method} {path}: no answer within {timeout.total} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise UnknownOrderState(f"{method} {path}: connection lost: {_cause(error)}") from None


def _cause(error: BaseException) -> str:
    """Describe an error without its URL, whose query holds a key and a signature."""
    inner = getattr(error, "os_error", None)
    return f"{type(error).__name__}: {inner}" if inner is not None else type(error).__name__
