"""What the decimal reader accepts, refuses and writes."""

from __future__ import annotations

import pytest

from mmbot._core.decimal import Unit, from_units, lot_unit, tick_unit, to_units
from mmbot._core.types import Instrument


@pytest.mark.parametrize(
    ("text", "size", "units"),
    [
        ("61837.63000000", "0.01", 6183763),
        ("61800.20", "0.10", 618002),
        ("0", "0.001", 0),
        ("0.000", "1", 0),
        ("12.5", "0.5", 25),
        ("007.10", "0.1", 71),
        ("9223372036854775807", "1", 2**63 - 1),
        ("5000", "1000", 5),
        ("0.000000000000000001", "0.000000000000000001", 1),
    ],
)
def test_whole_units_are_read_exactly(text: str, size: str, units: int) -> None:
    assert to_units(text, Unit(size)) == units


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "missing"),
        (".5", "missing"),
        ("5.", "missing"),
        (".", "missing"),
        ("-1", "sign"),
        ("+1", "sign"),
        ("1e5", "exponent"),
        ("1.0E5", "exponent"),
        ("1,5", "plain"),
        ("1 ", "plain"),
        ("1.2.3", "plain"),
        ("abc", "plain"),
        ("٣", "plain"),
        ("0.05", "whole"),
        ("9223372036854775808", "fit"),
        ("9" * 60, "fit"),
        ("1\0", "plain"),
    ],
)
def test_anything_else_is_refused_with_its_reason(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        to_units(text, Unit("0.1") if said == "whole" else Unit("1"))


def test_a_sign_is_allowed_only_when_asked_for() -> None:
    assert to_units("-0.5", Unit("0.1"), signed=True) == -5
    with pytest.raises(ValueError, match="sign"):
        to_units("--0.5", Unit("0.1"), signed=True)


def test_text_has_as_many_decimals_as_the_unit() -> None:
    assert from_units(618376, Unit("0.10")) == "61837.6"
    assert from_units(10, Unit("0.001")) == "0.010"
    assert from_units(-5, Unit("0.25")) == "-1.25"
    assert from_units(7, Unit("5")) == "35"
    assert from_units(-(2**63), Unit("1000000000000000")) == str(-(2**63) * 10**15)


def test_an_instrument_lends_its_units() -> None:
    instrument = Instrument(
        venue="v",
        symbol="s",
        venue_symbol="s",
        base_asset="b",
        quote_asset="q",
        settle_asset="q",
        tick_size="0.50",
        lot_size="0.001",
    )
    assert (tick_unit(instrument).size, lot_unit(instrument).decimals) == ("0.50", 3)
    with pytest.raises(ValueError, match="positive decimal"):
        Unit("0")
