"""A run's verdict in a few lines, for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmbot.report.html import money, number, seconds, share

if TYPE_CHECKING:
    from collections.abc import Iterator


def lines(figures: dict[str, Any]) -> Iterator[str]:
    """The lines for the figures of one run, or of a comparison."""
    if "runs" in figures:
        yield from _compared(figures)
        return
    run = figures["run"]
    yield f"{run['bot']}, {run['mode']}, {seconds(run['duration_s'])}: {run['fills']:,} fills, {run['orders']:,} orders"
    for asset, found in figures["assets"].items():
        pnl = found["pnl"]
        parts = ", ".join(
            f"{part.replace('_', ' ')} {money(pnl[f'{part}_e8'])}" for part in figures["parts"] if pnl[f"{part}_e8"]
        )
        yield f"  PnL {money(pnl['total_e8'])} {asset}{f' = {parts}' if parts else ''}"
        yield (
            f"  largest drawdown {money(found['drawdown']['max_e8'], plus=False)} {asset}, "
            f"Sharpe {number(found['sharpe'], 1)}, Sortino {number(found['sortino'], 1)}"
        )
    for name, market in figures["markets"].items():
        if market["quoting"] is not None and market["quoting"]["both"] is not None:
            yield (
                f"  {name}: quoted both sides {share(market['quoting']['both'])} of the time, "
                f"filled {share(market['orders']['fill_ratio'])} of what it placed"
            )
    for remark in figures["remarks"]:
        yield f"  note: {remark}"


def _compared(figures: dict[str, Any]) -> Iterator[str]:
    for run in figures["runs"]:
        yield f"{run['label']}: {run['bot']}, {run['mode']}, {run['path']}"
    width = max(len(metric["name"]) for metric in figures["metrics"])
    for metric in figures["metrics"]:
        yield f"  {metric['name']:<{width}}  " + "  ".join(f"{text:>16}" for text in metric["texts"])
    fills = figures["fills"]
    if fills is not None:
        yield (
            f"  fills: {fills['matched']:,} matched, {fills['same']:,} of them the same; "
            f"{fills['only_a']:,} only in A, {fills['only_b']:,} only in B"
        )
        for name, found in fills["markets"].items():
            quotes = found["quotes"]
            if not max(quotes["a"], quotes["b"]):
                continue
            yield f"  {name}: {quotes['a']:,} and {quotes['b']:,} quotes asked for, {quotes['matched']:,} of them alike"
        for reason in fills["reasons"]:
            yield f"    {reason['count']:>7,}  {reason['text']}"
    for remark in figures["remarks"]:
        yield f"  note: {remark}"
