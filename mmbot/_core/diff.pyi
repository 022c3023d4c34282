from mmbot._core.orders import OrderTable

def diff_market(
    table: OrderTable,
    market: int,
    bids: list[tuple[int, int]],
    asks: list[tuple[int, int]],
    *,
    tolerance_ticks: int = 0,
    tolerance_qty_ppm: int = 0,
    unsafe_ticks: int = 1099511627776,
    spare_buy_lots: int = 0,
    spare_sell_lots: int = 0,
    amend_any: bool = True,
    amend_smaller: bool = False,
    overlap: bool = False,
) -> list[dict[str, int]]: ...
def diff_repeatedly(
    table: OrderTable, market: int, bids: list[tuple[int, int]], asks: list[tuple[int, int]], times: int
) -> int: ...
