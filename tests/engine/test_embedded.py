"""From the config's `exchange` and `venues` sections to an exchange and to connectors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from mmbot.config import Config, load
from mmbot.engine.connect import connect_all
from mmbot.engine.embedded import exchange_config
from mmbot.errors import ConfigError
from mmbot.recordings import locate

ROOT = Path(__file__).resolve().parents[2]


def config(tmp_path: Path, base: str = "demo", **changes: Any) -> Config:
    data = yaml.safe_load((ROOT / "configs" / f"{base}.yaml").read_text())
    for key, value in changes.items():
        data[key] |= value
    path = tmp_path / "bot.yaml"
    path.write_text(yaml.safe_dump(data))
    return load(path, [])


def test_the_exchange_is_what_the_section_says(tmp_path: Path) -> None:
    faults = {"per_minute": {"reject": 2}, "events": [{"kind": "disconnect", "at_s": 3}]}
    section = {"seed": 9, "tls": True, "funding_interval_s": 60, "activity": 2, "faults": faults}
    made = exchange_config(config(tmp_path, exchange=section))
    assert made.exchange.seed == 9
    assert made.exchange.symbols == ("BTCUSDT",)
    assert made.exchange.activity == 2
    assert made.exchange.funding_interval_s == 60
    assert made.tls is True
    assert [fault.kind for fault in made.faults.events] == ["disconnect"]
    assert made.faults.per_minute == {"reject": 2}
    assert made.accounts[0].futures == {"USDT": "100000"}
    assert made.accounts[0].spot["BTC"] == "1"


def test_the_bots_seed_is_the_exchanges_unless_it_has_its_own(tmp_path: Path) -> None:
    assert exchange_config(config(tmp_path, bot={"seed": 31})).exchange.seed == 31


def test_recordings_are_looked_up_below_the_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMBOT_DATA", str(tmp_path))
    (tmp_path / "a.gz").write_bytes(b"")
    assert locate(Path("a.gz")) == tmp_path / "a.gz"
    with pytest.raises(ConfigError, match="MMBOT_DATA"):
        locate(Path("b.gz"))


def test_a_recording_as_fast_as_it_is_consumed_has_speed_0(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data_dir: Path
) -> None:
    monkeypatch.setenv("MMBOT_DATA", str(data_dir))
    made = exchange_config(config(tmp_path, "replay_btcusdt", exchange={"speed": "max"}))
    assert made.exchange.speed == 0
    assert set(made.exchange.recordings) == {("binance_usdm", "BTCUSDT"), ("binance_spot", "BTCUSDT")}


def test_a_venue_elsewhere_needs_its_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("API_KEY", "API_SECRET", "API_KEY_FILE", "API_SECRET_FILE"):
        monkeypatch.delenv(f"BINANCE_USDM_{variable}", raising=False)
    venue = {"kind": "binance_usdm", "endpoint": {"rest": "http://127.0.0.1:1", "ws": "ws://127.0.0.1:1"}}
    with pytest.raises(ConfigError, match="BINANCE_USDM_API_KEY"):
        connect_all(config(tmp_path, venues={"perp": venue}), None, 1)


def test_settings_of_a_venue_reach_its_connector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER_API_KEY", "k")
    monkeypatch.setenv("OTHER_API_SECRET", "s")
    venue = {
        "kind": "binance_usdm", "credentials": "OTHER", "order_entry": "rest", "trade_stream": "trade",
        "endpoint": {"rest": "http://127.0.0.1:1", "ws": "ws://127.0.0.1:1", "routed": False},
        "order_timeout_ms": 1500, "recv_window_ms": 2500, "dead_man_s": 0, "leverage": 5, "margin_mode": "isolated",
    }  # fmt: skip
    made = config(tmp_path, venues={"perp": venue, "spot": venue | {"kind": "binance_spot"}})
    settings = connect_all(made, None, 77)[0]._settings
    assert settings.credentials is not None
    assert settings.credentials.api_key == "k"
    assert settings.endpoint.ws_api is None
    assert settings.endpoint.routed is False
    assert (settings.order_entry, settings.trade_stream) == ("rest", "trade")
    assert (settings.request_timeout_s, settings.recv_window_ms, settings.countdown_ms) == (1.5, 2500, 0)
    assert (settings.session, settings.leverage) == (77, 5)
    assert settings.margin_mode is None  # `set_modes` is off: the account's own stands
