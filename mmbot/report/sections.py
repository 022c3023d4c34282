"""The parts of a report's page that stand without scripts: headline, tables, facts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mmbot.report.html import (
    DASH,
    MINUS,
    Markup,
    join,
    money,
    money_digits,
    number,
    seconds,
    share,
    short,
    table,
    tag,
    tone,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PART_NAMES = {
    "spread": "Spread captured",
    "adverse_selection": "Adverse selection",
    "inventory": "Inventory",
    "hedge": "Hedge slippage",
    "fees_paid": "Fees paid",
    "rebates": "Rebates",
    "funding": "Funding",
}


def section(title: str, anchor: str, *children: str, note: str = "", controls: str = "") -> Markup:
    """A section with its heading, an explaining line and a place for controls."""
    head = [tag("div", tag("h2", title), *([tag("p", note, class_="note")] if note else []))]
    if controls:
        head.append(tag("div", class_="bar", id=controls))
    return tag("section", tag("div", *head, class_="head"), *children, id=anchor)


def header(figures: dict[str, Any]) -> Markup:
    """Name, mode, strategy and time."""
    run = figures["run"]
    strategy = f"{run['strategy']} on " if run["strategy"] else ""
    symbols = ", ".join(f"{m['symbol']} ({m['venue']})" for m in figures["markets"].values())
    span = (
        f"{_clock(run['start'])} to {_clock(run['end'])} UTC, {seconds(run['duration_s'])}"
        if run["start"]
        else "no time"
    )
    ended = f" Ended: {run['exit_reason']}." if run["exit_reason"] else ""
    return tag(
        "header",
        tag(
            "div",
            tag("div", tag("h1", run["bot"]), tag("span", run["mode"], class_=f"pill {_mode(run)}"), class_="title"),
            tag("p", f"{strategy}{symbols}", class_="sub"),
            tag("p", f"{span}.{ended}", class_="sub"),
        ),
        Markup('<button type="button" id="theme" hidden></button>'),
        class_="top",
    )


def _mode(run: dict[str, Any]) -> str:
    return "live" if run["mode"] == "live" else ""


def _clock(iso: str) -> str:
    return iso[:19].replace("T", " ")


def remarks(figures: dict[str, Any]) -> Markup:
    """What the reader should know before anything else."""
    texts = list(figures["remarks"])
    checks = figures["checks"]
    if not checks["parts_add_up"]:
        texts.append("The parts of the PnL do not add up to the total.")
    texts += [
        f"{market}: the fills do not give the engine's total."
        for market, agrees in checks["fills_give_the_total"].items()
        if agrees is False
    ]
    if checks["summary_has_the_total"] is False:
        texts.append("summary.json states another total.")
    return join([tag("p", text, class_="banner") for text in texts])


def headline(figures: dict[str, Any]) -> Markup:
    """The verdict numbers, a row for each settle asset."""
    several = len(figures["assets"]) > 1
    out: list[str] = []
    for asset, found in figures["assets"].items():
        if several:
            out.append(tag("p", f"Markets that settle in {asset}: {', '.join(found['markets'])}", class_="asset-name"))
        out.append(tag("div", *_cards(figures, asset, found), class_="cards"))
    return join(out)


def _cards(figures: dict[str, Any], asset: str, found: dict[str, Any]) -> list[Markup]:
    markets = [figures["markets"][m] for m in found["markets"]]
    quoted = [m["quoting"] for m in markets if m["quoting"] is not None and m["quoting"]["both"] is not None]
    fills = sum(m["fills"]["count"] for m in markets)
    total = found["pnl"]["total_e8"]
    span = figures["run"]["duration_s"]
    annualised = f"annualised from {seconds(span)}" if found["sharpe"] is not None else ""
    turnover = {name: value for name, value in found["turnover"].items() if value} or {asset: 0.0}
    return [
        _card(f"PnL, {asset}", money(total), _edge(found), tone(total)),
        _card(f"Drawdown, {asset}", money(-found["drawdown"]["max_e8"], plus=False), _under(found)),
        _card("Sharpe", number(found["sharpe"], 1), annualised),
        _card("Sortino", number(found["sortino"], 1), _intervals(found)),
        _card("Fills", f"{fills:,}", f"{sum(m['fills']['hedge_fills'] for m in markets):,} of hedges"),
        *(_card(f"Turnover, {name}", short(value), _per_fill(value, fills)) for name, value in turnover.items()),
        *(
            [_card("Quoting both", share(quoted[0]["both"]), f"at the touch {share(_touch(quoted[0]))}")]
            if len(quoted) == 1
            else []
        ),
    ]


def _touch(quoting: dict[str, Any]) -> float | None:
    sides = [quoting[s] for s in ("bid_at_touch", "ask_at_touch") if quoting[s] is not None]
    return sum(sides) / len(sides) if sides else None


def _intervals(found: dict[str, Any]) -> str:
    return f"{found['intervals']:,} intervals of {seconds(found['interval_s'])}" if found["sortino"] is not None else ""


def _per_fill(turnover: float, fills: int) -> str:
    return f"{number(turnover / fills, 2)} a fill" if fills else ""


def _edge(found: dict[str, Any]) -> str:
    per = found["pnl_per_turnover_bps"]
    return "" if per is None else f"{number(per, 2, plus=True)} bp of turnover"


def _under(found: dict[str, Any]) -> str:
    longest = found["drawdown"]["longest_s"]
    return f"{seconds(longest)} below a peak" if longest else ""


def _card(label: str, value: str, hint: str, css: str | None = None) -> Markup:
    return tag(
        "div",
        tag("div", label, class_="label"),
        tag("div", value, class_=f"value {css}" if css else "value"),
        tag("div", hint, class_="hint"),
        class_="card",
    )


def parts_table(figures: dict[str, Any]) -> Markup:
    """The attribution of every market, and the sum for each settle asset."""
    out: list[str] = []
    for asset, found in figures["assets"].items():
        names = found["markets"]
        columns = [figures["markets"][m]["pnl"] for m in names]
        heads = [*names]
        if len(names) > 1:
            columns, heads = [*columns, found["pnl"]], [*heads, "together"]
        digits = max((money_digits(c[f"{p}_e8"]) for c in columns for p in PART_NAMES if c[f"{p}_e8"]), default=2)
        digits = min(digits, 8) if digits < 7 else 8
        rows: list[Sequence[str] | Markup] = [
            [title, *(_amount(c[f"{part}_e8"], digits) for c in columns)] for part, title in PART_NAMES.items()
        ]
        cells = [tag("th", "Total", scope="row"), *(_amount(c["total_e8"], digits) for c in columns)]
        rows.append(tag("tr", *cells, class_="total"))
        out.append(table([asset, *heads], rows))
        if apart := found["pnl"]["fees_apart"]:
            listed = ", ".join(f"{money(-fee)} {name}" for name, fee in apart.items())
            out.append(tag("p", f"Fees in other assets, in none of these figures: {listed}", class_="note"))
    return join(out)


def _amount(e8: int, digits: int) -> Markup:
    return tag("td", money(e8, digits), class_=tone(e8))


def orders_table(figures: dict[str, Any]) -> Markup:
    """How the quotes of each market did, a column a market."""
    markets = figures["markets"]
    rows: list[Sequence[str] | Markup] = []

    def group(title: str) -> None:
        rows.append(tag("tr", tag("th", title, scope="colgroup", colspan=str(len(markets) + 1)), class_="group"))

    def line(title: str, text: Callable[[dict[str, Any]], str]) -> None:
        rows.append([title, *(text(market) for market in markets.values())])

    group("Fills")
    line("Fills of quotes / of hedges", lambda m: f"{m['fills']['quote_fills']:,} / {m['fills']['hedge_fills']:,}")
    line("Buys / sells", lambda m: f"{m['fills']['buys']:,} / {m['fills']['sells']:,}")
    line("Turnover", lambda m: number(m["fills"]["turnover"], 2, unit=m["fills"]["turnover_asset"]))
    line("As maker", lambda m: share(m["fills"]["maker_share"]))
    group("Orders")
    line("Quotes placed / amends", lambda m: f"{m['orders']['quotes']:,} / {m['orders']['amends']:,}")
    line("Ended as", lambda m: _ended(m["orders"]["ended"]))
    line("Quantity filled of placed", lambda m: share(m["orders"]["fill_ratio"]))
    line("Quotes with a fill", lambda m: share(m["orders"]["filled_orders_share"]))
    line("Time to fill, median / 90 %", lambda m: _pair(m["orders"]["time_to_fill_s"]))
    line("Queue time, median / 90 %", lambda m: _pair(m["orders"]["queue_time_s"]))
    line("Queue ahead on arrival, median", lambda m: _lots(m["orders"]["front_lots"]["p50"], m["position"]))
    line("Life of cancelled quotes, median", lambda m: seconds(m["orders"]["life_of_canceled_s"]["p50"]))
    group("Presence")
    line("A quote on both sides", lambda m: _quoting(m, "both"))
    line("A bid / an ask", lambda m: f"{_quoting(m, 'bid')} / {_quoting(m, 'ask')}")
    line("At the touch, bid / ask", lambda m: f"{_quoting(m, 'bid_at_touch')} / {_quoting(m, 'ask_at_touch')}")
    line("Our spread / the market's", lambda m: _spreads(m["quoting"]))
    group("Position")
    line("At the end", lambda m: _lots(m["position"].get("end_lots"), m["position"]))
    line("Least / most", lambda m: _extremes(m["position"]))
    line("Mean size over time", lambda m: _lots(m["position"].get("mean_abs_lots"), m["position"]))
    return table(["", *markets], rows)


def _ended(states: dict[str, int]) -> str:
    return ", ".join(f"{n:,} {'open' if s == 'live' else s.replace('_', ' ')}" for s, n in states.items()) or DASH


def _pair(found: dict[str, Any]) -> str:
    return f"{seconds(found['p50'])} / {seconds(found['p90'])}"


def _lots(lots: float | None, position: dict[str, Any]) -> str:
    if lots is None or not position:
        return DASH
    digits = min(len(f"{position['lot']:.10f}".rstrip("0").split(".")[1]) + (0 if lots == int(lots) else 1), 10)
    text = f"{abs(lots) * position['lot']:,.{digits}f}"
    return f"{MINUS if lots < 0 and text.strip('0.') else ''}{text} {position['unit']}"


def _extremes(position: dict[str, Any]) -> str:
    return f"{_lots(position.get('min_lots'), position)} / {_lots(position.get('max_lots'), position)}"


def _quoting(market: dict[str, Any], name: str) -> str:
    return share(market["quoting"][name]) if market["quoting"] is not None else DASH


def _spreads(quoting: dict[str, Any] | None) -> str:
    if quoting is None:
        return DASH
    return f"{number(quoting['own_spread_bps'])} / {number(quoting['market_spread_bps'])} bp"


def mark_out_table(figures: dict[str, Any]) -> Markup:
    """Mark-outs by horizon, for every market with fills of quotes."""
    out: list[str] = []
    for name, market in figures["markets"].items():
        curves = market["mark_outs"]
        if not curves["all"][0]["fills"]:
            continue
        rows = [
            [
                f"{all_['horizon_s']:g} s" if all_["horizon_s"] else "at fill",
                *(_point(point) for point in (all_, buy, sell)),
                f"{all_['fills']:,}",
            ]
            for all_, buy, sell in zip(curves["all"], curves["buy"], curves["sell"], strict=True)
        ]
        out.append(table([f"{name}, bp", "all", "buys", "sells", "fills"], rows))
    return join(out)


def _point(point: dict[str, Any]) -> Markup:
    error = point["error_bps"]
    return tag(
        "td",
        number(point["mean_bps"], 2, plus=True),
        *([tag("small", f" ±{number(error, 2)}", class_="muted")] if error is not None else []),
        class_=tone(point["mean_bps"]),
    )


def latency_table(figures: dict[str, Any]) -> Markup:
    """Percentiles of every hop, where the run measured them, and of orders."""
    rows = [
        [hop.replace("_", " "), *(_micro(found.get(p)) for p in ("p50", "p99", "p999", "max"))]
        for hop, found in figures["latency_us"].items()
        if found.get("p50") is not None
    ]
    out = []
    if rows:
        out.append(table(["Hop", "median", "99 %", "99.9 %", "largest"], rows))
    orders = [
        [f"{name}: {title}", *(seconds(None if found[p] is None else found[p] / 1e3) for p in ("p50", "p90", "p99"))]
        for name, market in figures["markets"].items()
        for title, found in (
            ("command to acceptance", market["orders"]["entry_latency_ms"]),
            ("trade to our knowing", market["orders"]["report_latency_ms"]),
        )
        if found["count"]
    ]
    if orders:
        out.append(tag("h3", "Orders, across two clocks"))
        out.append(table(["", "median", "90 %", "99 %"], orders))
    return join(out) if out else tag("p", "This run measured none.", class_="empty")


def _micro(value: float | None) -> str:
    return DASH if value is None else seconds(value / 1e6)


def facts(figures: dict[str, Any], config: dict[str, Any]) -> Markup:
    """Config, instruments and conventions, folded away."""
    instruments = {name: market["instrument"] for name, market in figures["markets"].items()}
    fields = list(dict.fromkeys(key for facts_ in instruments.values() for key in facts_))
    listed = table(
        ["", *instruments], [[f.replace("_", " "), *(_fact(i.get(f)) for i in instruments.values())] for f in fields]
    )
    meanings = tag(
        "dl",
        *(join([tag("dt", n.replace("_", " ")), tag("dd", text)]) for n, text in figures["conventions"].items()),
    )
    out = [
        tag("details", tag("summary", "How the figures are meant"), meanings, open=""),
        tag("details", tag("summary", "Instruments"), listed),
    ]
    if config:
        text = json.dumps(config, indent=2, ensure_ascii=False, default=str)
        out.append(tag("details", tag("summary", "Config"), tag("pre", text)))
    return join(out)


def _fact(value: Any) -> str:
    return "yes" if value is True else "no" if value is False else DASH if value is None else str(value)
