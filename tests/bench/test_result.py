"""Figures from samples, and reports compared."""

from __future__ import annotations

import pytest

from mmbot.bench.result import Report, Result, ratios, slower, within
from mmbot.errors import MmbotError


def report(**p50: float) -> Report:
    results = [Result(name.replace("__", "."), "ns", value, value, value, 1) for name, value in p50.items()]
    return Report("abc", "cpu", "py", results)


def test_percentiles_are_of_the_samples() -> None:
    result = Result.of("x", "us", [float(i) for i in range(200, 0, -1)])
    assert (result.p50, result.p99, result.min, result.n) == (101.0, 199.0, 1.0, 200)
    with pytest.raises(MmbotError, match="bench x: no sample was taken"):
        Result.of("x", "us", [])


def test_a_report_reads_back() -> None:
    one = report(a=1.5)
    assert Report.from_dict(one.as_dict()) == one
    for wrong in ({}, {"results": [{"name": "x"}]}, 7):
        with pytest.raises(MmbotError, match="not a report"):
            Report.from_dict(wrong)


def test_a_figure_stands_over_its_floor() -> None:
    one = report(sign__order=30, floor__sign__order=60, book__level__c=8, book__level__python=20, floor__book__level=4)
    over = {result.name: one.floor(result) for result in one.results}
    assert over == {
        "sign.order": 0.5, "floor.sign.order": None, "book.level.c": 2, "book.level.python": 5,
        "floor.book.level": None,
    }  # fmt: skip


def test_targets_hold_both_percentiles() -> None:
    name = "feed_to_order.book_ticker.compiled"
    assert within(Result(name, "us", 1.2, 2.0, 1, 9)) is True
    assert within(Result(name, "us", 1.2, 2.1, 1, 9)) is False
    assert within(Result("quote.glft", "ns", 1, 1, 1, 1)) is None


def test_comparing_tells_what_became_slower_beyond_limit_and_noise() -> None:
    old, new = report(a=100, b=100, c=100, floor__a=1, gone=1), report(a=109, b=121, c=50, floor__a=9, fresh=1)
    assert ratios(old, new)["c"] == 2
    assert set(ratios(old, new)) == {"a", "b", "c", "floor.a"}
    assert slower(old, new, 0.0) == ["b"]  # 9 % is what two runs differ by anyway
    assert slower(old, new, 0.25) == []
