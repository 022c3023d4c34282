"""Listen keys: the tickets to a user data stream, valid for an hour unless kept alive."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from mmbot.sim.wire_errors import ApiError


@dataclass(slots=True)
class _Ticket:
    account: str
    expires_s: float


class ListenKeys:
    """The listen keys of one venue.

    Args:
        life_s: how long a key lives after it was made or kept alive.
        seed: keys are made up from it, so that runs repeat.
    """

    def __init__(self, life_s: float, seed: str) -> None:
        self._life_s = life_s
        self._seed = seed
        self._made = 0
        self._tickets: dict[str, _Ticket] = {}

    def start(self, account: str, now_s: float) -> str:
        """The account's key: a new one, or the one it has, extended."""
        key = self.of_account(account)
        if key is None:
            self._made += 1
            key = hashlib.sha256(f"{self._seed}/{account}/{self._made}".encode()).hexdigest()
            self._tickets[key] = _Ticket(account, 0.0)
        self._tickets[key].expires_s = now_s + self._life_s
        return key

    def of_account(self, account: str) -> str | None:
        """The account's live key."""
        return next((key for key, ticket in self._tickets.items() if ticket.account == account), None)

    def account(self, key: str) -> str | None:
        """Whose key this is; None when it does not exist (any more)."""
        ticket = self._tickets.get(key)
        return ticket.account if ticket else None

    def keep_alive(self, key: str, now_s: float) -> str:
        """Extend a key; raises ApiError -1125 when it does not exist."""
        ticket = self._tickets.get(key)
        if ticket is None:
            raise ApiError(-1125, "This listenKey does not exist.")
        ticket.expires_s = now_s + self._life_s
        return key

    def close(self, key: str) -> None:
        """Invalidate a key; raises ApiError -1125 when it does not exist."""
        if self._tickets.pop(key, None) is None:
            raise ApiError(-1125, "This listenKey does not exist.")

    def expire(self, now_s: float) -> list[tuple[str, str]]:
        """Drop keys whose time is over; returns (key, account) of each."""
        gone = [(key, ticket.account) for key, ticket in self._tickets.items() if ticket.expires_s <= now_s]
        for key, _ in gone:
            del self._tickets[key]
        return gone
