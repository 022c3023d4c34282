"""Every error that mmbot raises on purpose.

::

    MmbotError
    ├── ConfigError             the user's file, flag or plugin is wrong      exit 2
    │   └── PluginError         a strategy could not be loaded or swapped     exit 2
    ├── VenueError              something at or on the way to a venue         exit 4
    │   ├── Disconnected        the connection is gone: retry
    │   ├── RateLimited         told to slow down: wait `retry_after_s`
    │   ├── Rejected            the request was wrong: do not repeat it
    │   ├── AuthError           key, signature or permission: unrecoverable
    │   └── UnknownOrderState   no telling whether it happened: query it
    ├── DecodeError             bytes that are not what they should be
    ├── BookGap                 a book is not provably in sync
    ├── JournalError            a journal could not be read or written
    ├── RecordingError          market data could not be recorded
    ├── TapeError               recorded data could not be read or converted
    ├── ReportError             a run's folder could not be read
    ├── TimedOut                something did not answer in its time          exit 5
    ├── Stopped                 asked to end before it had begun              exit 0
    └── RiskHalt                a limit stopped the bot                       exit 3

Messages say where, what was expected and what was found.
"""

from __future__ import annotations


class MmbotError(Exception):
    """Root of the tree; `exit_code` is what the command line ends with."""

    exit_code = 1


class ConfigError(MmbotError):
    """A config file, command-line value or plugin parameter is wrong."""

    exit_code = 2


class PluginError(ConfigError):
    """A strategy plugin could not be loaded, constructed or swapped."""


class VenueError(MmbotError):
    """Anything a venue answered or failed to answer; `code` is the venue's own number, 0 if it gave none."""

    exit_code = 4

    def __init__(self, message: str, *, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class Disconnected(VenueError):
    """The connection was refused, reset or timed out before the request left."""


class RateLimited(VenueError):
    """The venue asks for a pause of `retry_after_s` seconds."""

    def __init__(self, message: str, *, code: int = 0, retry_after_s: float = 1.0) -> None:
        super().__init__(message, code=code)
        self.retry_after_s = retry_after_s


class Rejected(VenueError):
    """The venue refused the request; repeating it unchanged would be refused again."""


class AuthError(VenueError):
    """Key, signature, permission or clock: no request will work until a person mends it."""


class UnknownOrderState(VenueError):
    """The request may or may not have taken effect: query before doing anything else."""


class DecodeError(MmbotError):
    """Bytes that do not have the documented shape."""


class BookGap(MmbotError):
    """A book lost its place in the venue's sequence."""


class JournalError(MmbotError):
    """A journal could not be read or written."""


class RecordingError(MmbotError):
    """Live market data could not be written to disk."""


class TapeError(MmbotError):
    """Recorded data that is damaged, cut off or not what it should be; says file, place, expected and found."""


class ReportError(MmbotError):
    """A run's folder is not one, or a file in it is not what it should be."""


class TimedOut(MmbotError):
    """Something did not answer, or did not finish, in the time it was given."""

    exit_code = 5


class Stopped(MmbotError):
    """A run was asked to end before it had begun: nothing is left behind."""

    exit_code = 0


class RiskHalt(MmbotError):
    """A risk limit stopped the bot."""

    exit_code = 3
