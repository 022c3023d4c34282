"""From a config to everything a backtest runs with: tapes, the engine, and a modelled venue for each market."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mmbot._core.backtest import Backtest, Lane
from mmbot._core.blotter import Blotter
from mmbot._core.paper import PaperMarket, SelfTrade
from mmbot._core.queue_models import QueueModel
from mmbot.assembly import Assembly, PluginSpec, Spec, assemble, instrument_fields
from mmbot.backtest.fees import Schedule, set_fees
from mmbot.backtest.latency import latency_of
from mmbot.backtest.session import Session
from mmbot.backtest.shelf import Shelf
from mmbot.config.backtest import MarketModels
from mmbot.errors import ConfigError, TapeError
from mmbot.recordings import locate
from mmbot.tape import TapeFlag, prepare

if TYPE_CHECKING:
    from datetime import datetime

    from mmbot._core.order_latency import OrderLatency
    from mmbot._core.types import Instrument
    from mmbot.config import Config
    from mmbot.config.backtest import BacktestConfig
    from mmbot.plugins import Plugin
    from mmbot.tape import Tape

DEFAULT_CACHE = Path("~/.cache/mmbot/tapes")
QUEUE_MODELS = {
    "risk_averse": QueueModel.RISK_ADVERSE,
    "power": QueueModel.POWER,
    "power2": QueueModel.POWER2,
    "power3": QueueModel.POWER3,
    "log": QueueModel.LOG,
    "log2": QueueModel.LOG2,
    "l3_fifo": QueueModel.L3_FIFO,
}


class Prepared(NamedTuple):
    """A backtest ready to run."""

    backtest: Backtest
    assembly: Assembly
    tapes: dict[str, list[Tape]]
    schedules: list[Schedule]


def build(config: Config, shelf: Shelf | None = None) -> Prepared:
    """Open the tapes (making them where needed), assemble the engine and the models of the venue.

    Args:
        config: with a section `backtest`.
        shelf: tapes and plugins that several backtests share.

    Raises:
        ConfigError: there is no section `backtest`, or a file of it is not to be found.
        TapeError: a tape cannot be made or read.
        PluginError: the strategy or its params are wrong.
    """
    settings = config.backtest
    if settings is None:
        raise ConfigError(f"{config.path or 'config'}: has no section `backtest`, which says what to play")
    shelf = shelf or Shelf()
    tapes = {m: [shelf.tape(_made(shelf, path, m, config)) for path in settings.paths(m)] for m in config.markets}
    session = Session.read(_run(config, settings.session)) if settings.session is not None else None
    schedules = [_schedule(settings, m, tapes[m][0].instrument, session) for m in config.markets]
    plugin = shelf.plugin(config)
    start_ns = session.start_ns if session is not None else min(_first_ns(found[0]) for found in tapes.values())
    start_ns = _ns(settings.start) or start_ns
    instruments = _instruments(tapes, dict(zip(config.markets, schedules, strict=True)))
    assembly = assemble(_spec(config, settings, instruments, plugin, start_ns), plugin=plugin)
    engine = assembly.engine
    engine.take_notes()  # that the strategy took its place
    engine.latency.off = True
    if settings.like_hftbacktest:
        engine.let_books_cross()
    for asset, amount in settings.balances.items():
        engine.fund_for_backtest(assembly.asset_index(asset), int(amount * 10**8))
    latencies = [latency_of(config, market.id, session) for market in engine.markets]
    lanes = tuple(
        Lane(
            market,
            _paper(settings, assembly, index, schedules[index], latencies[index].latency),
            tapes[market.id],
            trust_from_start=settings.like_hftbacktest,
        )
        for index, market in enumerate(engine.markets)
    )
    blotter = Blotter(engine, settings.state_every_ms * 1_000_000)

    def daily() -> None:
        set_fees(lanes, schedules, [config.markets[m].venue for m in config.markets], blotter.arrays()["fills"])

    backtest = Backtest(
        engine,
        blotter,
        lanes,
        start_ns=start_ns,
        end_ns=_ns(settings.end) or (session.end_ns if session is not None else 0),
        every_ns=config.bot.timer_ms * 1_000_000,
        open_ns=session.open_ns if session is not None else 0,
        looks=session.looks_ns if session is not None else None,
        daily=daily if any(schedule.by_turnover for schedule in schedules) else None,
    )
    backtest.notes.extend((start_ns, found.remark) for found in latencies if found.remark)
    return Prepared(backtest, assembly, tapes, schedules)


def _run(config: Config, path: Path) -> Path:
    return locate(path, [config.path.parent] if config.path is not None else [])


def _made(shelf: Shelf, path: Path, market: str, config: Config) -> Path:
    settings = config.backtest
    where = config.markets[market]
    how = (where.venue, where.symbol, *((str(settings.rules), str(settings.cache)) if settings is not None else ()))
    return shelf.made(_run(config, path), how, lambda: tape_path(path, market, config))


def tape_path(path: Path, market: str, config: Config) -> Path:
    """The tape of one source of a market's data; made where it is none and has not been made yet.

    Args:
        path: as the config has it.
        market: of the config.
        config: with a section `backtest`.

    Raises:
        ConfigError: there is no such file, or no section `backtest`.
        TapeError: the tape cannot be made or read.
    """
    settings = config.backtest
    if settings is None:
        raise ConfigError(f"{config.path or 'config'}: has no section `backtest`, which says what to play")
    venue = config.venues[config.markets[market].venue]
    return prepare(
        _run(config, path),
        cache=(settings.cache or DEFAULT_CACHE).expanduser(),
        rules=settings.rules,
        venue=None if venue.kind == "tape" else venue.kind,
        symbol=config.markets[market].symbol,
    )


def _first_ns(tape: Tape) -> int:
    """The earliest time of a tape, at the exchange or at our side."""
    for chunk in range(tape.n_chunks):
        columns = tape.arrays(chunk)
        if len(columns["flags"]):
            exch, local = (columns["flags"] & flag != 0 for flag in (TapeFlag.EXCH, TapeFlag.LOCAL))
            return int(min([*columns["exch_ns"][exch][:1], *columns["local_ns"][local][:1]]))
    raise TapeError(f"{tape.path}: holds no event")


def _instruments(tapes: dict[str, list[Tape]], schedules: dict[str, Schedule]) -> dict[str, dict[str, Any]]:
    """What the tapes say of each market, with the fees of the config."""
    found: dict[str, dict[str, Any]] = {}
    for market, schedule in schedules.items():
        fields = instrument_fields(tapes[market][0].instrument)
        for tape in tapes[market][1:]:
            for name in ("tick_size", "lot_size", "contract_size", "inverse"):
                if getattr(tape.instrument, name) != fields[name]:
                    raise ConfigError(f"backtest.data.{market}: {tape.path} has another {name} than the tape before it")
        fields["maker_fee"], fields["taker_fee"] = float(schedule.maker), float(schedule.taker)
        found[market] = fields
    return found


def _spec(
    config: Config, settings: BacktestConfig, instruments: dict[str, dict[str, Any]], plugin: Plugin, start_ns: int
) -> Spec:
    params = plugin.params(config.strategy.params)
    return Spec(
        config=config.effective(),
        instruments=instruments,
        feeds=[],
        plugin=PluginSpec.of(plugin, params),
        session=start_ns // 1_000_000,
        start_ns=start_ns,
        version="",
        margin={
            market: [(str(tier.notional), str(tier.rate)) for tier in models.maintenance]
            for market, models in settings.markets.items()
            if models.maintenance
        },
        venue_limits=not settings.like_hftbacktest if settings.venue_limits is None else settings.venue_limits,
    )


def _models(settings: BacktestConfig, market: str) -> MarketModels:
    return settings.markets.get(market) or MarketModels()


def _schedule(settings: BacktestConfig, market: str, instrument: Instrument, session: Session | None) -> Schedule:
    fees = _models(settings, market).fees or settings.fees
    return Schedule(fees, instrument, in_received=session is not None and market in session.paid_in_base)


def _paper(
    settings: BacktestConfig, assembly: Assembly, index: int, schedule: Schedule, latency: OrderLatency
) -> PaperMarket:
    market = assembly.engine.markets[index]
    own = _models(settings, market.id)
    queue = own.queue or settings.queue
    partial = settings.partial if own.partial is None else own.partial
    self_trade = settings.self_trade or ("ignored" if settings.like_hftbacktest else "expire_maker")
    return PaperMarket(
        index,
        market.instrument,
        latency,
        queue_model=QUEUE_MODELS[queue.model],
        queue_n=queue.n,
        partial=not settings.like_hftbacktest if partial is None else partial,
        as_hftbacktest=settings.like_hftbacktest,
        maker_fee_e9=schedule.maker_e9,
        taker_fee_e9=schedule.taker_e9,
        self_trade=SelfTrade[self_trade.upper()],
        settle_asset=assembly.asset_index(market.instrument.settle_asset),
        base_asset=assembly.asset_index(market.instrument.base_asset),
        fee_in_received=schedule.in_received,
    )


def _ns(moment: datetime | None) -> int:
    if moment is None:
        return 0
    return round(moment.timestamp() * 1_000_000) * 1000
