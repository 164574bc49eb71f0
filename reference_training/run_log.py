"""The log of a run: one JSON object per line, and TensorBoard if asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class RunLog:
    """Owns the log of one output folder.

    Args:
        folder: where ``log.jsonl`` is appended to.
        tensorboard: also write event files there (needs the package ``tensorboard``).
    """

    def __init__(self, folder: Path, *, tensorboard: bool) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "log.jsonl"
        self._events: Any = None  # torch's writer has no types
        if tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            self._events = SummaryWriter(folder)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Add the values of a step."""
        rounded = {name: round(value, 6) for name, value in values.items()}
        with self.path.open("a") as file:
            file.write(json.dumps({"step": step, **rounded}) + "\n")
        if self._events is not None:
            for name, value in values.items():
                self._events.add_scalar(name, value, step)
            self._events.flush()

    def close(self) -> None:
        """End the event files."""
        if self._events is not None:
            self._events.close()
