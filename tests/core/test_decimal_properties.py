"""The decimal reader and writer against `decimal.Decimal`."""

from __future__ import annotations

import decimal
import re
from decimal import Decimal

from hypothesis import example, given
from hypothesis import strategies as st

from mmbot._core.decimal import Unit, from_units, to_units

decimal.getcontext().prec = 100
SIZES = st.builds(
    lambda mantissa, places: format(Decimal(mantissa).scaleb(-places), "f"),
    st.one_of(st.sampled_from([1, 5, 25, 125]), st.integers(1, 10**9)),
    st.integers(0, 18),
)
PLAIN = re.compile(r"[0-9]+(\.[0-9]+)?")
NUMBERS = st.from_regex(re.compile(r"\A[0-9]{1,22}(\.[0-9]{1,22})?\Z"))


def expected(text: str, size: str) -> int | None:
    if not PLAIN.fullmatch(text) or not text.isascii():
        return None
    units = Decimal(text) / Decimal(size)
    return int(units) if int(units) * Decimal(size) == Decimal(text) and units < 2**63 else None


def found(text: str, size: str) -> int | None:
    try:
        return to_units(text, Unit(size))
    except ValueError:
        return None


@given(st.one_of(NUMBERS, st.text(alphabet="0123456789.-+eE \"'", max_size=24), st.text(max_size=8)), SIZES)
@example("1" * 40, "1")
def test_reading_is_exact_or_refused(text: str, size: str) -> None:
    assert found(text, size) == expected(text, size)


@given(st.integers(-(2**63), 2**63 - 1), SIZES)
def test_writing_is_exact(units: int, size: str) -> None:
    unit = Unit(size)
    text = from_units(units, unit)
    assert Decimal(text) == units * Decimal(size)
    assert len(text.partition(".")[2]) == unit.decimals
    assert "e" not in text.lower()


@given(st.integers(-(2**63) + 1, 2**63 - 1), SIZES, st.integers(0, 8))
def test_what_was_written_reads_back(units: int, size: str, zeros: int) -> None:
    text = from_units(units, Unit(size))
    padded = text + "0" * zeros if "." in text else text
    assert to_units(padded, Unit(size), signed=True) == units
