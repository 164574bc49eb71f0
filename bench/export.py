"""Scores as files for other programs, and the table as LaTeX or Markdown."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from pathlib import Path

from bench.store import ScoreRow
from bench.tables import Table

COLUMNS = tuple(field.name for field in fields(ScoreRow))


class ExportError(RuntimeError):
    """The format needs something that is not there; the message says what."""


def to_csv(rows: Iterable[ScoreRow]) -> str:
    """One line per score; an empty field where there is no value."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS)  # RFC 4180; ending lines otherwise leaves \r unquoted
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return text.getvalue()


def to_jsonl(rows: Iterable[ScoreRow]) -> str:
    """One JSON object per line and score; ``null`` where there is no value."""
    return "".join(json.dumps(asdict(row), allow_nan=False) + "\n" for row in rows)


def write_parquet(rows: Iterable[ScoreRow], path: Path) -> None:
    """Write the scores as a Parquet file.

    Raises:
        ExportError: pyarrow is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ExportError("Parquet needs pyarrow: pip install 'codecbench[parquet]'") from error
    whole = pyarrow.schema(
        [
            (
                name,
                {
                    "bitrate": pyarrow.int64(),
                    "loss": pyarrow.float64(),
                    "value": pyarrow.float64(),
                }.get(name, pyarrow.string()),
            )
            for name in COLUMNS
        ]
    )
    table = pyarrow.Table.from_pylist([asdict(row) for row in rows], schema=whole)
    pyarrow.parquet.write_table(table, path, compression="zstd")


def to_markdown(table: Table) -> str:
    """The table in Markdown, with its notes below."""
    lines = [
        "| " + " | ".join(map(_markdown, table.header)) + " |",
        "| --- |" + " ---: |" * (len(table.header) - 1),
        *("| " + " | ".join(map(_markdown, row)) + " |" for row in table.rows),
        "",
        *(f"{_markdown(note)}  " for note in table.notes),
    ]
    return "\n".join(lines).rstrip() + "\n"


def to_latex(table: Table) -> str:
    """The table in LaTeX with booktabs rules, its notes as comments."""
    columns = "l" + "r" * (len(table.header) - 1)
    lines = [
        *(f"% {' '.join(note.split())}" for note in table.notes),
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        _latex_row(table.header),
        r"\midrule",
        *map(_latex_row, table.rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def _markdown(text: str) -> str:
    for character in r"\`*_{}[]<>|":
        text = text.replace(character, "\\" + character)
    return " ".join(text.split())


LATEX = {
    "\\": r"\textbackslash{}",
    **{character: "\\" + character for character in "&%$#_{}"},
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
}


def _latex_row(cells: Sequence[str]) -> str:
    row = " & ".join("".join(map(_latex_character, " ".join(cell.split()))) for cell in cells)
    guard = "{}" if row.startswith(("[", "*")) else ""  # the row end before would take it
    return guard + row + r" \\"


def _latex_character(character: str) -> str:
    if not character.isprintable():
        return f"U+{ord(character):04X}"
    return LATEX.get(character, character)
