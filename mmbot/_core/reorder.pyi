from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from typing_extensions import disjoint_base

@disjoint_base
class Merge:
    def __new__(
        cls,
        columns: dict[str, NDArray[Any]],
        exch_order: tuple[NDArray[np.int64], NDArray[np.int64]] | None,
        local_order: tuple[NDArray[np.int64], NDArray[np.int64]] | None,
        *,
        run: int,
        shift_ns: int,
        renamed: tuple[int, int],
    ) -> Self: ...
    def take(self, n: int, most_levels: int) -> dict[str, NDArray[Any]]: ...
