"""Frozen dataclasses from plain JSON or TOML data, strictly: nothing unknown, nothing missing."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

Record = TypeVar("Record")


class RecordError(ValueError):
    """Data that does not describe the record; the message names the place and the key."""


def read_record(kind: type[Record], data: object, where: str) -> Record:
    """A dataclass of the given kind.

    Fields may be text, numbers, truth values, paths, closed sets, tuples, optional values and other
    dataclasses. A field with a default may be left out.

    Args:
        kind: the dataclass.
        data: what ``json`` or ``tomllib`` made of the file.
        where: what the data is called in messages.

    Raises:
        RecordError: a key is unknown or missing, or a value has another type.

    >>> @dataclasses.dataclass(frozen=True)
    ... class Level:
    ...     value: float
    ...     unit: str = "dB"
    >>> read_record(Level, {"value": -3}, "level")
    Level(value=-3.0, unit='dB')
    """
    if not isinstance(data, Mapping):
        raise RecordError(f"{where} is {_described(data)}; a table expected.")
    fields = {field.name: field for field in dataclasses.fields(cast("Any", kind))}  # a dataclass
    unknown = [str(key) for key in data if key not in fields]
    if unknown:
        raise RecordError(
            f"{where} has unknown keys: {', '.join(unknown)}; known: {', '.join(fields)}."
        )
    missing = [name for name, field in fields.items() if name not in data and _is_needed(field)]
    if missing:
        raise RecordError(f"{where} lacks {', '.join(missing)}.")
    hints = typing.get_type_hints(kind)
    values = {name: _read(hints[name], data[name], f"{where}.{name}") for name in data}
    try:
        return kind(**values)
    except ValueError as error:
        raise RecordError(f"{where}: {error}") from error


def _is_needed(field: dataclasses.Field[Any]) -> bool:  # a field of any type
    missing = dataclasses.MISSING
    return field.default is missing and field.default_factory is missing


def _read(hint: Any, value: object, where: str) -> object:  # a type hint has no common type
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        if value not in arguments:
            choices = ", ".join(map(repr, arguments))
            raise RecordError(f"{where} is {_described(value)}; one of {choices} expected.")
        return value
    if origin in (types.UnionType, typing.Union):
        if value is None and types.NoneType in arguments:
            return None
        (hint,) = (argument for argument in arguments if argument is not types.NoneType)
        return _read(hint, value, where)
    if origin is tuple:
        return _read_tuple(arguments, value, where)
    if dataclasses.is_dataclass(hint):
        return read_record(cast("type[object]", hint), value, where)
    return _read_scalar(hint, value, where)


def _read_tuple(arguments: tuple[Any, ...], value: object, where: str) -> tuple[object, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise RecordError(f"{where} is {_described(value)}; a list expected.")
    return tuple(
        _read(arguments[0], entry, f"{where}[{index}]") for index, entry in enumerate(value)
    )


def _read_scalar(kind: type, value: object, where: str) -> object:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind is Path and isinstance(value, str):
        return Path(value)
    if type(value) is not kind:
        raise RecordError(f"{where} is {_described(value)}; {kind.__name__} expected.")
    return value


def _described(value: object) -> str:
    return f"{value!r:.60} ({type(value).__name__})"
