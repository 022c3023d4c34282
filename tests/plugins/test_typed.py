"""The contract written for a plain plugin, and what is edited out of its text."""

from __future__ import annotations

import pytest

from mmbot.errors import PluginError
from mmbot.plugins.typed import declare, is_pure_mode

PLAIN = """\
from mmbot.strategy import (
    Market,
    Params, Quotes as Ladder,
    Strategy as Base,
)


class P(Params):
    size: float = 1.0


class Maker(Base):
    params: P
    half: float
    seen: int
    ladder: Ladder | None
    known: dict[str, float]
    limit: int = 3

    def on_start(self) -> None:
        self.seen = 0
        self.extra = 1

    def on_book(self, market: Market) -> None:
        self.seen += 1

    def on_trade(self, market, side: int, price_ticks: int, qty_lots: int = 0) -> None:
        self.seen = sum(x for x in (side, price_ticks))

    def helper(self, ladder: Ladder, times: int) -> int:
        return self.seen  # märz

    def loose(self, anything, more: list[int]) -> None:
        self.seen = 2
"""


def test_the_contract_has_fields_and_callbacks() -> None:
    contract = declare(PLAIN, "maker.py").contract
    assert contract.partition("\n\n")[2].splitlines() == [
        "cdef class Maker(Base):",
        "    cdef dict __dict__",  # for `extra` and `limit`, which the class body does not declare
        "    cdef public double half",
        "    cdef public int64_t seen",
        "    cdef public Ladder ladder",
        "    cdef public object known",
        "    cpdef void on_start(self) except *",
        "    cpdef void on_book(self, core_Market market) except *",
        (
            "    cpdef void on_trade("
            "self, core_Market argument_0, int argument_1, int64_t argument_2, int64_t argument_3)"
            " except *"
        ),
        "    cpdef helper(self, Ladder ladder, int64_t times)",
    ]
    assert "from mmbot._core.quoting cimport Quotes as Ladder" in contract


def test_lines_keep_their_numbers_up_to_the_end_of_the_class() -> None:
    source = declare(PLAIN, "maker.py").source
    before, after = PLAIN.splitlines(), source.splitlines()
    same = [i for i, line in enumerate(before) if line == after[i]]
    assert [before[i].strip() for i in range(len(before)) if i not in same] == [
        "from mmbot.strategy import (", "Market,", "Params, Quotes as Ladder,", "Strategy as Base,", ")",
        "params: P", "half: float", "seen: int", "ladder: Ladder | None", "known: dict[str, float]", "limit: int = 3",
        "def on_book(self, market: Market) -> None:",
        "def on_trade(self, market, side: int, price_ticks: int, qty_lots: int = 0) -> None:",
        "def helper(self, ladder: Ladder, times: int) -> int:",
    ]  # fmt: skip
    assert after[0] == "from mmbot.strategy import Params"
    assert "    limit = 3" in after
    assert after[-1] == "__params__ = P"


def test_a_function_of_the_api_is_called_as_c() -> None:
    source = "from mmbot.strategy import Strategy, floor_ticks as down\nclass A(Strategy): pass\n"
    typed = declare(source, "a.py")
    assert "from mmbot._core.quoting cimport floor_ticks as down" in typed.contract
    assert typed.source.splitlines()[0] == "pass"


def test_a_callback_that_no_c_method_can_hold_is_called_from_one() -> None:
    source = declare(PLAIN, "maker.py").source
    assert "def _on_trade_as_written(self, market, side: int, price_ticks: int, qty_lots: int = 0)" in source
    assert "        self._on_trade_as_written(argument_0, argument_1, argument_2, argument_3)\n" in source


@pytest.mark.parametrize(
    "source",
    [
        "x = 1\n",
        "import mmbot.strategy as api\nclass A(api.Strategy): pass\n",
        "class Strategy: pass\nclass A(Strategy): pass\n",
    ],
)
def test_a_module_without_a_strategy_is_refused(source: str) -> None:
    with pytest.raises(PluginError, match=r"maker\.py: expected a class that derives from Strategy"):
        declare(source, "maker.py")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import cython\n", True),
        ("from cython.cimports.libc.math import exp\n", True),
        ("import cythonic\nfrom math import exp\n", False),
    ],
)
def test_pure_mode_is_told_by_its_imports(source: str, expected: bool) -> None:
    assert is_pure_mode(source, "a.py") is expected
