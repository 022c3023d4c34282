from enum import IntFlag

class SelfTrade(IntFlag):
    ALLOW = 0
    EXPIRE_TAKER = 1
    EXPIRE_MAKER = 2
    EXPIRE_BOTH = 3

class Outcome(IntFlag):
    RESTING = 0
    FILLED = 1
    EXPIRED = 2
    KILLED = 3
    WOULD_CROSS = 4
    UNKNOWN_ID = 5
    DUPLICATE_ID = 6

class MatchingEngine:
    n_orders: int
    left_lots: int
    n_fills: int
    n_expiries: int
    n_changes: int
    def __init__(self, capacity: int = 4096) -> None: ...
