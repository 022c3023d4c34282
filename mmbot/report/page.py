"""One self-contained HTML page of a run: styles, scripts and data are in it, and it asks nothing of a network."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

from mmbot import __version__
from mmbot.report import sections
from mmbot.report.html import Markup, data, join, tag
from mmbot.report.pack import pack_run

if TYPE_CHECKING:
    from mmbot.report.run import RunData

SCRIPTS = ("unpack", "format", "timeline", "steps", "charts", "bars", "fills", "main")
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
ZOOM_HINT = (
    "Drag to zoom into a stretch of time, Shift-drag to move, double-click for all of it; or the keys + - 0 and arrows."
)


def page(run: RunData, figures: dict[str, Any]) -> str:
    """The page of a run and its figures (`analyse`)."""
    pack = pack_run(run)
    shown = {key: value for key, value in figures.items() if key not in {"conventions", "latency_us"}}
    shown["units"] = [
        {"lot": m.instrument.lot_value, "name": "contracts" if m.instrument.inverse else m.instrument.base_asset}
        for m in run.markets
    ]
    body = [
        sections.header(figures),
        sections.headline(figures),
        sections.remarks(figures),
        tag("p", class_="banner", id="trouble", hidden=""),
        sections.section(
            "Equity", "equity-section", tag("div", class_="sheet flush", id="equity"),
            note="PnL since the start, and how far it lies below its peak.", controls="equity-controls",
        ),
        sections.section(
            "Market, quotes and fills", "market-section", tag("div", class_="sheet flush", id="market"),
            note=ZOOM_HINT, controls="market-controls",
        ),
        sections.section(
            "Where the PnL came from", "parts-section",
            tag(
                "div",
                tag("div", tag("div", id="waterfall"), class_="sheet"),
                tag("div", sections.parts_table(figures), class_="sheet"),
                class_="two",
            ),
            note="Adverse selection is what the mid did to our fills until the time chosen; the table takes 5 s.",
            controls="parts-controls",
        ),
        sections.section(
            "After a fill", "markout-section",
            _mark_outs(figures),
            note="What a fill of a quote was worth later, before fees. Bars: 1.96 standard errors; below: fills.",
            controls="markout-controls",
        ),
        sections.section(
            "Quotes and orders", "orders-section", tag("div", sections.orders_table(figures), class_="sheet"),
        ),
        sections.section(
            "Fills", "fills-section",
            tag("div", _fills(figures), class_="sheet flush grid-table", id="fills"),
            controls="fills-controls",
        ),
        sections.section("Latency", "latency-section", tag("div", sections.latency_table(figures), class_="sheet")),
        sections.section("Facts", "facts-section", sections.facts(figures, run.config)),
        tag("footer", f"mmbot {__version__}, from {run.path}"),
    ]  # fmt: skip
    return document(f"{run.bot}, {run.mode}", body, {"report": shown, "columns": _columns(pack)}, SCRIPTS)


def _columns(pack: Any) -> dict[str, Any]:
    return {"manifest": pack.manifest, "text": pack.text()}


def _mark_outs(figures: dict[str, Any]) -> Markup:
    if any(market["fills"]["quote_fills"] for market in figures["markets"].values()):
        drawn = tag("div", tag("div", id="markouts"), class_="sheet")
        return tag("div", drawn, tag("div", sections.mark_out_table(figures), class_="sheet"), class_="two")
    return tag("div", tag("p", "No quote was filled.", class_="empty"), class_="sheet flush")


def _fills(figures: dict[str, Any]) -> Markup:
    return tag("p", "No fills." if not figures["run"]["fills"] else "The table needs scripts.", class_="empty")


def document(title: str, body: list[Markup], embedded: dict[str, Any], scripts: tuple[str, ...]) -> str:
    """A whole page around `body`."""
    code = "\n".join(asset(f"{name}.js") for name in scripts)
    head = join(
        [
            Markup('<meta charset="utf-8">'),
            Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
            Markup(f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'),
            Markup('<link rel="icon" href="data:,">'),
            tag("title", f"{title} · mmbot report"),
            Markup(f"<style>{asset('page.css')}</style>"),
        ]
    )
    parts = [tag("main", *body), *(data(name, value) for name, value in embedded.items())]
    script = Markup(f"<script>{code}</script>")
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>{join(parts)}{script}</body></html>\n'


def asset(name: str) -> str:
    """The text of a file beside this module."""
    return (files("mmbot.report") / "assets" / name).read_text(encoding="utf-8")
