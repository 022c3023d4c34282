"""One self-contained page of several runs: figures in a table, equity in one chart, fills against fills."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmbot import __version__
from mmbot.report.compare import change
from mmbot.report.html import MINUS, Markup, join, number, share, table, tag
from mmbot.report.pack import Pack, pack_equity
from mmbot.report.page import ZOOM_HINT, document
from mmbot.report.sections import section

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmbot.report.run import RunData

SCRIPTS = ("unpack", "format", "timeline", "steps", "compare")


def compare_page(runs: list[RunData], result: dict[str, Any]) -> str:
    """The page of a comparison (`mmbot.report.compare.compare`)."""
    pack = Pack()
    for index, run in enumerate(runs):
        pack_equity(pack, run, f"{index}.")
    start_ns = min(run.start_ns for run in runs)
    together = max(run.start_ns for run in runs) < min(run.end_ns for run in runs)
    shown = {
        "runs": [
            {
                "label": found["label"], "bot": found["bot"],
                "offset_us": (run.start_ns - start_ns) // 1000 if together else 0,
                "length_us": (run.end_ns - run.start_ns) // 1000,
                "assets": list(dict.fromkeys(run.settle_asset(m) for m in run.markets)),
            }
            for run, found in zip(runs, result["runs"], strict=True)
        ],
        "start_ns": start_ns,
        "together": together,
        "differences": result["fills"]["differences"] if result["fills"] is not None else [],
    }  # fmt: skip
    when = "by the clock" if together else "each from its own start, since they do not overlap"
    body = [
        _header(result),
        *[tag("p", text, class_="banner") for text in result["remarks"]],
        tag("p", class_="banner", id="trouble", hidden=""),
        section(
            "Equity", "equity-section", tag("div", class_="sheet flush", id="equity"),
            note=f"PnL since the start, {when}. {ZOOM_HINT}", controls="equity-controls",
        ),
        section("Side by side", "metrics-section", tag("div", _metrics(result), class_="sheet")),
        *(_fills(result["fills"]) if result["fills"] is not None else []),
        tag("footer", f"mmbot {__version__}"),
    ]  # fmt: skip
    title = " against ".join(found["bot"] for found in result["runs"])
    return document(
        title, body, {"report": shown, "columns": {"manifest": pack.manifest, "text": pack.text()}}, SCRIPTS
    )


def _header(result: dict[str, Any]) -> Markup:
    named = [
        tag(
            "p",
            Markup(f'<span class="key run{i % 6}"><i></i></span> '),
            tag("b", f"{run['label']}  "),
            f"{run['bot']}, {run['mode']}{', ' + run['strategy'] if run['strategy'] else ''}: {run['path']}",
            class_="sub",
        )
        for i, run in enumerate(result["runs"])
    ]
    return tag(
        "header",
        tag("div", tag("h1", f"{len(result['runs'])} runs"), *named),
        Markup('<button type="button" id="theme" hidden></button>'),
        class_="top",
    )


def _metrics(result: dict[str, Any]) -> Markup:
    labels = [run["label"] for run in result["runs"]]
    heads = ["", *labels, f"B {MINUS} A"] if len(labels) == 2 else ["", *labels]
    rows: list[Sequence[str]] = []
    for metric in result["metrics"]:
        row = [metric["name"], *metric["texts"]]
        if len(labels) == 2:
            row.append(change(metric))
        rows.append(row)
    return table(heads, rows)


def _fills(fills: dict[str, Any]) -> list[Markup]:
    whole = fills["matched"] + fills["only_a"] + fills["only_b"]
    apart = fills["time_apart_ms"]
    cards = [
        ("Fills in A", f"{fills['a']:,}", f"{fills['only_a']:,} only there"),
        ("Fills in B", f"{fills['b']:,}", f"{fills['only_b']:,} only there"),
        ("Matched", f"{fills['matched']:,}", f"{share(fills['matched'] / whole if whole else None)} of all"),
        ("The same", f"{fills['same']:,}", "side, price, quantity, millisecond"),
        ("Apart, median", number(apart["p50"], 1, unit="ms"), f"99 %: {number(apart['p99'], 1, unit='ms')}"),
    ]
    head = tag(
        "div",
        *(
            tag(
                "div",
                tag("div", label, class_="label"),
                tag("div", value, class_="value"),
                tag("div", hint, class_="hint"),
                class_="card",
            )
            for label, value, hint in cards
        ),
        class_="cards",
    )  # fmt: skip
    out = [head]
    if fills["reasons"]:
        rows = [[reason["text"].capitalize(), f"{reason['count']:,}"] for reason in fills["reasons"]]
        out.append(tag("div", table(["Why they differ", "fills"], rows), class_="sheet below"))
    quoted = [
        [
            name, f"{q['a']:,}", f"{q['b']:,}", f"{q['matched']:,}", share(q["matched"] / max(q["a"], q["b"])),
            number(q["later_ms"]["p50"], 1, plus=True, unit="ms"),
        ]
        for name, found in fills["markets"].items()
        if max((q := found["quotes"])["a"], q["b"])
    ]  # fmt: skip
    if quoted:
        heads = ["Quotes asked for", "in A", "in B", "in both", "share", "later in B, median"]
        out.append(tag("div", table(heads, quoted), class_="sheet below"))
    first = fills["first_difference"]
    note = f"Matched by side, price and quantity within {fills['window_ms']:g} ms of the venue's time."
    if first is not None:
        what = f"{first['side']} {first['qty']} at {first['price']}"
        note += f" First difference: {first['market']}, {what}: {first['text']}."
    sections = [section("Fill by fill", "fills-section", join(out), note=note)]
    if fills["differences"]:
        more = f" The first {len(fills['differences']):,} are listed." if fills["not_listed"] else ""
        sections.append(
            section(
                "Differences", "differences-section",
                tag("div", tag("p", "It needs scripts.", class_="empty"), class_="sheet flush", id="differences"),
                note=f"In the order of the venue's time.{more}", controls="differences-controls",
            )
        )  # fmt: skip
    return sections
