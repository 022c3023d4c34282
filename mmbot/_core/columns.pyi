from typing import Self

from typing_extensions import disjoint_base

@disjoint_base
class BatchColumns:
    n: int
    n_levels: int
    def __new__(cls) -> Self: ...
