"""The table and the page of a sweep."""

from __future__ import annotations

import html.parser
import json
import re
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sweep_desk import CHAOS, LEVELS, SPREAD, Scripted, a_plan

from mmbot.errors import ConfigError, MmbotError
from mmbot.sweep import Plots, Results, run_sweep, write_results
from mmbot.sweep.charts import Cell, Point, Scale, heat_map, number, scatter
from mmbot.sweep.journal import read_journal
from mmbot.sweep.metrics import flatten
from mmbot.sweep.page import page, pareto_rows
from mmbot.sweep.results import collect, spearman
from mmbot.sweep.search import Objective


def swept(folder: Path, *grid: str, **request: Any) -> Results:
    run_sweep(a_plan(*grid, **request), folder, Scripted())
    return collect(read_journal(folder))


def test_a_summary_becomes_one_row() -> None:
    summary = {
        "bot": "x", "rows": 5, "run_s": 0.1, "rows_per_s": 50, "latency_us": {"ack": {"p50": 3}}, "started": "now",
        "pnl": {"total": "-1.25000000", "fees": "0E-8"}, "exit_reason": "end of data", "reconciled": True,
        "sharpe": float("nan"), "sortino": None, "notes": [1, 2], "positions": {"perp": "-0.003"},
    }  # fmt: skip
    assert flatten(summary) == {
        "rows": 5, "pnl.total": -1.25, "pnl.fees": 0.0, "exit_reason": "end of data", "reconciled": True,
        "sharpe": None, "sortino": None, "positions.perp": -0.003,
    }  # fmt: skip


def test_parquet_holds_every_trial_with_its_params_and_figures(tmp_path: Path) -> None:
    swept(tmp_path, f"{SPREAD}=1,2.5", f"{CHAOS}=20,13", "strategy.observes=[],[perp_btc]")
    write_results(tmp_path)
    table = pq.read_table(tmp_path / "results.parquet")
    rows = table.to_pylist()
    assert [row["trial"] for row in rows] == list(range(8))
    assert [row["status"] for row in rows] == ["ok", "ok", "failed", "failed"] * 2
    assert rows[2]["error"] == "RuntimeError: thirteen"
    assert (rows[2]["pnl.total"], rows[2]["rank"]) == (None, None)
    assert (rows[4][SPREAD], rows[4]["strategy.observes"], rows[5]["strategy.observes"]) == (2.5, "[]", '["perp_btc"]')
    assert sorted(row["rank"] for row in rows if row["rank"]) == [1, 2, 3, 4]
    assert {str(table.schema.field(name).type) for name in ("trial", "fills", "rank")} == {"int64"}
    assert str(table.schema.field(SPREAD).type) == "double"
    assert not {"rows_per_s", "run_s", "seconds"} & set(table.column_names)
    assert json.loads(table.schema.metadata[b"mmbot.sweep"])["search"]["kind"] == "grid"
    assert not list(tmp_path.glob("*.part"))


def test_both_parts_of_the_data_stand_side_by_side(tmp_path: Path) -> None:
    results = swept(tmp_path, f"{SPREAD}=1:4:0.5", split=0.5, top=4)
    assert results.phases == ("in", "out")
    assert len([value for value in results.column("pnl.total", "in") if value is not None]) == 7
    assert len([value for value in results.column("pnl.total", "out") if value is not None]) == 4
    assert results.rank_correlation is not None
    assert -1 <= results.rank_correlation <= 1
    text = page(results)
    assert "Out of sample" in text
    assert "Rank correlation of both" in text


def test_a_part_of_a_sweep_has_results_too(tmp_path: Path) -> None:
    swept(tmp_path, f"{SPREAD}=1,2,3")
    path = tmp_path / "trials.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:3]))
    assert write_results(tmp_path).rows == 2
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:1]))
    empty = write_results(tmp_path)
    assert (empty.rows, empty.best) == (0, ())
    assert "No trial has a figure" in (tmp_path / "sweep.html").read_text()


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    swept(tmp_path, f"{SPREAD}=1,2")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MmbotError, match=r"mmbot\[sweep\]"):
        write_results(tmp_path)


