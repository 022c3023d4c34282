"""Queue position from L2 data; the arithmetic is inline in ``queue_models.pxd``, with the contract."""


cdef class QueuePosition:
    """One order's estimated place in the queue of its price level.

    ======================  ==========================================================================================
    model                   when it is right
    ======================  ==========================================================================================
    ``RISK_ADVERSE``        cancels never help: a lower bound on fills. Strategies that pass on it pass on less
    ``POWER`` (n)           cancels come from where the quantity is; the larger n, the surer from the bigger part. n = 2
                            or 3 is usual; fit n on own live fills
    ``POWER2`` (n)          the share behind us to the n: the larger n, the fewer cancels behind, the sooner the fill
    ``POWER3`` (n)          one less the share ahead to the n: the larger n, the more behind, the later the fill
    ``LOG``, ``LOG2``       like ``POWER`` and ``POWER2`` with ln(1 + x): flat for big queues, near ``POWER`` (1) for
                            quantities far below 1 unit
    ``L3_FIFO``             order ids are in the data: `mmbot._core.l3.L3Book` knows the place
    ======================  ==========================================================================================

    Sources: https://quant.stackexchange.com/questions/3782 and
    https://rigtorp.se/2013/06/08/estimating-order-queue-position.html

    Args:
        model: a `QueueModel`.
        n: the exponent of the power models.
        unit: how much quantity one lot is, for the logarithmic models.

    Raises:
        ValueError: an unknown model, or `n` or `unit` not above 0.
    """

    def __cinit__(self, int model, double n = 2.0, double unit = 1.0):
        if model < 0 or model > <int>QueueModel.L3_FIFO:
            raise ValueError(f"QueuePosition: expected a QueueModel, found {model}")
        if not n > 0.0 or not unit > 0.0:
            raise ValueError(f"QueuePosition: expected n > 0 and unit > 0, found {n} and {unit}")
        self.rule = QueueRule(model, n, unit)

    @property
    def front_lots(self):
        """Lots estimated to be ahead; below 0: traded past the order and not taken yet."""
        return self.state.front_lots

    @property
    def cum_lots(self):
        """Lots traded at the price since the level last changed."""
        return self.state.cum_lots

    def enter(self, double level_lots):
        """Takes the place behind all that stands at the price."""
        queue_enter(&self.rule, &self.state, level_lots)

    def trade(self, double qty_lots):
        """A trade at the price, against the order's side."""
        queue_trade(&self.rule, &self.state, qty_lots)

    def change(self, double prev_lots, double new_lots):
        """The level's quantity changed."""
        queue_change(&self.rule, &self.state, prev_lots, new_lots)

    def executed(self):
        """Whole lots that have traded past the order since last asked."""
        return queue_executed(&self.state)
