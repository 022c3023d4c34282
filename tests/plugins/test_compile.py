"""Plugins compiled: plain Python, Cython's pure-Python mode, and .pyx; each loads and runs as its source means."""

from __future__ import annotations

import os
import traceback
from typing import TYPE_CHECKING, Any

import pytest

from mmbot._core.types import Side
from mmbot.errors import PluginError
from mmbot.plugins import load_file
from mmbot.plugins.compile import compile_plugin
from mmbot.testing import Rehearsal

if TYPE_CHECKING:
    from pathlib import Path

    from mmbot.strategy import Strategy

TRICKY = '''\
"""What plain plugins do that C methods cannot."""
import functools
from math import inf
from typing import Any, ClassVar, Literal

from mmbot.strategy import Fill, Market, Params, Strategy, field


class Unused(Params):
    pass


class TrickyParams(Params):
    mode: Literal["near", "far"] = field("near")
    most: float = inf if False else 1e9
    size: int = field(2, ge=1)


def logged(function):
    @functools.wraps(function)
    def inner(self, *args):
        self.calls.append("logged")
        return function(self, *args)
    return inner


class Base(Strategy):
    half: float
    calls: list[str]
    wanted: ClassVar[int] = 7

    def __init__(self) -> None:
        self.calls = []

    def on_start(self) -> None:
        self.half = 1.5 if self.params.mode == "near" else 20
        self.late = None


class Tricky(Base):
    params: TrickyParams
    count: int
    market: Market
    step: int = 3

    def on_start(self) -> None:
        super().on_start()
        self.count = -7

    @logged
    def on_book(self, market: Market) -> None:
        price = lambda sign: round(market.mid_ticks + sign * self.half)
        self.step = self.step + 1
        self.quote(market, bids=[(price(-1), self.params.size)], asks=[(price(1), self.params.size)])

    def on_trade(self, market, side, price_ticks, qty_lots=0):
        self.late = (side, price_ticks, qty_lots, self.count // 2, self.count % 4, self.count / 2, self.calls[-1])

    def on_fill(self, market: Market, fill: Fill) -> None:
        self.late = sum(x for x in (fill.qty_lots, fill.side))
        if fill.qty_lots == 9:
            self.count // 0

    def on_timer(self, name: str) -> None:
        self.market.mid_ticks

    def export_state(self) -> dict[str, Any]:
        return {"calls": self.calls, "late": self.late, "step": self.step, "wanted": self.wanted, "half": self.half}

    def import_state(self, state: dict[str, Any]) -> None:
        self.calls = list(state.get("calls", ()))
'''

PURE = """\
import cython
from cython.cimports.mmbot._core.market import Market
from cython.cimports.mmbot._core.strategy import Strategy
from mmbot.strategy import Params

@cython.cclass
class Pure(Strategy):
    seen = cython.declare(cython.int, visibility="public")

    @cython.ccall
    @cython.exceptval(check=True)
    def on_book(self, market: Market) -> cython.void:
        self.seen += 1
"""

PYX = """\
from mmbot._core.market cimport Market
from mmbot._core.strategy cimport Strategy
from mmbot.strategy import Params


class PyxParams(Params):
    half: float = 2.0


cdef class Pyx(Strategy):
    cpdef void on_book(self, Market market) except *:
        cdef double half = self.params.half
        self.quote(market, [(<long>(market.mid_ticks - half), 1)], [(<long>(market.mid_ticks + half), 1)])
"""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("plugins")
    made = {}
    for name, text in (("tricky.py", TRICKY), ("pure.py", PURE), ("pyx.pyx", PYX)):
        (folder / name).write_text(text)
        made[name] = compile_plugin(folder / name)
    return made


def life(plugin: Strategy, bot: Rehearsal) -> list[Any]:
    """What a plugin wants and knows along a few events."""
    seen: list[Any] = []
    for step, size in enumerate((5, 1, 8)):
        bot.book(600_000 + step, 600_003 + 2 * step)
        bot.trade(Side.SELL, 600_000, size)
        seen += [bot.quotes, dict(plugin.export_state())]
    bot.fill(Side.BUY, 600_000, 4)
    return [*seen, plugin.export_state()]


