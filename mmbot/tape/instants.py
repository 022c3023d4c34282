"""When within the millisecond that a venue states something happened, guessed from when we were told.

It happened in the stated millisecond and before we knew. Told within it, the middle of what is left is taken, which is
right on average. Told later, it was the later in its millisecond the later we were told: so of two things of one
millisecond that came over two sockets, the one that was told first is taken to have happened first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

MS: Final = 1_000_000


def instants(
    stated_ns: ArrayLike, told_ns: ArrayLike, *, after_ns: ArrayLike = 0, resolution_ns: ArrayLike = MS
) -> NDArray[np.int64]:
    """The instants of things that a venue stated, all on our clock.

    Args:
        stated_ns: the times as they were stated.
        told_ns: when we were told.
        after_ns: they happened at this time or later.
        resolution_ns: what the venue cuts its times to.

    Returns:
        Times that are not before `stated_ns` and `after_ns`, nor after `told_ns` as long as these agree.
    """
    stated, told, resolution = (np.asarray(column, np.int64) for column in (stated_ns, told_ns, resolution_ns))
    first = np.maximum(stated, np.asarray(after_ns, np.int64))
    last = np.maximum(stated + resolution - 1, first)
    late = np.maximum(told - last, 0).astype(np.float64)
    share: NDArray[Any] = 0.5 + 0.5 * late / (late + resolution)
    found = first + (np.maximum(np.minimum(last, told) - first, 0) * share).astype(np.int64)
    inside: NDArray[np.int64] = np.maximum(np.minimum(found, told), first)
    return inside
