"""Order commands as signed Binance requests."""

from typing import final

from mmbot._core.types import CommandView, Instrument

class BinanceEncoder:
    """Encoder of one account; see ``encode_binance.pxd``.

    Args:
        futures: USD-M rules, else spot rules.
        api_key: the public part of the key.
        secret: the HMAC key; only its derived state is kept.
        client_prefix: text before the order number in client order ids, such as ``"mm7f3a-k3x9q1-"``.
        recv_window_ms: how old a request may be when the venue gets it.
    """

    futures: bool
    clock_offset_ns: int
    recv_window_ms: int
    def __init__(
        self, *, futures: bool, api_key: str, secret: str, client_prefix: str, recv_window_ms: int = 5000
    ) -> None: ...
    def add_market(self, market: int, instrument: Instrument) -> None: ...
    def set_clock_offset(self, offset_ns: int) -> None: ...
    def encode_command(self, command: CommandView) -> bytes: ...
    def encode_query_command(self, command: CommandView) -> bytes: ...
    @staticmethod
    def request_id(command: CommandView) -> str: ...
