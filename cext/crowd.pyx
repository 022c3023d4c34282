"""Body of the simulated traders; ``crowd.pxd`` says how they behave."""

from libc.math cimport ceil, exp, fabs, floor, log, sqrt
from libc.stdint cimport INT64_MAX, int32_t
from libc.stdlib cimport free, malloc, realloc

from mmbot._core.matching cimport MatchingEngine, Order, SelfTrade
from mmbot._core.types cimport GTX, IOC

# How the log-volatility moves: back to its mean in about this many seconds, with this standard deviation.
cdef double VOL_RETURN_S = 120.0
cdef double VOL_DEVIATION = 0.5
cdef double BASIS_RETURN_S = 60.0
cdef double EXCITEMENT_S = 0.4          # bursts of trades last about this long
cdef double STALE_HASTE = 8.0           # how much faster the crowd acts while orders are stale
cdef double TAKE_SHARE = 0.1            # of calm actions, those that take, on average
cdef double BRANCHING = 0.6             # trades that each trade brings about
cdef double CANCEL_SHARE = 0.9          # of stale orders, those that their makers cancel in time
cdef double TOUCH_SIZE = 8.0            # orders at the touch are so much larger
cdef double REACH = 0.0004              # how deep a taker goes, as a fraction of the price


cdef class Crowd:
    """Simulated traders of several markets, driven by time.

    Args:
        seed: decides everything, together with the limits passed to `step`.
        start_ns: when it begins.
    """

    def __cinit__(self, uint64_t seed, int64_t start_ns):
        cdef uint64_t x = seed, z
        cdef int i
        for i in range(4):      # splitmix64
            x += <uint64_t>0x9E3779B97F4A7C15
            z = x
            z = (z ^ (z >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
            z = (z ^ (z >> 27)) * <uint64_t>0x94D049BB133111EB
            self.state[i] = z ^ (z >> 31)
        self.engines = []
        self.now_ns = start_ns
        self.next_ns = INT64_MAX
        self.next_id = -1

    def __dealloc__(self):
        cdef int i
        for i in range(self.n_markets):
            free(self.traders[i].ids[0])
            free(self.traders[i].ids[1])
        free(self.assets)
        free(self.traders)
        free(self.heap)

    # -- chance ---------------------------------------------------------------------------------------------------

    cdef uint64_t _random(self) noexcept nogil:     # xoshiro256++
        cdef uint64_t* s = self.state
        cdef uint64_t sum = s[0] + s[3]
        cdef uint64_t result = ((sum << 23) | (sum >> 41)) + s[0]
        cdef uint64_t t = s[1] << 17
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = (s[3] << 45) | (s[3] >> 19)
        return result

    cdef double _uniform(self) noexcept nogil:      # (0, 1)
        return (<double>(self._random() >> 11) + 0.5) * 1.1102230246251565e-16

    cdef double _normal(self) noexcept nogil:       # Marsaglia's polar method
        cdef double u, v, r
        if self.has_spare:
            self.has_spare = False
            return self.spare_normal
        while True:
            u = 2.0 * self._uniform() - 1.0
            v = 2.0 * self._uniform() - 1.0
            r = u * u + v * v
            if 0.0 < r < 1.0:
                break
        r = sqrt(-2.0 * log(r) / r)
        self.spare_normal = v * r
        self.has_spare = True
        return u * r

    cdef double _exponential(self) noexcept nogil:
        return -log(self._uniform())

    # -- prices ---------------------------------------------------------------------------------------------------

    cdef int _move(self, Asset* asset, int64_t now_ns) noexcept nogil:
        cdef double elapsed_s = <double>(now_ns - asset.updated_ns) * 1e-9
        if elapsed_s <= 0.0:
            return 0
        asset.updated_ns = now_ns
        cdef double kept = exp(-elapsed_s / VOL_RETURN_S)
        asset.log_vol = asset.log_vol * kept + VOL_DEVIATION * sqrt(1.0 - kept * kept) * self._normal()
        asset.fair *= exp(asset.volatility * exp(asset.log_vol) * sqrt(elapsed_s) * self._normal())
        return 0

    cdef int _follow(self, Trader* trader, double elapsed_s) noexcept nogil:
        """Move basis and excitement on, and the makers' reference if fair has left it."""
        cdef double kept = exp(-elapsed_s / BASIS_RETURN_S)
        trader.basis = (
            trader.basis_mean + (trader.basis - trader.basis_mean) * kept
            + trader.basis_volatility * sqrt(1.0 - kept * kept) * self._normal()
        )
        trader.excitement *= exp(-elapsed_s / EXCITEMENT_S)
        cdef double fair = self.assets[trader.asset].fair * (1.0 + trader.basis) / trader.tick
        if fabs(fair - trader.reference) > trader.stickiness * fair:
            trader.reference = fair
        return 0

    cdef int64_t _lots(self, double median, double spread) noexcept nogil:
        cdef double lots = median * exp(spread * self._normal())
        return <int64_t>lots + 1 if lots < 1e9 else 1000000000

    cdef int64_t _distance(self, Trader* trader) noexcept nogil:
        """Ticks behind the touch of a new order: a quarter at it, most within a few basis points, some far out."""
        cdef double u = self._uniform()
        cdef double price = trader.reference
        if u < 0.25:
            return 0
        if u < 0.8:
            return <int64_t>(self._exponential() * price * 0.0002)
        if u < 0.97:
            return <int64_t>(self._exponential() * price * 0.0012)
        return <int64_t>(self._exponential() * price * 0.008)

    # -- actions --------------------------------------------------------------------------------------------------

    cdef int _remember(self, Trader* trader, int side, int64_t id) except -1 nogil:
        cdef int64_t* grown
        if trader.n_ids[side] == trader.capacity[side]:
            grown = <int64_t*>realloc(trader.ids[side], <size_t>trader.capacity[side] * 2 * sizeof(int64_t))
            if grown == NULL:
                with gil:
                    raise MemoryError
            trader.ids[side] = grown
            trader.capacity[side] *= 2
        trader.ids[side][trader.n_ids[side]] = id
        trader.n_ids[side] += 1
        return 0

    cdef int _add(self, Trader* trader, int side, int64_t price_ticks) except -1 nogil:
        """A maker's order, no better than one tick short of the other side."""
        cdef int64_t other = self.engine.c_best(1 - side)
        if other:
            if side == 0 and price_ticks >= other:
                price_ticks = other - 1
            elif side == 1 and price_ticks <= other:
                price_ticks = other + 1
        if price_ticks < 1:
            return 0
        cdef bint touch = fabs(<double>price_ticks - floor(trader.reference)) <= 1.0
        cdef int64_t lots = self._lots(trader.median_lots * (TOUCH_SIZE if touch else 1.0), 1.2)
        self.engine.c_place(self.next_id, 0, side, price_ticks, lots, GTX, SelfTrade.ALLOW)
        self._remember(trader, side, self.next_id)
        self.next_id -= 1
        return 0

    cdef int _cancel_one(self, Trader* trader, int side) except -1 nogil:
        """Cancel one of the crowd's orders at random, forgetting those met that are gone."""
        cdef int _attempt
        cdef int32_t at
        cdef int64_t id
        for _attempt in range(8):
            if trader.n_ids[side] == 0:
                return 0
            at = <int32_t>(self._random() % <uint64_t>trader.n_ids[side])
            id = trader.ids[side][at]
            trader.n_ids[side] -= 1
            trader.ids[side][at] = trader.ids[side][trader.n_ids[side]]
            if self.engine.c_cancel(id):
                return 1
        return 0

    cdef int _forget_one(self, Trader* trader, int side) noexcept nogil:
        """Look at one order that the crowd believes to have, and forget it if it has traded."""
        if trader.n_ids[side] == 0:
            return 0
        cdef int32_t at = <int32_t>(self._random() % <uint64_t>trader.n_ids[side])
        if self.engine.c_find(trader.ids[side][at]) == NULL:
            trader.n_ids[side] -= 1
            trader.ids[side][at] = trader.ids[side][trader.n_ids[side]]
        return 0

    cdef int _take(self, Trader* trader, int side, int64_t lots) except -1 nogil:
        """A taker's order; fair moves a little its way."""
        cdef int64_t best = self.engine.c_best(1 - side)
        if best == 0:
            return 0
        cdef int64_t reach = <int64_t>(REACH * <double>best)
        cdef int64_t limit = best + reach if side == 0 else best - reach
        if limit < 1:
            limit = 1
        self.engine.c_place(self.next_id, 0, side, limit, lots, IOC, SelfTrade.ALLOW)
        self.next_id -= 1
        trader.excitement += 1.0
        trader.taker_side = side
        cdef double size = <double>lots / trader.median_lots
        cdef double push = trader.impact * (size if size < 20.0 else 20.0)
        self.assets[trader.asset].fair *= 1.0 + (push if side == 0 else -push)
        return 1

    cdef bint _sweep_stale(self, Trader* trader) except -1 nogil:
        """Deal with one order that fair has moved through: its maker cancels it, or somebody takes it."""
        cdef int side
        cdef Order* front
        for side in range(2):
            front = self.engine.c_front(side)
            if front == NULL:
                continue
            if side == 0 and <double>front.price_ticks <= floor(trader.reference):
                continue
            if side == 1 and <double>front.price_ticks >= floor(trader.reference) + 1.0:
                continue
            if front.owner == 0 and self._uniform() < CANCEL_SHARE:
                self.engine.c_cancel(front.id)
            elif front.owner == 0 or self._uniform() < 0.5:
                self._take(trader, 1 - side, front.left_lots)
            return True
        return False

    cdef bint _close_gap(self, Trader* trader) except -1 nogil:
        """Somebody steps in front where the touch is behind the reference."""
        cdef int64_t bid = self.engine.c_best(0), ask = self.engine.c_best(1)
        cdef int64_t inner = <int64_t>floor(trader.reference)
        cdef int64_t bid_gap = inner - bid if bid else INT64_MAX
        cdef int64_t ask_gap = ask - inner - 1 if ask else INT64_MAX
        if (bid_gap <= 0 and ask_gap <= 0) or self._uniform() > 0.7:
            return False
        cdef int side = 0 if bid_gap > ask_gap else 1
        cdef int64_t gap = bid_gap if side == 0 else ask_gap
        cdef int64_t behind = 0
        if gap < INT64_MAX and self._uniform() < 0.5:
            behind = <int64_t>(self._uniform() * <double>gap)
        self._add(trader, side, inner - behind if side == 0 else inner + 1 + behind)
        return True

    cdef int _act(self, Trader* trader) except -1 nogil:
        if self._sweep_stale(trader):
            return 0
        if self._close_gap(trader):
            return 0
        cdef int side
        # A self-exciting (Hawkes) process: its mean rate is TAKE_SHARE of the actions.
        cdef double calm = trader.rate * TAKE_SHARE * EXCITEMENT_S
        cdef double take = TAKE_SHARE * (1.0 - BRANCHING + BRANCHING * trader.excitement / calm)
        if take > 0.5:
            take = 0.5
        if self._uniform() < take:
            side = trader.taker_side if self._uniform() < 0.65 else 1 - trader.taker_side
            return self._take(trader, side, self._lots(0.5 * trader.median_lots, 1.4))
        side = <int>(self._random() >> 63)
        self._forget_one(trader, side)
        # Adding is as likely as cancelling when the side is as full as it should be.
        cdef double fullness = <double>trader.n_ids[side] / <double>trader.target
        if self._uniform() * 2.0 < fullness:
            return self._cancel_one(trader, side)
        cdef int64_t inner = <int64_t>floor(trader.reference)
        cdef int64_t distance = self._distance(trader)
        return self._add(trader, side, inner - distance if side == 0 else inner + 1 + distance)

    # -- who acts next: a heap, so that a thousand markets cost little more than one ------------------------------

    cdef bint _before(self, int32_t a, int32_t b) noexcept nogil:
        """Whether market `a` acts before `b`; of two at the same time, the first listed."""
        cdef int64_t time_a = self.traders[a].next_ns, time_b = self.traders[b].next_ns
        return time_a < time_b or (time_a == time_b and a < b)

    cdef void _sink(self) noexcept nogil:
        """The first market has a later time now: put it where it belongs."""
        cdef int32_t at = 0, child
        cdef int32_t market = self.heap[0]
        while True:
            child = 2 * at + 1
            if child >= self.n_markets:
                break
            if child + 1 < self.n_markets and self._before(self.heap[child + 1], self.heap[child]):
                child += 1
            if not self._before(self.heap[child], market):
                break
            self.heap[at] = self.heap[child]
            at = child
        self.heap[at] = market
        self.next_ns = self.traders[self.heap[0]].next_ns

    cdef void _rise(self, int32_t at) noexcept nogil:
        """A market was added at the end of the heap: put it where it belongs."""
        cdef int32_t market = self.heap[at], parent
        while at > 0:
            parent = (at - 1) // 2
            if not self._before(market, self.heap[parent]):
                break
            self.heap[at] = self.heap[parent]
            at = parent
        self.heap[at] = market
        self.next_ns = self.traders[self.heap[0]].next_ns

    # -- Python's face --------------------------------------------------------------------------------------------

    def add_asset(self, double fair, *, double yearly_volatility=0.4) -> int:
        """Let an asset have a price; returns its index.

        Raises:
            ValueError: a price or volatility that is not positive.
        """
        if not fair > 0 or not yearly_volatility >= 0:
            raise ValueError(f"asset: expected price > 0, volatility >= 0, found {fair}, {yearly_volatility}")
        cdef int32_t room
        cdef void* grown
        if self.n_assets == self.room_assets:
            room = max(8, self.room_assets * 2)
            grown = realloc(self.assets, <size_t>room * sizeof(Asset))
            if grown == NULL:
                raise MemoryError
            self.assets, self.room_assets = <Asset*>grown, room
        cdef Asset* asset = &self.assets[self.n_assets]
        asset.fair, asset.log_vol, asset.updated_ns = fair, 0.0, self.now_ns
        asset.volatility = yearly_volatility / sqrt(365.25 * 86400.0)
        self.n_assets += 1
        return self.n_assets - 1

    def add_market(
        self, MatchingEngine engine, *, int asset, double tick, double rate=300.0, int target=1000,
        double median_lots=20.0, double basis=0.0, double basis_deviation=0.0001, double stickiness=0.00005,
        double impact=2e-7,
    ) -> int:
        """Have the crowd trade in a market of an asset, beginning with a full book; returns the market's index.

        Args:
            engine: its matching engine; crowd orders have owner 0 and ids below 0.
            asset: index of the asset.
            tick: quote units per tick.
            rate: actions per second, in calm.
            target: resting orders a side.
            median_lots: of makers' orders.
            basis: mean of market price / fair price - 1; it swings by `basis_deviation` and returns in a minute.
            stickiness: makers re-quote when fair has moved by this fraction.
            impact: fraction by which a taker's order of median size moves fair.

        Raises:
            ValueError: no such asset, or a number that is not positive.
        """
        if not 0 <= asset < self.n_assets:
            raise ValueError(f"market: expected an asset below {self.n_assets}, found {asset}")
        if not (tick > 0 and rate > 0 and target > 0 and median_lots > 0):
            raise ValueError(f"market: expected positive numbers, found {tick}, {rate}, {target}, {median_lots}")
        self._make_room()
        cdef Trader* trader = &self.traders[self.n_markets]
        trader.asset, trader.tick, trader.rate, trader.target = asset, tick, rate, target
        trader.basis, trader.basis_mean, trader.basis_volatility = basis, basis, basis_deviation
        trader.stickiness, trader.median_lots, trader.impact = stickiness, median_lots, impact
        trader.reference = self.assets[asset].fair * (1.0 + basis) / tick
        trader.excitement, trader.taker_side = 0.0, 0
        trader.last_ns = self.now_ns
        trader.next_ns = self.now_ns + <int64_t>(self._exponential() / rate * 1e9)
        cdef int side, i
        for side in range(2):
            trader.capacity[side], trader.n_ids[side] = target * 4, 0
            trader.ids[side] = <int64_t*>malloc(<size_t>target * 4 * sizeof(int64_t))
        if trader.ids[0] == NULL or trader.ids[1] == NULL:
            free(trader.ids[0])
            free(trader.ids[1])
            raise MemoryError
        self.engines.append(engine)
        self.n_markets += 1
        self.engine = engine
        cdef int64_t inner = <int64_t>floor(trader.reference), distance
        for i in range(target):
            for side in range(2):
                distance = 0 if i == 0 else self._distance(trader)
                self._add(trader, side, inner - distance if side == 0 else inner + 1 + distance)
        self.heap[self.n_markets - 1] = self.n_markets - 1
        self._rise(self.n_markets - 1)
        return self.n_markets - 1

    cdef int _make_room(self) except -1:
        """For one more market."""
        cdef int32_t room = max(8, self.room_markets * 2)
        cdef void* grown
        if self.n_markets < self.room_markets:
            return 0
        grown = realloc(self.traders, <size_t>room * sizeof(Trader))
        if grown == NULL:
            raise MemoryError
        self.traders = <Trader*>grown
        grown = realloc(self.heap, <size_t>room * sizeof(int32_t))
        if grown == NULL:
            raise MemoryError
        self.heap, self.room_markets = <int32_t*>grown, room
        return 0

    def step(self, int64_t limit_ns) -> int:
        """Let the next action happen if it is due by `limit_ns`.

        Returns:
            The index of the market that acted, its engine holding the trades and changes; -1 if nothing was due.
        """
        if self.next_ns > limit_ns:
            return -1
        cdef int acting = self.heap[0]
        cdef Trader* trader = &self.traders[acting]
        cdef int64_t now_ns = trader.next_ns
        self.now_ns = now_ns
        self.engine = self.engines[acting]
        self.engine.n_fills = self.engine.n_expiries = 0
        self._move(&self.assets[trader.asset], now_ns)
        self._follow(trader, <double>(now_ns - trader.last_ns) * 1e-9)
        trader.last_ns = now_ns
        self._act(trader)
        cdef double bid = <double>self.engine.c_best(0), ask = <double>self.engine.c_best(1)
        cdef bint stale = bid > floor(trader.reference) or (ask > 0 and ask < ceil(trader.reference))
        cdef double wait_s = self._exponential() / (trader.rate * (STALE_HASTE if stale else 1.0))
        trader.next_ns = now_ns + 1 + <int64_t>(wait_s * 1e9)
        self._sink()
        return acting

    def fair(self, int asset) -> float:
        """An asset's fair price now.

        Raises:
            IndexError: there is no such asset.
        """
        if not 0 <= asset < self.n_assets:
            raise IndexError(f"asset: expected below {self.n_assets}, found {asset}")
        return self.assets[asset].fair
