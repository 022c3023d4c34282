"""The error table: what each code says about an order, and which error it becomes."""

from __future__ import annotations

import pytest

from mmbot._core.types import CommandKind, OrderEventKind
from mmbot.errors import AuthError, RateLimited, Rejected, UnknownOrderState
from mmbot.venues.binance.errors import Outcome, error_of, event_kind, outcome_of
from mmbot.venues.binance_spot.errors import CODES as SPOT
from mmbot.venues.binance_usdm.errors import CODES as USDM

PLACE, AMEND = CommandKind.PLACE, CommandKind.AMEND_ORDER
CANCEL, QUERY = CommandKind.CANCEL_ORDER, CommandKind.QUERY_ORDER
KIND = OrderEventKind


@pytest.mark.parametrize(
    ("code", "status", "message", "place", "amend", "cancel", "query"),
    [
        (-1006, 400, "", KIND.LOST, KIND.LOST, KIND.LOST, KIND.LOST),
        (-1007, 408, "", KIND.LOST, KIND.LOST, KIND.LOST, KIND.LOST),
        (-1001, 400, "", KIND.LOST, KIND.LOST, KIND.LOST, KIND.LOST),
        (0, 503, "Unknown error, please check your request or try again later.", *[KIND.LOST] * 4),
        (0, 502, "<html>Bad gateway", *[KIND.LOST] * 4),
        (0, 503, "Service Unavailable.", KIND.REJECT, KIND.AMEND_REJECT, KIND.CANCEL_REJECT, KIND.LOST),
        (-1008, 503, "", KIND.REJECT, KIND.AMEND_REJECT, KIND.CANCEL_REJECT, KIND.LOST),
        (-1003, 429, "", KIND.REJECT, KIND.AMEND_REJECT, KIND.CANCEL_REJECT, KIND.LOST),
        (-1015, 400, "", KIND.REJECT, KIND.AMEND_REJECT, KIND.CANCEL_REJECT, KIND.LOST),
        (-1021, 400, "", KIND.REJECT, KIND.AMEND_REJECT, KIND.CANCEL_REJECT, KIND.LOST),
        (-2011, 400, "", KIND.REJECT, KIND.NOT_FOUND, KIND.NOT_FOUND, KIND.NOT_FOUND),
        (-2013, 400, "", KIND.REJECT, KIND.NOT_FOUND, KIND.NOT_FOUND, KIND.NOT_FOUND),
        (-5022, 400, "", KIND.REJECT, KIND.AMEND_REJECT, KIND.CANCEL_REJECT, KIND.LOST),
        (-2010, 400, "", KIND.REJECT, KIND.AMEND_REJECT, KIND.CANCEL_REJECT, KIND.LOST),
        (-2019, 400, "", KIND.REJECT, KIND.AMEND_REJECT, KIND.CANCEL_REJECT, KIND.LOST),
        (-98765, 400, "never seen", KIND.REJECT, KIND.AMEND_REJECT, KIND.CANCEL_REJECT, KIND.LOST),
    ],
)
@pytest.mark.parametrize("codes", [USDM, SPOT])
def test_what_an_error_means_for_an_order(  # noqa: PLR0917 - a table with its columns
    codes, code, status, message, place, amend, cancel, query
) -> None:
    outcome = outcome_of(codes, code, message, status)
    assert [event_kind(kind, outcome) for kind in (PLACE, AMEND, CANCEL, QUERY)] == [place, amend, cancel, query]


def test_a_duplicate_id_means_that_an_order_is_there() -> None:
    assert event_kind(PLACE, outcome_of(SPOT, -2010, "Duplicate order sent.", 400)) == KIND.LOST


def test_futures_have_codes_of_their_own() -> None:
    assert event_kind(AMEND, outcome_of(USDM, -5027, "No need to modify the order.", 400)) == KIND.LOST
    assert event_kind(PLACE, outcome_of(USDM, -4116, "ClientOrderId is duplicated.", 400)) == KIND.LOST
    assert outcome_of(USDM, -4046, "", 400) is Outcome.UNCHANGED
    assert outcome_of(SPOT, -4046, "", 400) is Outcome.REFUSED


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        (Outcome.UNKNOWN, UnknownOrderState),
        (Outcome.RATE, RateLimited),
        (Outcome.AUTH, AuthError),
        (Outcome.REFUSED, Rejected),
        (Outcome.GONE, Rejected),
        (Outcome.CLOCK, Rejected),
    ],
)
def test_errors_keep_the_venues_code(outcome: Outcome, kind: type) -> None:
    error = error_of(outcome, "POST /order", -42, "because")
    assert type(error) is kind
    assert error.code == -42
    assert str(error) == "POST /order: because (code -42)"


@pytest.mark.parametrize(("status", "outcome"), [(401, Outcome.AUTH), (403, Outcome.RATE), (418, Outcome.RATE)])
def test_pages_without_a_code_are_judged_by_their_status(status: int, outcome: Outcome) -> None:
    assert outcome_of(USDM, 0, "<html>", status) is outcome
