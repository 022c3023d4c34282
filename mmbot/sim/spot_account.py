"""A spot account: free and locked balances, exact."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmbot.sim.users import User


@dataclass(slots=True)
class SpotAccount:
    """One user's spot balances, in 1e-8 of each asset.

    Attributes:
        fees: paid, by asset.
    """

    user: User
    free: dict[str, int]
    locked: dict[str, int] = field(default_factory=dict)
    fees: dict[str, int] = field(default_factory=dict)

    def lock(self, asset: str, amount_e8: int) -> None:
        """Move from free to locked (> 0) or back (< 0)."""
        self.free[asset] = self.free.get(asset, 0) - amount_e8
        self.locked[asset] = self.locked.get(asset, 0) + amount_e8

    def credit(self, asset: str, amount_e8: int) -> None:
        """Change the free balance."""
        self.free[asset] = self.free.get(asset, 0) + amount_e8

    def total(self, asset: str) -> int:
        """Free and locked."""
        return self.free.get(asset, 0) + self.locked.get(asset, 0)
