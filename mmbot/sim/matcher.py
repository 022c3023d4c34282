"""What a market needs from whatever matches its orders: the engine itself, or a recorded book."""

from __future__ import annotations

from typing import Protocol

FillRow = tuple[int, int, int, int, int, int, int]
"""(maker_id, maker_owner, taker_id, taker_owner, taker_side, price_ticks, qty_lots)."""


class Matcher(Protocol):
    """See `mmbot._core.matching.MatchingEngine`, whose methods these are."""

    @property
    def n_fills(self) -> int:
        """Trades of the last operation."""
        ...

    @property
    def n_changes(self) -> int:
        """Level changes not taken yet."""
        ...

    @property
    def prevented(self) -> bool:
        """Whether self-trade prevention ended the last one."""
        ...

    @property
    def left_lots(self) -> int:
        """What the last placed or amended order has left."""
        ...

    def place(
        self,
        order_id: int,
        owner: int,
        side: int,
        price_ticks: int,
        qty_lots: int,
        *,
        time_in_force: int = 0,
        self_trade: int = 0,
    ) -> int:
        """Match and maybe rest an order."""
        ...

    def amend(
        self,
        order_id: int,
        price_ticks: int,
        left_lots: int,
        *,
        time_in_force: int = 0,
        self_trade: int = 0,
        keep_priority: bool = False,
    ) -> int:
        """Change a resting order."""
        ...

    def cancel(self, order_id: int) -> int:
        """Remove a resting order; returns what it had left."""
        ...

    def take_fills(self) -> list[FillRow]:
        """Trades of the last operation; a second call finds none."""
        ...

    def take_expiries(self) -> list[tuple[int, int, int]]:
        """Orders removed by self-trade prevention in the last operation."""
        ...

    def take_changes(self, bids: dict[int, int], asks: dict[int, int], /) -> int:
        """Move level changes into dicts; returns their number."""
        ...

    def best(self) -> tuple[int, int, int, int]:
        """Touch: bid price and lots, ask price and lots."""
        ...

    def levels(self, side: int, limit: int = 0) -> list[tuple[int, int]]:
        """Levels from the best on."""
        ...
