"""The page as text: whole, self-contained, with nothing in it that data could turn into a tag."""

from __future__ import annotations

import base64
import json
import re
import zlib
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from made_up_runs import LINEAR, S, fill, large, made_up, stormy

from mmbot.report import RunData, analyse, compare, compare_page, page
from mmbot.report.html import data, money, number, seconds, short, tag
from mmbot.report.pack import Pack, pack_run, thin

VOID = {"meta", "link", "br", "input"}
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&"


class Checker(HTMLParser):
    """Every element that is opened is closed, in order; keeps ids, scripts and tags."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: dict[str, str] = {}

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        self.tags.append((name, found))
        if found.get("id"):
            self.ids.append(str(found["id"]))
        if name not in VOID:
            self.open.append(name)

    def handle_endtag(self, name: str) -> None:
        assert self.open, f"</{name}> closes nothing"
        assert self.open.pop() == name

    def handle_data(self, text: str) -> None:
        if self.open and self.open[-1] == "script" and self.tags[-1][1].get("id"):
            self.text[str(self.tags[-1][1]["id"])] = text


def checked(text: str) -> Checker:
    checker = Checker()
    checker.feed(text)
    checker.close()
    assert checker.open == []
    assert len(checker.ids) == len(set(checker.ids))
    return checker


def hostile() -> RunData:
    return made_up(
        [fill(1, 600_000), fill(2, 600_100, side=1)],
        state=[{"ts_ns": 1}, {"ts_ns": 9 * S, "mid_x2": 1_200_000}],
        instruments=[LINEAR | {"symbol": HOSTILE, "quote_asset": HOSTILE, "settle_asset": HOSTILE}],
        bot=HOSTILE,
        config={"strategy": {"id": HOSTILE, "params": {HOSTILE: HOSTILE}}},
        summary={"exit_reason": HOSTILE, "latency_us": {HOSTILE: {"p50": 1.0}}},
        remarks=[HOSTILE],
    )


@pytest.mark.parametrize("run", [stormy(3)[0], made_up(), hostile()], ids=["storm", "nothing", "hostile"])
def test_a_page_is_well_formed_and_needs_nobody(run: RunData) -> None:
    text = page(run, analyse(run))
    found = checked(text)
    assert not [a for _, a in found.tags if a.get("src")]
    assert [a["href"] for _, a in found.tags if a.get("href")] == ["data:,"]
    assert not re.search(r"url\(|@import", text)
    policies = [a["content"] for n, a in found.tags if n == "meta" and a.get("http-equiv")]
    assert policies
    assert str(policies[0]).startswith("default-src 'none'")
    assert {"equity", "market", "waterfall", "fills"} <= set(found.ids)


def test_data_never_becomes_a_tag() -> None:
    run = hostile()
    for text in (page(run, analyse(run)), compare_page([run, run], compare([run, run], [analyse(run)] * 2))):
        found = checked(text)
        assert not [n for n, _ in found.tags if n == "img"]
        assert "<img" not in text
        assert text.count("</script>") == sum(n == "script" for n, _ in found.tags) == 3
        assert not any(key.startswith("on") for _, a in found.tags for key in a)
    assert json.loads(checked(page(run, analyse(run))).text["report"])["run"]["bot"] == HOSTILE


def test_the_comparison_is_well_formed() -> None:
    runs = [stormy(seed, steps=200)[0] for seed in (1, 2, 3)]
    for chosen in (runs[:2], runs, [runs[0], made_up()]):
        text = compare_page(chosen, compare(chosen, [analyse(r) for r in chosen]))
        assert {"equity", "metrics-section"} <= set(checked(text).ids)


def test_the_headline_tells_each_asset_by_itself() -> None:
    run, _ = stormy(3)
    text = page(run, analyse(run))
    assert "Markets that settle in USDT: perp_btc, spot_btc" in text
    assert "Markets that settle in USDC: perp2_btc" in text


def test_checks_that_fail_are_said_on_top() -> None:
    run = made_up([fill(1, 600_000, qty=4)], state=[{"ts_ns": 1}, {"ts_ns": 9 * S, "position_lots": 4, "total_e8": 5}])
    assert "the fills do not give the engine's total" in page(run, analyse(run)).replace("&#x27;", "'")


def test_a_hundred_thousand_fills_are_less_than_five_megabytes() -> None:
    run = large(100_000)
    text = page(run, analyse(run))
    assert len(text.encode()) < 5_000_000
    manifest = json.loads(checked(text).text["columns"])["manifest"]
    assert next(c["count"] for c in manifest if c["name"] == "fill.t") == 100_000


def unpacked(pack: Pack) -> dict[str, list[Any]]:
    """What the page's script does, in Python."""
    raw, at, found = zlib.decompress(base64.b64decode(pack.text())), 0, {}
    for column in pack.manifest:
        dtype = np.dtype(column["type"])
        size = column["count"] * dtype.itemsize
        plain = np.frombuffer(raw[at : at + size], np.uint8).reshape(dtype.itemsize, column["count"]).T
        found[column["name"]] = np.cumsum(np.ascontiguousarray(plain).view(dtype).ravel().astype(float)).tolist()
        at += size
    assert at == len(raw)
    return found


