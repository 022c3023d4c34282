"""`ladders`: one ladder for each market that may be quoted."""

from __future__ import annotations

import pytest

from mmbot.plugins import load
from mmbot.strategy import ladders
from mmbot.testing import Rehearsal


def test_each_market_to_quote_gets_a_ladder_of_its_size() -> None:
    market = Rehearsal(load("pmm")).market
    made = ladders([market], 0.005, 0.05, levels=3, qty_growth=2.0)
    assert list(made) == [market.index]
    made[market.index].place(600_000.0, 10.0, 10.0, 0.0, 599_999, 600_001)
    lots = market.lots(0.005)
    assert [qty for _, qty in made[market.index].bids] == [lots, 2 * lots, 4 * lots]


@pytest.mark.parametrize(("qty", "max_position"), [(0.0001, 0.05), (0.005, 0.0001)])
def test_less_than_a_lot_is_an_error(qty: float, max_position: float) -> None:
    market = Rehearsal(load("pmm")).market
    with pytest.raises(ValueError, match=r"at least 0\.001, one lot"):
        ladders([market], qty, max_position)
