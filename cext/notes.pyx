"""Texts for the log; see ``notes.pxd``."""

MAX_NOTES = 1000


cdef class Notes:
    """Collects texts until they are taken; when nobody takes them, the first `MAX_NOTES` are kept."""

    def __init__(self):
        self.texts = []

    cdef void add(self, str text) noexcept:
        if len(self.texts) < MAX_NOTES:
            self.texts.append(text)

    def take(self) -> list[str]:
        """Texts since the last call, oldest first."""
        taken = self.texts.copy()
        self.texts.clear()
        return taken