def test_columns_come_out_as_they_went_in() -> None:
    columns: dict[str, list[int]] = {
        "nothing": [], "small": [1, 2, 0, -5], "wide": [10**6, 0, 10**6], "huge": [1 << 50, -(1 << 50), 3],
    }  # fmt: skip
    pack = Pack()
    for name, values in columns.items():
        pack.add(name, np.array(values, np.int64))
    assert unpacked(pack) == columns
    assert [c["type"] for c in pack.manifest] == ["i1", "i1", "i4", "f8"]


def test_the_columns_of_a_run() -> None:
    run, desk = stormy(3)
    found = unpacked(pack_run(run))
    assert found["fill.price_ticks"] == run.fills["price_ticks"].tolist()
    assert found["fill.t"] == ((run.fills["ts_ns"] - run.start_ns) // 1000).tolist()
    perp = run.fills["market"] == 0
    last = [p for p, mine in zip(found["fill.position"], perp, strict=True) if mine][-1]
    assert last == desk.engine.markets[0].position_lots
    assert found["equity.USDT.e8"][-1] == analyse(run)["assets"]["USDT"]["pnl"]["total_e8"]


def test_thinning_keeps_ends_and_extremes() -> None:
    values = np.random.default_rng(1).integers(-1000, 1000, 50_000)
    values[31_234], values[7] = 9999, -9999
    keep = thin([values], 2000)
    assert len(keep) <= 2000
    assert {0, 7, 31_234, 49_999} <= set(keep.tolist())
    assert thin([values[:5]], 2000).tolist() == [0, 1, 2, 3, 4]


def test_numbers_as_text() -> None:
    minus = "\u2212"
    assert (number(-1234.5), number(None), number(-0.001)) == (f"{minus}1,234.50", "\u2013", "0.00")
    assert (money(123_456_789_012), money(-1_234_567), money(0)) == ("+1,234.57", f"{minus}0.0123", "0.00")
    assert [short(v) for v in (999_999, 120_206_029, 2.5e9, 7e12)] == ["999,999", "120.2 M", "2.5 bn", "7.0 tn"]
    assert [seconds(v) for v in (0.0000123, 0.25, 90, 600, 7200, 3e5)] == [
        "12.3 \u00b5s", "250.0 ms", "90.0 s", "10.0 min", "2.0 h", "3.5 days",
    ]  # fmt: skip


def test_tags_and_data_escape() -> None:
    assert tag("p", "<b>", title='"x"', class_="a") == '<p title="&quot;x&quot;" class="a">&lt;b&gt;</p>'
    assert "<" not in data("x", {"a": "</script>&\u2028"}).split(">", 1)[1].removesuffix("</script>")
