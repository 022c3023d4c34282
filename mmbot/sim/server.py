"""The exchange on the wire: one loopback port per venue, one market clock, faults. Embeddable.

::

    async with SimServer(ServerConfig(exchange=ExchangeConfig(seed=7))) as server:
        server.futures.rest         # "http://127.0.0.1:40001": what a client's base URL is set to
        server.futures.ws           # "ws://127.0.0.1:40001": + /ws, /stream, /public/ws, /market/ws, /private/ws ...
        server.futures.ws_api       # "ws://127.0.0.1:40001/ws-fapi/v1"
        server.credentials()        # (api key, secret) of the first account
        server.ca_file              # PEM to trust, with tls=True
        server.ledger()             # the exchange's own books of the first account
        server.inject(Fault(kind=FaultKind.ABORT, target="user"))
        server.injector.injected    # what has gone wrong so far, by kind

Runs on the event loop it is entered on. A server whose task fails raises from `__aexit__`, and `failed` is set.
"""
