"""Recorded latencies as hftbacktest reads them: rows are gone through once, and a lost request answers at time 0."""

from __future__ import annotations

import random

import numpy as np
import pytest

from mmbot._core.order_latency import RecordedLatency

Row = tuple[int, int, int]
MS = 1_000_000


class Plain:
    """The same in a few lines of Python."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows, self.sent, self.acted = rows, 0, 0

    @staticmethod
    def line(at: int, first: tuple[int, int], second: tuple[int, int]) -> int:
        (x1, y1), (x2, y2) = first, second
        return int(float(y2 - y1) / float(x2 - x1) * float(at - x1)) + y1  # each rounded by itself

    def entry(self, at: int) -> int:
        if at < self.rows[0][0]:
            return self.rows[0][1] - self.rows[0][0]
        while self.sent + 1 < len(self.rows):
            (req, exch, resp), (next_req, next_exch, next_resp) = self.rows[self.sent : self.sent + 2]
            if req <= at < next_req:
                if min(exch, next_exch) <= 0:
                    return -self.line(at, (req, resp - req), (next_req, next_resp - next_req))
                return self.line(at, (req, exch - req), (next_req, next_exch - next_req))
            self.sent += 1
        return self.rows[-1][1] - self.rows[-1][0]

    def response(self, at: int) -> int:
        if at < self.rows[0][1]:
            return self.rows[0][2] - self.rows[0][1]
        while self.acted + 1 < len(self.rows):
            (_, exch, resp), (_, next_exch, next_resp) = self.rows[self.acted : self.acted + 2]
            if exch <= at < next_exch:
                return self.line(at, (exch, resp - exch), (next_exch, next_resp - next_exch))
            self.acted += 1
        return self.rows[-1][2] - self.rows[-1][1]


def recorded(rows: list[Row], *, as_hftbacktest: bool = False) -> RecordedLatency:
    req, exch, resp = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    return RecordedLatency(req, exch, resp, as_hftbacktest=as_hftbacktest)


@pytest.mark.parametrize("lost", [0.0, 0.1, 0.4])
@pytest.mark.parametrize("seed", range(5))
def test_every_latency_is_that_of_the_plain_rules(seed: int, lost: float) -> None:
    rng = random.Random(seed)
    start_ns = 1_723_161_600_000_000_000
    rows: list[Row] = []
    req = start_ns
    for _ in range(200):
        req += rng.choice((0, 1, 1_000, 1_000_000))
        exch = req + rng.randrange(2_000_000)  # one may well have overtaken another
        rows.append((req, 0 if rows and rng.random() < lost else exch, exch + rng.randrange(2_000_000)))
    rows.append((req + 10, req + 20, req + 30))
    ours, plain = recorded(rows, as_hftbacktest=True), Plain(rows)
    at = start_ns - 1_000_000
    while at < req + 5_000_000:
        assert ours.entry_at(at) == plain.entry(at)
        assert ours.response_at(at) == plain.response(at)
        at += rng.choice((0, 1, 500, 300_000))


def test_an_answer_near_a_lost_request_waits_for_the_next_good_row() -> None:
    rows = [(0, 1, 2), (10, 0, 17), (20, 21, 23), (30, 31, 32)]
    in_ns = [(req * MS, exch * MS, resp * MS) for req, exch, resp in rows]
    assert recorded(in_ns).response_at(11 * MS) == 1_500_000
    assert 11 * MS + recorded(in_ns, as_hftbacktest=True).response_at(11 * MS) == 20_142_858