class Outline(html.parser.HTMLParser):
    """Open tags must close, and nothing may be fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not {name for name, _ in attrs} & {"src", "href", "xlink:href"}
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_stands_alone_and_is_well_formed(tmp_path: Path) -> None:
    space = [f"{SPREAD}=loguniform(0.1,9)", f"{LEVELS}=int(1,4)", "strategy.params.fair=choice(mid,microprice)"]
    results = swept(tmp_path, vary=space, random=50)
    text = page(results)
    outline = Outline()
    outline.feed(text)
    assert outline.open == []
    assert outline.tags.count("svg") == 1 + 3 + 2  # front, maps, single ones (not of words)
    assert "script" not in outline.tags
    assert "url(" not in text
    assert "half_spread_bps" in text
    assert page(results) == text


def test_names_from_outside_are_escaped(tmp_path: Path) -> None:
    results = swept(tmp_path, "strategy.params.fair=mid,microprice", f"{CHAOS}=20,13")
    results.columns["error"][1] = "<script>alert(1)</script>"
    results.columns["strategy.params.fair"][0] = "<b>&"
    text = page(results)
    assert "<script>" not in text
    assert "<b>" not in text


def test_plots_that_cannot_be_are_named(tmp_path: Path) -> None:
    results = swept(tmp_path, f"{SPREAD}=1,2", f"{LEVELS}=1,2")
    with pytest.raises(ConfigError, match="--pareto drawdwn: the trials have no such figure; did you mean 'drawdown'"):
        page(results, Plots(pareto=(Objective("drawdwn", maximise=False), Objective("fills"))))
    with pytest.raises(ConfigError, match=f"--heat nothing: is not varied; varied are {SPREAD}, {LEVELS}"):
        page(results, Plots(heat=[(SPREAD, "nothing")]))
    assert "fills against drawdown" in page(results, Plots((Objective("drawdown", maximise=False), Objective("fills"))))


def test_the_front_is_what_nothing_beats(tmp_path: Path) -> None:
    results = swept(tmp_path, f"{SPREAD}=0.5:4:0.5", f"{LEVELS}=1:3:1")
    x, y = Objective("drawdown", maximise=False), Objective("pnl.total")
    front = set(pareto_rows(results, x, y))
    risk, gain = results.column("drawdown"), results.column("pnl.total")
    for row in range(results.rows):
        beaten = any(
            risk[other] <= risk[row]
            and gain[other] >= gain[row]
            and (risk[other], gain[other]) != (risk[row], gain[row])
            for other in range(results.rows)
        )
        assert beaten is (row not in front)


@given(st.lists(st.tuples(st.integers(-5, 5), st.integers(-5, 5)), min_size=3, max_size=30))
def test_rank_correlation_is_bounded_and_symmetric(pairs: list[tuple[int, int]]) -> None:
    first, second = [float(a) for a, _ in pairs], [float(b) for _, b in pairs]
    found = spearman(first, second)
    if found is None:
        assert len(set(first)) == 1 or len(set(second)) == 1
        return
    assert -1 - 1e-9 <= found <= 1 + 1e-9
    assert spearman(second, first) == pytest.approx(found)
    assert spearman(first, [-value for value in second]) == pytest.approx(-found)


def test_rank_correlation_of_known_series() -> None:
    assert spearman([1, 2, 3, 4], [10, 20, 30, 99]) == pytest.approx(1)
    assert spearman([1, 2, 3, 4], [9, 7, 5, 1]) == pytest.approx(-1)
    assert spearman([1, 2, 3, 4, 5], [2, 1, 4, 3, 5]) == pytest.approx(0.8)
    assert spearman([1, 2], [1, 2]) is None


@given(st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=20))
def test_every_value_has_its_place_on_a_scale(values: list[float]) -> None:
    scale = Scale.over(values, 0, 100)
    for value in values:
        assert -1e-6 <= scale(value) <= 100 + 1e-6
    assert len(scale.ticks()) <= 12


@given(st.lists(st.floats(1e-9, 1e9), min_size=1, max_size=20))
def test_every_value_has_its_place_by_magnitude(values: list[float]) -> None:
    scale = Scale.over(values, 0, 100, log=True)
    assert all(-1e-6 <= scale(value) <= 100 + 1e-6 for value in values)


def test_figures_are_short() -> None:
    shown = [number(value) for value in (0, 1, -1.5, 1234.567, 0.00123456, 1e7, 12e-9, 999999)]
    assert shown == ["0", "1", "-1.5", "1,235", "0.001235", "1e+07", "1.2e-08", "999,999"]
    assert "10" in scatter([Point(0, 0, "a"), Point(100, 10, "b")], "x", "y")


def test_the_figures_of_a_heat_map_fit_its_squares() -> None:
    """Ten columns of figures like -0.0445 ran into each other."""
    for columns, longest in ((3, 7), (10, 6), (16, 0)):
        names = [str(n) for n in range(columns)]
        svg = heat_map([Cell(n, 0, -0.0445 - n / 1e4, "") for n in range(columns)], names, ["0"], "x", "y")
        texts = re.findall(r'<text class="cell"[^>]*>([^<]+)<', svg)
        assert max((len(text) for text in texts), default=0) <= longest
        assert len(texts) == (columns if longest else 0)