def test_a_plain_plugin_means_the_same_compiled(compiled: dict[str, Path]) -> None:
    plain, fast = load_file(compiled["tricky.py"].parent / "tricky.py"), load_file(compiled["tricky.py"])
    assert (plain.compiled, fast.compiled, fast.id) == (False, True, "tricky")
    assert fast.params_class.model_json_schema() == plain.params_class.model_json_schema()
    sessions = [Rehearsal(plugin, mode="far", size=3) for plugin in (plain, fast)]
    seen = [life(bot.strategy, bot) for bot in sessions]
    assert seen[0] == seen[1]
    assert seen[0][1]["late"] == (1, 600_000, 5, -4, 1, -3.5, "logged")


def test_division_by_zero_is_an_exception_of_the_right_line(compiled: dict[str, Path]) -> None:
    bot = Rehearsal(load_file(compiled["tricky.py"]))
    bot.book(600_000, 600_003)
    plugin: Any = bot.strategy
    with pytest.raises(PluginError, match="on_fill raised ZeroDivisionError"):
        bot.fill(Side.BUY, 600_000, 9)
    with pytest.raises(ZeroDivisionError) as caught:
        plugin.on_fill(bot.market, bot.engine.take_executions()[0])
    line = next(i for i, text in enumerate(TRICKY.splitlines(), 1) if "self.count // 0" in text)
    assert traceback.extract_tb(caught.value.__traceback__)[-1].lineno == line


def test_an_unset_market_raises_and_does_not_crash(compiled: dict[str, Path]) -> None:
    plugin: Any = load_file(compiled["tricky.py"]).create()
    with pytest.raises(AttributeError):
        plugin.on_timer("any")


def test_pure_mode_is_compiled_as_it_stands(compiled: dict[str, Path]) -> None:
    bot = Rehearsal(load_file(compiled["pure.py"]))
    bot.book(600_000, 600_003)
    bot.book(600_001, 600_003)
    assert bot.strategy.seen == 2


def test_a_pyx_quotes_and_swaps_with_a_plain_one(compiled: dict[str, Path]) -> None:
    bot = Rehearsal(load_file(compiled["tricky.py"].parent / "tricky.py"))
    bot.book(600_000, 600_003)
    bot.swap(load_file(compiled["pyx.pyx"]), half=4)
    bot.book(600_000, 600_004)
    assert bot.quotes == ([(599_998, 1)], [(600_006, 1)])
    bot.swap(load_file(compiled["tricky.py"]))
    assert bot.strategy.step == 4  # its dry run


def test_compiling_again_gives_the_new_code_at_once(tmp_path: Path, compiled: dict[str, Path]) -> None:
    source = tmp_path / "pure.py"
    source.write_text(PURE.replace("+= 1", "+= 5"))
    target = tmp_path / compiled["pure.py"].name
    target.write_bytes(compiled["pure.py"].read_bytes())
    old = load_file(target)
    assert compile_plugin(source) == target
    new = load_file(target)
    assert old.code_hash != new.code_hash
    for plugin, expected in ((old, 1), (new, 5)):
        bot = Rehearsal(plugin)
        bot.book(600_000, 600_003)
        assert bot.strategy.seen == expected
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([source.name, target.name])


@pytest.mark.parametrize(("name", "text", "message"), [
    ("broken.py", "def f(:\n", r"broken\.py: line 1: "),
    ("empty.py", "x = 1\n", r"empty\.py: expected a class that derives from Strategy"),
    ("no-name.py", "x = 1\n", r"expected a file name that is a Python name, found 'no-name'"),
    ("text.txt", "x = 1\n", r"expected a \.py or \.pyx file, found a \.txt"),
    ("wrong.pyx", "cdef class A(None_):\n    pass\n", r"^compile .*wrong\.pyx:\n(?s:.*)wrong\.pyx:1:13: First base of"),
])  # fmt: skip
def test_what_cannot_be_compiled_is_said(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(PluginError, match=message):
        compile_plugin(tmp_path / name)
    assert os.listdir(tmp_path) == [name]  # noqa: PTH208 - nothing half-made is left


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="found no such file"):
        compile_plugin(tmp_path / "gone.py")
