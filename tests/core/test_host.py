"""The plugin host: swaps between two events, roll-back, shadow time, and exceptions that stay inside."""

from __future__ import annotations

import pytest
from engine_desk import LADDER, MS, PERP, PERP2, SPOT, START_NS, Desk

from mmbot._core.host import HostState
from mmbot._core.limits import Cause, RiskLevel
from mmbot._core.types import CommandKind
from mmbot.errors import PluginError

CALLBACKS = {
    "on_book": "def on_book(self, market):",
    "on_trade": "def on_trade(self, market, side, price_ticks, qty_lots):",
    "on_order": "def on_order(self, market, order):",
    "on_fill": "def on_fill(self, market, fill):",
    "on_funding": "def on_funding(self, market, amount_e8):",
    "on_timer": "def on_timer(self, name):",
}
ELSEWHERE = LADDER.replace("int = field(20", "int = field(40")


def failing(callback: str, when: str = "self.armed") -> str:
    """A ladder whose `callback` raises once the timer has armed it."""
    body = f"""
class Failing(Ladder):
    armed = False
    {CALLBACKS[callback]}
        if {when}:
            raise RuntimeError("on purpose in {callback}")
        super().{callback}({", ".join(CALLBACKS[callback].split("(")[1].split(")")[0].split(", ")[1:])})
"""
    arm = "" if callback == "on_timer" else "    def on_timer(self, name):\n        self.armed = True\n"
    return LADDER + body + arm


def provoke(desk: Desk, callback: str) -> None:
    """Arm, then cause the callback."""
    if callback == "on_timer":
        desk.tick(600)
        return
    desk.tick(600)
    if callback == "on_book":
        desk.book(PERP, 600_050, 600_060)
    elif callback == "on_trade":
        frame = b'{"e":"aggTrade","E":1,"s":"BTCUSDT","a":1,"p":"60000.0","q":"0.001","f":1,"l":1,"T":1,"m":false}'
        desk.do("on_frame", 0, frame, desk.now_ns)
    elif callback in {"on_fill", "on_order"}:
        desk.trade(PERP, 0, 20, settle=False)
    else:
        desk.do("on_account", b'{"op": "funding", "market": 0, "amount_e8": 5, "asset": 0}', desk.now_ns)
    desk.settle()


@pytest.mark.parametrize("callback", CALLBACKS)
def test_an_exception_in_any_callback_brings_the_previous_plugin_back(callback: str) -> None:
    desk = Desk().open()
    first = desk.engine.host.active
    assert desk.swap(failing(callback, "self.armed" if callback != "on_timer" else "True")) == ""
    desk.settle()
    assert desk.engine.host.active is not first
    provoke(desk, callback)
    host = desk.engine.host
    assert host.active is first
    assert (host.state, host.rollbacks, host.raised) == (HostState.RUNNING, 1, 1)
    assert any(f"on purpose in {callback}" in note for note in desk.notes)
    assert desk.engine.limits.level == RiskLevel.NORMAL
    assert len(desk.quotes()) == 4


@pytest.mark.parametrize("callback", CALLBACKS)
def test_a_plugin_cannot_end_the_process(callback: str) -> None:
    """`sys.exit()` in a callback once took the bot down at once, orders, journal and all."""
    desk = Desk().open()
    plugin = failing(callback, "self.armed" if callback != "on_timer" else "True")
    assert desk.swap(plugin.replace("raise RuntimeError(", "raise SystemExit(")) == ""
    provoke(desk, callback)
    assert (desk.engine.host.state, desk.engine.host.rollbacks) == (HostState.RUNNING, 1)
    assert any(f"raised SystemExit('on purpose in {callback}')" in note for note in desk.notes)


def test_a_plugin_that_exits_in_its_dry_run_is_refused() -> None:
    desk = Desk().open()
    refused = desk.swap(LADDER + "\nclass Quitter(Ladder):\n    def on_start(self):\n        raise SystemExit(3)\n")
    assert refused.startswith("dry run failed: SystemExit(3)")


