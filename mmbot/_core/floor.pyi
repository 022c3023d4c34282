from typing import Self, TypeAlias

from typing_extensions import disjoint_base

from mmbot._core.book import Book
from mmbot._core.decode import Decoder
from mmbot._core.sync import BookSync

_Levels: TypeAlias = list[tuple[int, int]]

@disjoint_base
class LevelTape:
    n_levels: int
    n_messages: int
    def __new__(cls, messages: list[tuple[_Levels, _Levels]]) -> Self: ...
    def through_floor(self) -> int: ...
    def through_book(self, book: Book) -> int: ...

@disjoint_base
class FrameTape:
    n_bytes: int
    n_frames: int
    def __new__(cls, payloads: list[bytes]) -> Self: ...
    def through_floor(self, lowest: int, highest: int) -> int: ...
    def through_decoder(self, decoder: Decoder) -> int: ...
    def through_core(self, decoder: Decoder, sync: BookSync) -> int: ...
