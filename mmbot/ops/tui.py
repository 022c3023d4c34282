"""The terminal picture of a bot: book with our quotes, positions, PnL by cause, latency, last log lines.

`render` makes one picture of one snapshot and keeps nothing. Run as a program (``python -m mmbot.ops.tui``) it draws
the frames it reads from standard input, one JSON line each: drawing costs milliseconds, which have no place in the
process that quotes. `mmbot.ops.view` is the other end of that pipe.
"""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, BinaryIO

import msgspec
from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from mmbot.ops.status import Frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmbot.ops.status import MarketView, PriceLevel, QuoteView, StatusSnapshot

BOOK_LEVELS = 5
LOG_LINES = 8
LEVEL_STYLES = {
    "normal": "green",
    "pull_quotes": "yellow",
    "reduce_only": "yellow",
    "flatten": "red",
    "halt": "bold red",
}


def render(now: StatusSnapshot, log: Sequence[str] = ()) -> RenderableType:
    """One picture of `now`; `log` are the last lines, newest last."""
    parts: list[RenderableType] = [_header(now)]
    parts.append(Columns([_book(market) for market in now.markets], padding=(0, 1)))
    parts.append(Columns([_pnl(now), _latency(now), _counters(now)], padding=(0, 1)))
    if log:
        lines = Text(
            "\n".join(line.splitlines()[0] if line else "" for line in list(log)[-LOG_LINES:]), overflow="ellipsis"
        )
        lines.no_wrap = True
        parts.append(Panel(lines, title="log", title_align="left", border_style="dim"))
    return Group(*parts)


def _header(now: StatusSnapshot) -> RenderableType:
    minutes, seconds = divmod(int(now.uptime_s), 60)
    hours, minutes = divmod(minutes, 60)
    line = Text.assemble(
        (f" {now.bot} ", "bold reverse"),
        "  ",
        ("paper" if now.paper else "LIVE", "cyan" if now.paper else "bold red"),
        "  ",
        (now.state, "green" if now.state == "running" else "yellow"),
        "  risk ",
        (now.level, LEVEL_STYLES[now.level]),
        f"  strategy {now.strategy} {now.strategy_hash[:8]}",
        f"  up {hours:d}:{minutes:02d}:{seconds:02d}",
    )
    for feed in now.feeds:
        line.append("  ")
        line.append("● " if feed.up else "○ ", "green" if feed.up else "red")
        line.append(feed.name)
    if now.reason:
        line.append(f"\n {now.reason}", "yellow")
    return line


def _book(market: MarketView) -> RenderableType:
    table = Table(box=None, show_header=True, header_style="dim", pad_edge=False, padding=(0, 1))
    for title in ("ours", "bid", "price", "ask", "ours"):
        table.add_column(title, justify="right")
    _book_rows(table, list(reversed(market.asks[:BOOK_LEVELS])), market.quotes, bid=False)
    _book_rows(table, market.bids[:BOOK_LEVELS], market.quotes, bid=True)
    position = Text.assemble(
        "position ",
        (market.position, "bold"),
        f" @ {market.entry_price}" if market.entry_price else "",
        f"  mark {market.mark_price}" if market.mark_price else "",
    )
    position.append(f"  PnL {market.pnl.total:+.2f}", _sign_style(market.pnl.total))
    title = f"{market.id} [dim]{market.symbol} {market.role}[/dim]"
    trust = "" if market.trusted else f"[red]{market.trust}[/red]"
    border = "green" if market.trusted else "red"
    return Panel(Group(table, position), title=title, title_align="left", subtitle=trust, border_style=border, width=62)


def _book_rows(table: Table, levels: Sequence[PriceLevel], quotes: Sequence[QuoteView], *, bid: bool) -> None:
    side = "buy" if bid else "sell"
    ours = {quote.price: quote.qty for quote in quotes if quote.side == side}
    shown = {level.price for level in levels}
    far = [quote for quote in quotes if quote.side == side and quote.price not in shown]
    rows = [(level.price, level.qty, ours.get(level.price, "")) for level in levels]
    rows += [(quote.price, "", quote.qty) for quote in far[:3]]
    rows.sort(key=lambda row: float(row[0]), reverse=True)
    for price, qty, own in rows:
        if bid:
            table.add_row(Text(own, "bold cyan"), Text(qty, "green"), Text(price, "green"), "", "")
        else:
            table.add_row("", "", Text(price, "red"), Text(qty, "red"), Text(own, "bold cyan"))


def _pnl(now: StatusSnapshot) -> RenderableType:
    table = _grid()
    for name in ("spread", "inventory", "hedge", "fees", "funding", "total"):
        value = getattr(now.pnl, name)
        bold = "bold " if name == "total" else ""
        table.add_row(Text(name, bold.strip()), Text(f"{value:+,.4f}", bold + _sign_style(value)))
    for hedge in now.hedges:
        table.add_row(f"Δ {hedge.asset}", f"{hedge.net_delta:+.6f}")
        table.add_row("backlog", Text(f"{hedge.backlog:+.6f}", "yellow" if hedge.backlog else "dim"))
    return Panel(table, title="PnL", title_align="left", border_style="dim")


def _latency(now: StatusSnapshot) -> RenderableType:
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 1))
    table.add_column("hop, µs")
    for title in ("p50", "p99", "p99.9", "max"):
        table.add_column(title, justify="right")
    for hop, latency in now.latency_us.items():
        values = (latency.p50_us, latency.p99_us, latency.p999_us, latency.max_us)
        table.add_row(hop, *(f"{value:,.1f}" for value in values))
    return Panel(table, title="latency", title_align="left", border_style="dim")


def _counters(now: StatusSnapshot) -> RenderableType:
    table = _grid()
    for name, value in now.counters.items():
        table.add_row(name.replace("_", " "), f"{value:,}")
    for name, number in now.gauges.items():
        table.add_row(name, f"{number:,.6g}")
    return Panel(table, title="counts", title_align="left", border_style="dim")


def _grid() -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1))
    table.add_column()
    table.add_column(justify="right")
    return table


def _sign_style(value: float) -> str:
    return "green" if value > 0 else "red" if value < 0 else "dim"


def draw(stream: BinaryIO, console: Console) -> None:
    """Draw every frame of `stream` on `console` until it ends."""
    decoder = msgspec.json.Decoder(Frame)
    with Live(console=console, screen=True, auto_refresh=False, vertical_overflow="crop") as live:
        for line in stream:
            frame = decoder.decode(line)
            live.update(render(frame.snapshot, frame.log), refresh=True)


def main() -> None:
    """Entry point of the drawing process; ends when its input does, and leaves Ctrl-C to the bot."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    draw(sys.stdin.buffer, Console())


if __name__ == "__main__":
    main()
