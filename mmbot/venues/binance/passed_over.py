"""Account events that no order, balance or position follows from: counted by name, new names said once."""

from __future__ import annotations

from collections import Counter

import structlog

_log = structlog.get_logger(__name__)


class PassedOver:
    """Counts the events that a user stream has no use for.

    Args:
        known: names that the venue documents; others are logged when they first come.
    """

    def __init__(self, *known: str) -> None:
        self._known = frozenset(known)
        self.counts: Counter[str] = Counter()

    def note(self, name: str) -> None:
        """Count one event."""
        self.counts[name] += 1
        if name not in self._known and self.counts[name] == 1:
            _log.warning("account event of an unknown kind", event_kind=name)
