"""Who trades on the exchange."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class User:
    """One account, valid on both venues with the same key and secret.

    Attributes:
        name: how events name it.
        key, secret: the API key; the secret signs requests, which the protocol server checks.
        index: the owner number of its orders in the matching engines, from 1; 0 is the crowd.
    """

    name: str
    key: str
    secret: str
    index: int

    def __repr__(self) -> str:
        """Without key and secret."""
        return f"User({self.name})"


@dataclass(slots=True)
class FaultPlan:
    """Faults that need the exchange's knowledge; all off at the start. One per venue, shared by its users."""

    rejections: int = 0
    reject_code: int = 0
    reject_msg: str = ""
    reject_status: int = 400
    duplicates: int = 0
    delay_ns: int = 0

    def reject_next(self, code: int, msg: str, *, count: int = 1, status: int = 400) -> None:
        """Refuse the next `count` new or amended orders (any user) with this code, before anything happened."""
        self.reject_code, self.reject_msg, self.reject_status, self.rejections = code, msg, status, count

    def duplicate_fills(self, count: int = 1) -> None:
        """Send each of the next `count` private fill messages twice (same trade id)."""
        self.duplicates = count

    def slow_matching(self, delay_ns: int) -> None:
        """Accept orders at once, but let them reach the book only `delay_ns` later; 0 ends it. Needs `advance`."""
        self.delay_ns = delay_ns