def test_control_c_in_a_callback_is_not_the_plugins() -> None:
    desk = Desk().open()
    plugin = failing("on_book").replace("raise RuntimeError(", "raise KeyboardInterrupt(")
    assert desk.swap(plugin) == ""
    with pytest.raises(KeyboardInterrupt):
        provoke(desk, "on_book")
    assert (desk.engine.host.state, desk.engine.host.raised) == (HostState.RUNNING, 0)


def test_what_is_wrong_with_a_quote_is_told_with_the_plugins_own_line() -> None:
    """It once named a line of the core, which no user has written."""
    desk = Desk().open()
    plugin = (
        LADDER
        + """
class Half(Ladder):
    def on_book(self, market):
        self.quote(market, [(market.mid_ticks - 0.5, 5)])
"""
    )
    line = plugin.count("\n")
    assert desk.swap(plugin) == (
        "dry run failed: TypeError('quote(): bids[0] must be (price_ticks, qty_lots), two whole numbers, "
        f"found (600004.5, 5)') (candidate.py, line {line})"
    )


@pytest.mark.parametrize("callback", CALLBACKS)
def test_without_a_previous_plugin_an_exception_pulls_the_quotes(callback: str) -> None:
    desk = Desk(failing(callback, "self.armed" if callback != "on_timer" else "True")).open()
    provoke(desk, callback)
    desk.settle()
    assert desk.engine.host.state == HostState.FAILED
    assert desk.engine.limits.level == RiskLevel.PULL_QUOTES
    assert desk.quotes() == []
    assert desk.swap(LADDER) == ""
    desk.settle()
    desk.tick()
    desk.settle()
    assert desk.engine.limits.level == RiskLevel.NORMAL
    assert len(desk.quotes()) == 4


def test_the_policy_may_forbid_to_go_back() -> None:
    desk = Desk(strategy="on_error: pull_quotes").open()
    desk.swap(failing("on_book"))
    provoke(desk, "on_book")
    assert (desk.engine.host.state, desk.engine.host.rollbacks) == (HostState.FAILED, 0)
    assert desk.quotes() == []


def test_a_plugin_rolled_back_to_quotes_on_todays_prices() -> None:
    """It once re-declared what it had wanted when it was replaced, however old."""
    desk = Desk().open()
    desk.swap(failing("on_book", "market.mid_ticks > 610_000"))
    for step in range(1, 12):
        desk.tick()
        desk.book(PERP, 600_000 + step * 1_000, 600_010 + step * 1_000)
        desk.settle()
    assert desk.engine.host.rollbacks == 1
    assert desk.quotes() == [(0, 610_980), (0, 610_985), (1, 611_025), (1, 611_030)]


def test_a_plugin_rolled_back_to_that_fails_again_pulls_the_quotes() -> None:
    desk = Desk(failing("on_book", "market.mid_ticks > 600_100")).open()
    desk.swap(failing("on_book", "market.mid_ticks > 600_100"))
    desk.book(PERP, 600_200, 600_210)
    desk.settle()
    assert (desk.engine.host.state, desk.engine.host.rollbacks, desk.engine.host.raised) == (HostState.FAILED, 1, 2)
    assert desk.quotes() == []


@pytest.mark.parametrize(
    "source",
    [
        LADDER.replace("self.seen = getattr", "1 / 0; self.seen = getattr"),
        LADDER.replace("if not market.maker", "1 / 0\n        if not market.maker"),
        LADDER.replace("int = field(10, gt=0)", "int = field(100_000, gt=0)"),
        LADDER.replace("int = field(20, gt=0)", "int = field(100_000, gt=0)"),
        LADDER.replace("mid - p.half_ticks - 5", "mid + p.half_ticks + 99 - 5"),
        LADDER.replace("self.seen = state", "1 / 0; self.seen = state"),
    ],
    ids=["on_start", "on_book", "too large", "outside the band", "crossed", "import_state"],
)
def test_a_candidate_that_fails_its_dry_run_changes_nothing(source: str) -> None:
    desk = Desk().open()
    before, quotes, sent = desk.engine.host.active, desk.quotes(), len(desk.commands)
    assert desk.swap(source) != ""
    desk.tick()
    desk.book(PERP, 600_000, 600_010)
    assert desk.engine.host.active is before
    assert desk.engine.host.swaps == 1
    assert (desk.quotes(), len(desk.commands)) == (quotes, sent)


