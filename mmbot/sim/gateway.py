"""One venue's front door, whatever the transport: allowance, identity, order counts, then the exchange.

REST and the websocket API both come through here, so a rule exists once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmbot.sim import wire_errors
from mmbot.sim.endpoint import Call, Endpoint, Params, Security

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mmbot.sim.auth import Credential, KeyRing
    from mmbot.sim.exchange import User
    from mmbot.sim.faults import Fault, FaultInjector
    from mmbot.sim.futures import FuturesVenue
    from mmbot.sim.limits import RateLimiter
    from mmbot.sim.listen_keys import ListenKeys
    from mmbot.sim.server_clock import ServerClock
    from mmbot.sim.spot import SpotVenue


@dataclass(slots=True)
class Gateway:
    """Everything that answering a request of one venue needs.

    Attributes:
        venue: the exchange behind it.
        wallet: where the account's coins are (the spot venue, also seen from the futures port).
        users: by account name.
        keys: API keys.
        limiter: counts weight and orders.
        listen_keys: of the user streams.
        injector: spoils acknowledgements.
        clock: the server's.
    """

    venue: FuturesVenue | SpotVenue
    wallet: SpotVenue
    users: Mapping[str, User]
    keys: KeyRing
    limiter: RateLimiter
    listen_keys: ListenKeys
    injector: FaultInjector
    clock: ServerClock

    def charge(self, endpoint: Endpoint, ip: str, params: Params) -> None:
        """Take the request's weight; raises ApiError -1003 (429 or 418)."""
        self.limiter.charge(ip, endpoint.weight(params), self.clock.now_s())

    def permit(self, endpoint: Endpoint, credential: Credential) -> User:
        """The user behind a proved key; raises ApiError -2015 when the key may not do this."""
        if endpoint.security is Security.TRADE and not credential.can_trade:
            raise wire_errors.rejected_key()
        return self.users[credential.account]

    def run(self, endpoint: Endpoint, user: User | None, params: Params) -> Any:
        """Carry a request out.

        Returns:
            The wire-shaped answer.

        Raises:
            Refused: in the venue's words.
        """
        now_ns = self.clock.now_ns()
        if endpoint.orders is None or user is None:
            return endpoint.handle(Call(self, user, params, now_ns))
        orders, now_s = endpoint.orders(params), self.clock.now_s()
        self.limiter.check_orders(user.name, orders, now_s)
        answer = endpoint.handle(Call(self, user, params, now_ns))
        self.limiter.count_orders(user.name, orders, now_s)
        return answer

    def fault(self, endpoint: Endpoint) -> Fault | None:
        """The fault that spoils the answer to this request."""
        if endpoint.order_entry and self.injector.armed:
            return self.injector.take_request(self.venue.name)
        return None
