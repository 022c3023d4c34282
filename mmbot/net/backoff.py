"""How long to wait before trying again."""

from __future__ import annotations

from random import Random


class Backoff:
    """Delays that grow threefold at most and are spread at random, so that many clients do not return in step.

    "Decorrelated jitter": each delay is uniform between the first and three times the one before, capped.

    Args:
        first_s: the least delay.
        cap_s: the greatest delay.
        random: source of the jitter; its own by default. Delays never reach the core, so that replays do not need it.
    """

    def __init__(self, first_s: float = 0.1, cap_s: float = 15.0, random: Random | None = None) -> None:
        if not 0 < first_s <= cap_s:
            raise ValueError(f"backoff: expected 0 < first_s <= cap_s, found {first_s} and {cap_s}")
        self._first_s = first_s
        self._cap_s = cap_s
        self._random = random or Random()  # noqa: S311 - jitter is no secret
        self._last_s = first_s

    def next_s(self) -> float:
        """Take the next delay in seconds."""
        self._last_s = min(self._cap_s, self._random.uniform(self._first_s, self._last_s * 3))
        return self._last_s

    def reset(self) -> None:
        """Begin again with small delays: something worked."""
        self._last_s = self._first_s
