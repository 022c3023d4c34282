"""Client order ids: whose order is it, and which one.

``<tag>-<session>-<number>``, such as ``mm7f3a-t6bq1c-2s``: the tag is a hash of the bot's name, session and number
are in base 36. All venues take these characters, and the text stays under the 36 that Binance allows.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property

from mmbot._core.types import Owner

MAX_SIZE = 36
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_SHAPE = re.compile(r"(mm[0-9a-f]{4})-([0-9a-z]{1,10})-([0-9a-z]{1,13})")
_MAX_SESSION = 36**10 - 1
_MAX_NUMBER = 2**64 - 1


def to_base36(number: int) -> str:
    """Write a whole number >= 0 in base 36, lower case."""
    digits = []
    while True:
        number, digit = divmod(number, 36)
        digits.append(_DIGITS[digit])
        if not number:
            return "".join(reversed(digits))


@dataclass(frozen=True)
class ClientIds:
    """The client order ids of one session of one bot.

    Args:
        bot: the bot's name.
        session: number of the session; each session of a bot needs one of its own.
    """

    bot: str
    session: int

    def __post_init__(self) -> None:
        """Check the range.

        Raises:
            ValueError: the session does not fit ten base-36 digits.
        """
        if not 0 <= self.session <= _MAX_SESSION:
            raise ValueError(f"session: expected 0 .. {_MAX_SESSION}, found {self.session}")

    @cached_property
    def tag(self) -> str:
        """What every id of this bot starts with."""
        return "mm" + hashlib.sha256(self.bot.encode()).hexdigest()[:4]

    @cached_property
    def prefix(self) -> str:
        """What every id of this session starts with; the order's number in base 36 follows."""
        return f"{self.tag}-{to_base36(self.session)}-"

    def text(self, order_num: int) -> str:
        """Write the id of one order of this session."""
        return self.prefix + to_base36(order_num)

    def parse(self, text: str) -> tuple[Owner, int]:
        """Tell whose order an id belongs to, and its number: 0 unless it is of this session."""
        if text.startswith(self.prefix):
            match = _SHAPE.fullmatch(text)
            number = int(match[3], 36) if match else 0
            if match and 0 < number <= _MAX_NUMBER and to_base36(number) == match[3]:
                return Owner.OURS, number
            return Owner.OTHER, 0
        match = _SHAPE.fullmatch(text)
        if match and match[1] == self.tag:
            return Owner.OURS_BEFORE, 0
        return Owner.OTHER, 0
