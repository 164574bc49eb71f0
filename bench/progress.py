"""What a long run tells while it works."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Listens to a run."""

    def stage(self, title: str, total: int) -> None:
        """A stage begins; it has ``total`` cells to do."""
        ...

    def advance(self, cells: int) -> None:
        """Cells of the stage are finished."""
        ...

    def note(self, message: str) -> None:
        """Something that the user should read."""
        ...


class Silent:
    """Listens and says nothing."""

    def stage(self, title: str, total: int) -> None:
        """See :class:`Progress`."""

    def advance(self, cells: int) -> None:
        """See :class:`Progress`."""

    def note(self, message: str) -> None:
        """See :class:`Progress`."""
