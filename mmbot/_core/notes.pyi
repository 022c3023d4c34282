from typing import Final, final

MAX_NOTES: Final[int]

@final
class Notes:
    texts: list[str]
    def __init__(self) -> None: ...
    def take(self) -> list[str]: ...
