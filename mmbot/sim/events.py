"""What leaves the exchange: market data as wire bytes, private messages as wire-shaped dicts, refusals as exceptions.

The protocol servers add nothing but the envelope: a market event's `payload` is the JSON text of the message itself
(what a raw ``/ws/<stream>`` connection receives; a combined one gets ``{"stream":"<stream>","data":<payload>}``), and a
user event's `payload` is the private message ready to serialise. Samples: Binance's documents of the user data
streams; market frames have the key order and digits of real recordings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mmbot.errors import MmbotError


@dataclass(frozen=True, slots=True)
class MarketEvent:
    """One market data message of one subscribed stream.

    Attributes:
        venue: ``"binance_usdm"`` or ``"binance_spot"``.
        stream: exactly the name that was subscribed, such as ``"btcusdt@depth@100ms"``.
        payload: JSON bytes of the message, without the combined-stream envelope.
    """

    venue: str
    stream: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class UserEvent:
    """One private message.

    Attributes:
        venue: as in `MarketEvent`.
        user: the account's name (`User.name`), not a key.
        payload: ``ORDER_TRADE_UPDATE``, ``TRADE_LITE``, ``ACCOUNT_UPDATE``, ``ACCOUNT_CONFIG_UPDATE`` (futures) or
            ``executionReport``, ``outboundAccountPosition`` (spot), as on the wire.
    """

    venue: str
    user: str
    payload: dict[str, Any]


Event = MarketEvent | UserEvent


class Refused(MmbotError):
    """The exchange refuses a request: Binance's ``{"code": code, "msg": msg}`` with `status` as the HTTP status.

    Codes raised here (futures F, spot S): -1013 filter failure (S), -1102 mandatory parameter missing, -1106 unneeded
    parameter, -1111 too precise, -1115 time in force, -1116 order type, -1117 side, -1121 symbol, -1128 combination,
    -1130 value; -2010 order rejected (S), -2011 unknown order at cancel, -2013 no such order, -2019 margin (F),
    -2021 amend/replace failed (S), -2022 reduce only (F), -2027/-2028 leverage limits (F), -2038 amend rejected (S),
    -4003/-4005 quantity (F), -4014 tick (F), -4015 client id, -4016/-4024 price band (F), -4023 step (F),
    -4028 leverage (F), -4046 margin type unchanged (F), -4059 position mode unchanged (F), -4061 position side (F),
    -4116 duplicate client id (F), -4120 conditional order (F), -4164 notional (F), -5022 post only (F),
    -5021 fill or kill (F), -5027 nothing to amend (F), -1003 and others only by injected faults.
    """

    def __init__(self, code: int, msg: str, *, status: int = 400, data: dict[str, Any] | None = None) -> None:
        super().__init__(f"{code}: {msg}")
        self.code = code
        self.msg = msg
        self.status = status
        self.data = data

    def payload(self) -> dict[str, Any]:
        """The body to send; ``data`` only where there is some (a failed cancelReplace)."""
        body: dict[str, Any] = {"code": self.code, "msg": self.msg}
        if self.data is not None:
            body["data"] = self.data
        return body
