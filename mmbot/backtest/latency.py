"""Order latencies of a market: from the config, from files, or from the session that is repeated."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mmbot._core.order_latency import ConstantLatency, FeedLatency, OrderLatency, RecordedLatency
from mmbot.config.backtest import ConstantLatencyConfig, FeedLatencyConfig
from mmbot.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mmbot.backtest.session import Session
    from mmbot.config import Config
    from mmbot.config.backtest import LatencyConfig


class Found(NamedTuple):
    """Latencies, and what is to be said of where they come from; empty: nothing."""

    latency: OrderLatency
    remark: str = ""


def latency_of(config: Config, market: str, session: Session | None) -> Found:
    """The order latency of a market.

    Where latencies were recorded, but none on this market, as on one that was never hedged on, those of another one
    are taken: of the same venue first.

    Raises:
        ConfigError: a file cannot be read, or a folder has none for any market.
    """
    settings = config.backtest
    assert settings is not None  # noqa: S101 - a backtest runs
    own = settings.markets[market].latency if market in settings.markets else None
    if session is not None and own is None and "latency" not in settings.model_fields_set:
        for name in _nearest(config, market):
            if (found := session.latency(name)) is not None:
                return Found(found, "" if name == market else _borrowed(market, name, "the session"))
        return Found(
            _of(settings.latency, market, ()).latency, f"{market}: the session sent no order: latency is as by default"
        )
    return _of(own or settings.latency, market, _nearest(config, market), as_hftbacktest=settings.like_hftbacktest)


def _nearest(config: Config, market: str) -> list[str]:
    """The market itself, others of its venue, the others."""
    venue = config.markets[market].venue
    return sorted(config.markets, key=lambda name: (name != market, config.markets[name].venue != venue))


def _borrowed(market: str, other: str, where: str) -> str:
    return f"{market}: {where} has no order on it: latencies are those of {other}"


def _of(model: LatencyConfig, market: str, near: Sequence[str], *, as_hftbacktest: bool = False) -> Found:
    if isinstance(model, ConstantLatencyConfig):
        return Found(ConstantLatency(round(model.entry_us * 1000), round(model.response_us * 1000)))
    if isinstance(model, FeedLatencyConfig):
        return Found(
            FeedLatency(
                model.entry_factor,
                model.response_factor,
                round(model.entry_offset_us * 1000),
                round(model.response_offset_us * 1000),
            )
        )
    path = model.file.expanduser()
    if not path.is_dir():
        return Found(_recorded(path, as_hftbacktest=as_hftbacktest))
    for name in near:
        if (path / f"{name}.npz").exists():
            latency = _recorded(path / f"{name}.npz", as_hftbacktest=as_hftbacktest)
            return Found(latency, "" if name == market else _borrowed(market, name, str(path)))
    raise ConfigError(f"latency folder {path}: expected {market}.npz, or that of another market; found neither")


def _recorded(path: Path, *, as_hftbacktest: bool) -> RecordedLatency:
    try:
        with np.load(path) as arrays:
            return RecordedLatency(
                arrays["req_ns"],
                arrays["exch_ns"],
                arrays["resp_ns"],
                fill_exch_ns=arrays.get("fill_exch_ns"),
                fill_resp_ns=arrays.get("fill_resp_ns"),
                as_hftbacktest=as_hftbacktest,
            )
    except (OSError, KeyError, ValueError) as error:
        raise ConfigError(f"latency file {path}: expected arrays req_ns, exch_ns, resp_ns; {error}") from None