def test_a_swap_moves_working_orders_instead_of_canceling_them() -> None:
    desk = Desk().open()
    orders = {order.num for order in desk.venues[PERP].live()}
    assert desk.swap(LADDER) == ""
    assert desk.sent == []
    assert desk.swap(ELSEWHERE) == ""
    assert {command.kind for command in desk.sent} == {CommandKind.AMEND_ORDER}
    desk.settle()
    assert {order.num for order in desk.venues[PERP].live()} == orders
    assert desk.quotes() == [(0, 599_960), (0, 599_965), (1, 600_045), (1, 600_050)]


def test_state_is_handed_over() -> None:
    desk = Desk().open()
    desk.trade(PERP, 0, 7)
    assert desk.engine.host.active.seen == 7
    desk.swap(ELSEWHERE)
    assert desk.engine.host.active.seen == 7


def test_a_plugin_whose_export_fails_can_be_replaced() -> None:
    """Its exception once refused every successor."""
    desk = Desk(LADDER.replace('return {"seen": self.seen}', "raise RuntimeError")).open()
    assert desk.swap(LADDER) == ""
    assert any("export_state raised" in note for note in desk.notes)


def test_quotes_of_a_market_the_successor_is_silent_about_stand_for_five_seconds() -> None:
    """They once stood for ever, at the price of the swap."""
    desk = Desk(second="maker", makers="perp_btc, perp2_btc").open()
    assert len(desk.quotes(PERP2)) == 4
    assert desk.swap(LADDER.replace("if not market.maker:", "if market.index != 0:")) == ""
    desk.settle()
    assert len(desk.quotes(PERP2)) == 4
    for _ in range(49):
        desk.tick()
        for market in (PERP, PERP2, SPOT):
            desk.book(market, 600_000, 600_010)
        desk.settle()
    assert len(desk.quotes(PERP2)) == 4
    desk.tick()
    desk.settle()
    assert (len(desk.quotes(PERP)), len(desk.quotes(PERP2))) == (4, 0)


def test_shadow_time_compares_and_then_switches() -> None:
    desk = Desk().open()
    old = desk.engine.host.active
    assert desk.swap(ELSEWHERE, shadow_ns=1000 * MS) == ""
    host = desk.engine.host
    desk.book(PERP, 600_100, 600_110)
    desk.settle()
    assert host.active is old
    assert (host.shadow_events, host.shadow_differences) == (1, 1)
    assert desk.quotes()[0] == (0, 600_080)
    desk.trade(PERP, 0, 3)
    desk.tick(900)
    assert host.active is old
    desk.tick(100)
    assert host.active is not old
    assert host.shadow is None
    assert host.active.seen == old.seen  # what was learnt meanwhile came along
    desk.settle()
    assert desk.quotes()[0] == (0, 600_060)


def test_a_candidate_that_raises_in_its_shadow_time_is_dropped() -> None:
    desk = Desk().open()
    old = desk.engine.host.active
    desk.swap(failing("on_book", "market.mid_ticks > 600_050"), shadow_ns=1000 * MS)
    desk.book(PERP, 600_100, 600_110)
    desk.settle()
    assert desk.engine.host.shadow is None
    assert desk.engine.host.active is old
    assert desk.engine.limits.level == RiskLevel.NORMAL
    desk.tick(2000)
    assert desk.engine.host.active is old


def test_a_candidate_in_its_shadow_time_replaces_a_plugin_that_fails() -> None:
    """It once waited for ever, since a failed plugin gets no events."""
    desk = Desk(failing("on_book", "market.mid_ticks > 600_050")).open()
    desk.swap(ELSEWHERE, shadow_ns=60_000 * MS)
    desk.book(PERP, 600_100, 600_110)
    desk.settle()
    assert desk.engine.host.state == HostState.RUNNING
    assert desk.engine.host.name == "candidate"
    desk.book(PERP, 600_200, 600_210)
    desk.settle()
    assert desk.quotes()[0] == (0, 600_160)


