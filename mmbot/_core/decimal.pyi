from enum import IntEnum

from typing_extensions import disjoint_base

from mmbot._core.types import Instrument

class DecimalError(IntEnum):
    DECIMAL_OK = 0
    DECIMAL_EMPTY = -1
    DECIMAL_SIGN = -2
    DECIMAL_EXPONENT = -3
    DECIMAL_CHAR = -4
    DECIMAL_OVERFLOW = -5
    DECIMAL_NOT_WHOLE = -6

@disjoint_base
class Unit:
    size: str
    def __init__(self, size: str) -> None: ...
    @property
    def decimals(self) -> int: ...

def tick_unit(instrument: Instrument) -> Unit: ...
def lot_unit(instrument: Instrument) -> Unit: ...
def to_units(text: str, unit: Unit, *, signed: bool = False) -> int: ...
def from_units(units: int, unit: Unit) -> str: ...
