"""What Binance's venues have in common: signing, error codes, the websocket order API, market streams.

The venues themselves are `mmbot.venues.binance_usdm` and `mmbot.venues.binance_spot`.
"""
