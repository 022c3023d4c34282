"""What a frame says, for Python; see ``message.pxd``."""


cdef class Frame:
    """One decoded frame, every field of `Decoded` by name; made by a `Decoder`."""

    @property
    def kind(self) -> int:
        """`MessageKind`."""
        return self.data.kind

    @property
    def market(self) -> int:
        """Index of its market, -1 for none."""
        return self.data.market

    @property
    def last_id(self) -> int:
        """The last update id it carries."""
        return self.data.last_id

    @property
    def event_ts_ns(self) -> int:
        """The venue's time of sending, 0 when not stated."""
        return self.data.event_ts_ns

    def as_dict(self) -> dict:
        """Every field; levels as lists of ``(price_ticks, qty_lots)``, valid only before the decoder's next call."""
        cdef Decoded* data = &self.data
        return {
            "kind": data.kind, "market": data.market, "reason": data.reason,
            "event_ts_ns": data.event_ts_ns, "txn_ts_ns": data.txn_ts_ns,
            "first_id": data.first_id, "last_id": data.last_id, "prev_id": data.prev_id,
            "bids": [(data.bids[i].price_ticks, data.bids[i].qty_lots) for i in range(data.n_bids)],
            "n_dust": data.n_dust,
            "asks": [(data.asks[i].price_ticks, data.asks[i].qty_lots) for i in range(data.n_asks)],
            "bid_ticks": data.bid_ticks, "bid_lots": data.bid_lots,
            "ask_ticks": data.ask_ticks, "ask_lots": data.ask_lots,
            "price_ticks": data.price_ticks, "qty_lots": data.qty_lots, "trade_id": data.trade_id,
            "taker_side": data.taker_side, "is_market": data.is_market,
            "mark_price": data.mark_price, "index_price": data.index_price,
            "settle_price": data.settle_price, "funding_rate": data.funding_rate,
            "next_funding_ns": data.next_funding_ns,
            "control_id": data.control_id, "control_code": data.control_code,
        }
