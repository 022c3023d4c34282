"""Reading a config: what is accepted, and how each mistake is told."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import BaseModel, Field

from mmbot.config import Config, InvalidConfig, TradersConfig, check_params, load, parse, vary

ROOT = Path(__file__).resolve().parents[2]

BASE = """\
bot: {name: demo}
venues:
  perp: {kind: binance_usdm}
  spot: {kind: binance_spot}
exchange: {source: traders}
markets:
  perp_btc: {venue: perp, symbol: "BTC/USDT:USDT"}
  spot_btc: {venue: spot, symbol: BTCUSDT, role: hedge}
strategy: {id: pmm, markets: [perp_btc], params: {levels: 3, half_spread_bps: 2.5}}
hedge:
  BTC: {markets: [spot_btc], band: 0.0010}
risk:
  max_order_qty: 0.05
  max_order_notional: '5000'
  max_position: 0.100000000000000000001
  max_daily_loss: 100
  max_drawdown: 50
"""


def problems(text: str, *overrides: str) -> list[str]:
    with pytest.raises(InvalidConfig) as caught:
        parse(text, "bot.yaml", overrides)
    assert caught.value.exit_code == 2
    return str(caught.value).splitlines()


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_config_is_valid_and_paper(path: Path) -> None:
    config = load(path)
    assert not config.live
    assert config.path == path


def test_defaults_are_the_safe_ones() -> None:
    config = parse(BASE)
    assert all(venue.endpoint == "sim" for venue in config.venues.values())
    assert config.metrics.listen == "127.0.0.1:9464"
    assert config.strategy.on_error == "rollback"
    assert isinstance(config.exchange, TradersConfig)


def test_decimals_keep_every_digit() -> None:
    config = parse(BASE)
    assert config.risk.max_position == Decimal("0.100000000000000000001")
    assert str(config.hedge["BTC"].band) == "0.0010"
    assert config.risk.max_order_notional == Decimal(5000)


def test_params_reach_the_plugin_as_plain_numbers() -> None:
    assert parse(BASE).strategy.params == {"levels": 3, "half_spread_bps": 2.5}
    assert type(parse(BASE).strategy.params["half_spread_bps"]) is float


@pytest.mark.parametrize(
    "override",
    [
        "risk.max_order_notional=1e12", "risk.max_daily_loss=1e12", "risk.max_drawdown=1e12",
        "risk.max_order_notional=1e-9", "risk.markets.perp_btc.max_order_notional=1e12",
        "exchange.balances.USDT=1e12", "backtest={data: {perp_btc: a, spot_btc: b}, balances: {USDT: 1e12}}",
        "backtest={data: {perp_btc: a, spot_btc: b}, end: 9999-01-01}",
    ],
)  # fmt: skip
def test_what_cannot_be_counted_is_refused(override: str) -> None:
    # 1e-8 of an amount beyond 64 bits used to be an OverflowError when the bot was assembled.
    (found,) = problems(BASE, override)
    assert "expected" in found


def test_an_unknown_key_names_file_line_key_and_the_nearest_one() -> None:
    text = BASE.replace("max_drawdown", "max_drawdwn")
    assert "bot.yaml:17: risk.max_drawdwn: unknown key; did you mean 'max_drawdown'?" in problems(text)


def test_an_unknown_key_without_a_near_one_lists_the_allowed() -> None:
    (line,) = problems(BASE + "metrics: {zzz: 1}\n")
    assert line == "bot.yaml:18: metrics.zzz: unknown key; allowed: enabled, listen, public"


def test_all_problems_are_told_at_once_in_the_order_of_the_file() -> None:
    text = BASE.replace("name: demo", "name: Demo Bot").replace("binance_spot", "binance_spt").replace("0.05", "-1")
    lines = problems(text)
    assert [line.split(": ")[:2] for line in lines] == [
        ["bot.yaml:1", "bot.name"],
        ["bot.yaml:4", "venues.spot.kind"],
        ["bot.yaml:13", "risk.max_order_qty"],
    ]
    assert lines[1].endswith(
        "found 'binance_spt'; allowed: 'binance_usdm', 'binance_spot' or 'tape'; did you mean 'binance_spot'?"
    )
    assert lines[2].endswith("found -1; expected to be greater than 0")


def test_a_missing_section_is_named() -> None:
    text = BASE[: BASE.index("risk:")]
    assert problems(text) == ["bot.yaml:1: risk: is missing"]


def test_limits_have_no_guessed_default() -> None:
    text = BASE.replace("  max_position: 0.100000000000000000001\n", "")
    assert problems(text) == ["bot.yaml:12: risk.max_position: is missing"]


def test_a_key_that_stands_twice_is_an_error() -> None:
    text = BASE.replace("  max_drawdown: 50", "  max_drawdown: 50\n  max_position: 9")
    assert problems(text) == ["bot.yaml:18: risk.max_position: stands twice; first on line 15"]


@pytest.mark.parametrize("name", ["api_key", "api_secret", "secret", "passphrase"])
def test_a_secret_in_the_file_is_refused_and_not_repeated(name: str) -> None:
    text = BASE.replace("kind: binance_usdm", f"kind: binance_usdm, {name}: hunter2")
    (line,) = problems(text)
    assert "never from this file" in line
    assert "hunter2" not in line


def test_a_password_in_a_url_is_refused_and_not_repeated() -> None:
    lines = problems(BASE, "venues.perp.endpoint={rest: 'https://me:hunter2@host', ws: 'wss://host'}")
    assert len(lines) == 1
    assert "may not hold a user name or password" in lines[0]
    assert "hunter2" not in lines[0]
    assert "hunter2" not in problems(BASE, "journal.ledger=postgresql+psycopg://me:hunter2@host/db")[0]


def test_the_environment_is_not_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT", "x")
    assert "found '${BOT}'" in problems(BASE.replace("name: demo", "name: '${BOT}'"))[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1", "bot.yaml:1: is not valid YAML"),
        ("- a\n- b\n", "bot.yaml:1: found no sections; expected a mapping"),
        ("", "bot.yaml:1: "),
        ("bot: *nope\n", "bot.yaml:1: is not valid YAML"),
        ("bot: &b {name: *b}\n", "bot.yaml:1: bot.name: refers to itself"),
        ("? [a, b]\n: 1\n", "bot.yaml:1: has a key that is not a word"),
        ("bot: \x00\n", "bot.yaml: is not valid YAML"),
    ],
)
def test_broken_yaml_is_a_problem_with_its_line(text: str, message: str) -> None:
    assert any(line.startswith(message) for line in problems(text))


def test_an_unreadable_file_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match=r"none\.yaml: cannot be read: No such file"):
        load(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(InvalidConfig, match="is not UTF-8 text"):
        load(tmp_path / "binary.yaml")


# -- overrides ----------------------------------------------------------------------------------------------------


def test_overrides_are_typed_by_yaml_and_make_what_is_missing() -> None:
    config = parse(BASE, overrides=["risk.max_position=0.5", "metrics.enabled=false", "strategy.markets.0=perp_btc"])
    assert config.risk.max_position == Decimal("0.5")
    assert config.metrics.enabled is False


def test_an_override_may_be_a_whole_section() -> None:
    config = parse(BASE, overrides=["exchange={source: traders, seed: 3}"])
    assert config.exchange is not None
    assert config.exchange.seed == 3


def test_a_wrong_override_is_told_with_its_key_not_with_a_line() -> None:
    assert problems(BASE, "risk.max_position=-1") == [
        "--set risk.max_position: risk.max_position: found -1; expected to be greater than 0"
    ]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("risk.max_position", "is not of the form key.path=value"),
        (".x=1", "is not of the form key.path=value"),
        ("bot.name.first=x", "is a single value, it has no keys below it"),
        ("strategy.markets.7=x", "expected the number of an entry, below 1"),
        ("risk=[", "is not valid YAML"),
    ],
)
def test_an_override_that_does_not_fit_is_refused(override: str, message: str) -> None:
    assert message in problems(BASE, override)[0]


# -- checks across sections -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("markets.perp_btc.venue=prp", "markets.perp_btc.venue: found venue 'prp', which `venues` does not have"),
        ("markets.perp_btc.symbol=BTC/USDT", "binance_usdm trades a perpetual, as BTC/USDT:USDT"),
        ("markets.spot_btc.symbol=BTC/USDT:USDT", "binance_spot trades a spot market"),
        ("markets.other={venue: spot, symbol: BTCUSDT}", "is the same market as `markets.spot_btc`"),
        ("strategy.markets=[perp_eth]", "strategy.markets[0]: found market 'perp_eth'"),
        ("strategy.markets=[spot_btc]", "has the role hedge; a quoted one is a maker"),
        ("hedge.BTC.markets=[nope]", "hedge.BTC.markets[0]: found market 'nope'"),
        ("hedge.ETH={markets: [spot_btc]}", "trades BTCUSDT, which does not hedge ETH"),
        ("hedge.B={markets: [perp_btc]}", "trades BTC/USDT:USDT, which does not hedge B"),
        (
            "journal.ledger=postgresql://h/db?password=geheim",
            "found 'postgresql://h/db?password=***'; a URL may not hold",
        ),
        ("markets.spot_btc.role=observe", "has the role observe; a hedge needs hedge or maker"),
        ("risk.markets={nope: {max_position: 1}}", "risk.markets.nope: found market 'nope'"),
        ("exchange=null", "venue 'perp' has the endpoint sim, which needs it"),
        ("exchange={source: recording, files: {perp_btc: a.gz}}", "has no recording of market 'spot_btc'"),
        ("exchange.balances={BTC: -1}", "exchange.balances.BTC: found -1"),
        ("metrics.listen=0.0.0.0:9464", "metrics.listen: found 0.0.0.0, which is reachable from outside"),
        ("metrics.listen=localhost", "expected HOST:PORT"),
        ("exchange.source=recordng", "did you mean 'recording'?"),
        ("exchange={speed: 2}", "exchange.source: found nothing; allowed: 'traders', 'recording'"),
        ("exchange.faults.per_minute={abrt: 1}", "did you mean 'abort'?"),
        ("venues.perp.endpoint=lve", "allowed: 'sim', 'testnet' or 'live'; did you mean 'live'?"),
        ("venues.perp.endpoint={rest: 'https://h', ws: 'wss://h', tls: 1}", "venues.perp.endpoint.tls: unknown key"),
        ("venues.Perp={kind: binance_usdm}", "venues.Perp: found 'Perp'"),
        ("risk.max_order_qty=yes", "expected a decimal number"),
        ("risk.max_order_qty=true", "expected a decimal number, not true/false"),
        ("risk.max_order_qty=.nan", "expected"),
        ("risk=5", "risk: found 5; expected a mapping"),
    ],
)
def test_checks_across_sections(override: str, message: str) -> None:
    assert any(message in line for line in problems(BASE, override)), problems(BASE, override)


def test_more_markets_than_the_core_has_room_for_are_refused_before_anything_is_opened() -> None:
    """The engine raised a ValueError, after the venue had been asked for everything."""
    more = ", ".join(f"m{n}: {{venue: perp, symbol: SIM{n:04d}/USDT:USDT, role: observe}}" for n in range(70))
    assert "markets: found 70 markets; one bot has at most 64" in problems(BASE, f"markets={{{more}}}")[0]


def test_live_is_seen() -> None:
    assert parse(BASE, overrides=["venues.perp.endpoint=live"]).live


@pytest.mark.parametrize(("text", "speed"), [("1", 1.0), ("2x", 2.0), ("'0.5'", 0.5), ("max", "max")])
def test_playback_speed(text: str, speed: float | str) -> None:
    files = "{perp_btc: a.gz, spot_btc: b.gz}"
    config = parse(BASE, overrides=[f"exchange={{source: recording, speed: {text}, files: {files}}}"])
    assert config.exchange is not None
    assert config.exchange.model_dump()["speed"] == speed


# -- the plugin's own parameters ---------------------------------------------------------------------------------------


class Params(BaseModel, extra="forbid"):
    levels: int = Field(1, ge=1)
    half_spread_bps: float = 5.0


def test_params_are_checked_with_their_line() -> None:
    assert check_params(parse(BASE), Params).levels == 3
    text = BASE.replace("levels: 3", "levls: 3").replace("2.5", "wide")
    with pytest.raises(InvalidConfig) as caught:
        check_params(parse(text, "bot.yaml"), Params)
    assert str(caught.value).splitlines() == [
        (
            "bot.yaml:9: strategy.params.half_spread_bps: found 'wide'; expected to be a valid number, "
            "unable to parse string as a number"
        ),
        "bot.yaml:9: strategy.params.levls: unknown key; did you mean 'levels'?",
    ]


def test_own_strategy_folders_are_relative_to_the_file(tmp_path: Path) -> None:
    path = tmp_path / "bot.yaml"
    path.write_text(BASE)
    assert load(path, ["strategy.search=[mine, /abs]"]).strategy_folders == [tmp_path / "mine", Path("/abs"), tmp_path]


def test_effective_values_are_plain_data() -> None:
    values = parse(BASE).effective()
    assert Config.model_validate(values).effective() == values
    assert values["journal"]["fsync_ms"] == 100


def test_a_loaded_config_is_varied_without_its_file(tmp_path: Path) -> None:
    path = tmp_path / "bot.yaml"
    path.write_text((ROOT / "configs" / "demo.yaml").read_text())
    config = load(path, ["bot.seed=3"])
    path.unlink()
    varied = vary(config, ["risk.max_position=0.25", "strategy.params.levels=4"])
    assert (varied.bot.seed, str(varied.risk.max_position), varied.strategy.params["levels"]) == (3, "0.25", 4)
    assert config.strategy.params["levels"] == 3
    assert varied.path == path


def test_what_a_variation_breaks_names_where_it_came_from() -> None:
    config = load(ROOT / "configs" / "demo.yaml")
    with pytest.raises(InvalidConfig) as raised:
        vary(config, ["risk.max_positon=1", "markets.spot_btc.role=none"], "--grid")
    assert "--grid risk.max_positon: risk.max_positon: unknown key; did you mean 'max_position'?" in str(raised.value)
    assert "--grid markets.spot_btc.role: markets.spot_btc.role: found 'none'" in str(raised.value)
