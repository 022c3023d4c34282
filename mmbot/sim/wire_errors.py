"""Errors as the venue words them: a code, a message, an HTTP status.

Codes and texts follow the venue's published error list. `status` is what the REST side answers with, and what stands in
the ``status`` field of a websocket API answer.
"""

from __future__ import annotations

from mmbot.sim.events import Refused

UNKNOWN_STATE_503 = "Unknown error, please check your request or try again later."


class ApiError(Refused):
    """A refusal by the protocol layer, before the exchange has seen the request.

    Args:
        code: the venue's error number, negative.
        msg: its text, as it goes over the wire.
        status: HTTP status.
        retry_after_s: seconds for the ``Retry-After`` header; 0 sends none.
        data: extra content of a websocket API error (``serverTime``, ``retryAfter``).
    """

    def __init__(
        self, code: int, msg: str, status: int = 400, *, retry_after_s: int = 0, data: dict[str, object] | None = None
    ) -> None:
        super().__init__(code, msg, status=status, data=data)
        self.retry_after_s = retry_after_s


def mandatory(name: str) -> ApiError:
    """-1102: a required parameter is missing, empty or malformed."""
    return ApiError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def either_of(first: str, second: str) -> ApiError:
    """-1102: one of two parameters has to be there."""
    return ApiError(-1102, f"Param '{first}' or '{second}' must be sent, but both were empty/null!")


def illegal(name: str, legal: str) -> ApiError:
    """-1100: a parameter does not match its pattern."""
    return ApiError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")


def invalid_data(name: str) -> ApiError:
    """-1130: a parameter has a value outside its list."""
    return ApiError(-1130, f"Data sent for parameter '{name}' is not valid.")


def bad_key_format() -> ApiError:
    """-2014: no key was sent, or something that cannot be one."""
    return ApiError(-2014, "API-key format invalid.", 401)


def rejected_key() -> ApiError:
    """-2015: nobody has this key, or it may not do this."""
    return ApiError(-2015, "Invalid API-key, IP, or permissions for action.", 401)


def bad_signature() -> ApiError:
    """-1022: the signature is not that of the text received."""
    return ApiError(-1022, "Signature for this request is not valid.")


def too_late() -> ApiError:
    """-1021: the request is older than its receive window."""
    return ApiError(-1021, "Timestamp for this request is outside of the recvWindow.")


def too_early() -> ApiError:
    """-1021: the client's clock is ahead of the server's."""
    return ApiError(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")


def bad_symbol() -> ApiError:
    """-1121: the venue does not list it."""
    return ApiError(-1121, "Invalid symbol.")


def state_unknown() -> ApiError:
    """-1007: the backend did not answer in time; the order may be live."""
    return ApiError(
        -1007, "Timeout waiting for response from backend server. Send status unknown; execution status unknown.", 408
    )


def no_such_path(method: str, path: str) -> ApiError:
    """-5000: nothing is served there."""
    return ApiError(-5000, f"Path {path}, Method {method} is invalid", 404)


def unknown_503() -> ApiError:
    """HTTP 503 "unknown": the request may or may not have been carried out; to be queried."""
    return ApiError(-1000, UNKNOWN_STATE_503, 503)