def test_an_exception_in_on_stop_stops_nobody() -> None:
    angry = LADDER + "\n    def on_stop(self) -> None:\n        raise RuntimeError('no')\n"
    desk = Desk(angry).open()
    assert desk.swap(angry) == ""
    assert any("on_stop raised" in note for note in desk.notes)
    desk.command("stop")
    desk.settle()
    assert desk.quotes() == []
    assert desk.engine.host.state == HostState.STOPPED
    assert desk.swap(LADDER) == "the bot is stopping"


def test_what_on_stop_quotes_counts_for_nothing() -> None:
    last = LADDER + "\n    def on_stop(self) -> None:\n        self.on_book(self.markets[0])\n"
    desk = Desk(last).open()
    desk.command("stop")
    desk.settle()
    for _ in range(5):
        desk.tick()
        desk.book(PERP, 600_500, 600_510)
    assert not [c for c in desk.sent if c.kind == CommandKind.PLACE]
    assert desk.quotes() == []


def test_timers_fire_once_or_repeat_and_can_be_forgotten() -> None:
    source = """
from mmbot.strategy import Market, Params, Strategy
class TimerParams(Params):
    pass
class Timers(Strategy):
    def on_start(self) -> None:
        self.rung = []
        self.set_timer("once", after_s=0.25)
        self.set_timer("often", every_s=0.2)
        self.set_timer("never", after_s=0.3)
        self.cancel_timer("never")
        self.cancel_timer("unknown")
    def on_timer(self, name: str) -> None:
        self.rung.append((name, self.now_ns))
"""
    desk = Desk(source)
    for _ in range(6):
        desk.tick()
    at = [(name, (ns - START_NS) // MS) for name, ns in desk.engine.host.active.rung]
    assert at == [("often", 200), ("once", 300), ("often", 400), ("often", 600)]
    assert desk.engine.next_due_ns() == START_NS + 800 * MS


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf"), 1e12])
def test_a_timer_needs_a_sensible_time(seconds: float) -> None:
    desk = Desk()
    with pytest.raises(ValueError, match="set_timer"):
        desk.engine.host.active.set_timer("x", after_s=seconds)


def test_a_first_plugin_that_fails_stops_the_assembly() -> None:
    with pytest.raises(PluginError, match="ZeroDivisionError"):
        Desk(LADDER.replace("self.seen = getattr", "1 / 0; self.seen = getattr"))


def test_resume_starts_a_failed_plugin_again() -> None:
    """The level once went back to normal while nothing was quoted."""
    desk = Desk(failing("on_book", "market.mid_ticks > 600_100")).open()
    desk.book(PERP, 600_200, 600_210)
    desk.settle()
    desk.command("resume")
    desk.settle()
    assert desk.engine.host.state == HostState.FAILED  # the reason still stands
    assert Cause.PLUGIN_FAILURE.name in desk.engine.limits.breached()
    desk.book(PERP, 600_000, 600_010)
    desk.command("resume")
    desk.settle()
    assert desk.engine.host.state == HostState.RUNNING
    assert len(desk.quotes()) == 4


def test_plugin_failure_is_a_breach_until_something_runs_again() -> None:
    desk = Desk(failing("on_book")).open()
    provoke(desk, "on_book")
    assert Cause.PLUGIN_FAILURE.name in desk.engine.limits.breached()
    desk.swap(LADDER)
    assert Cause.PLUGIN_FAILURE.name not in desk.engine.limits.breached()


def test_a_callback_may_be_chosen_when_the_plugin_starts() -> None:
    source = """
from mmbot.strategy import Market, Params, Strategy
class ChooserParams(Params):
    pass
class Chooser(Strategy):
    def on_start(self) -> None:
        self.on_book = self.take_note
    def take_note(self, market: Market) -> None:
        self.metrics["heard"] = self.metrics.get("heard", 0) + 1
"""
    desk = Desk(source).open()
    plugin = desk.engine.host.active
    before = plugin.metrics["heard"]
    desk.book(PERP, 600_010, 600_020)
    assert plugin.metrics["heard"] == before + 1
