"""Records as JSON and back, strictly: what a record does not declare, or declares otherwise, is an error."""

import json
from dataclasses import MISSING, dataclass, fields, is_dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar, cast, get_args, get_origin, get_type_hints

from archive.mistakes import Mistake, OperatorError
from archive.records import SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable

SHOWN_LENGTH_MAX = 80  # of a name or value that cannot be read

R = TypeVar("R")


class _MalformedError(ValueError):
    """A value that is not what its record declares; the text starts with where in the document."""


def encode(record: object) -> bytes:
    """The record as one JSON document, keys in the order of the record, with the schema version."""
    document = {"schema_version": SCHEMA_VERSION, **_plain_record(record)}
    return (json.dumps(document, ensure_ascii=True, indent=1, allow_nan=False) + "\n").encode("ascii")


def decode(record: type[R], text: bytes, place: str) -> R:
    """The record that a JSON document holds; an OperatorError that names `place` where it holds none."""
    document = _document(text, place)
    version = document.get("schema_version")
    if version != SCHEMA_VERSION or isinstance(version, bool):
        shown = json.dumps(version)[:SHOWN_LENGTH_MAX]
        problem = f"has schema version {shown}, this mapsweep reads version {SCHEMA_VERSION}"
        raise OperatorError(Mistake(place, problem, "read it with the mapsweep that wrote it"))
    if "schema_version" not in _shape(record).types:
        del document["schema_version"]
    return _checked(record, document, place)


def decode_fields(record: type[R], text: bytes, place: str) -> R:
    """A record whose version is told elsewhere, from one JSON object; an OperatorError that names `place`."""
    return _checked(record, _document(text, place), place)


def _document(text: bytes, place: str) -> dict[str, object]:
    try:
        document: object = json.loads(text)
    except ValueError as error:  # also UnicodeDecodeError
        raise _unusable(place, f"is not whole JSON: {error}") from error
    except RecursionError:
        raise _unusable(place, "is nested too deeply") from None
    if not isinstance(document, dict):
        raise _unusable(place, "is not a JSON object")
    return document


def _checked(record: type[R], document: dict[str, object], place: str) -> R:
    try:
        return cast("R", _record(record, document, ""))
    except _MalformedError as error:
        raise _unusable(place, str(error)) from error


def _unusable(place: str, problem: str) -> OperatorError:
    return OperatorError(Mistake(place, problem, "the file was damaged, or written by something else"))


def _plain_record(record: object) -> dict[str, object]:
    return {name: _plain(getattr(record, name)) for name in _shape(type(record)).types}


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if is_dataclass(value):
        return _plain_record(value)
    return value


@dataclass(frozen=True, slots=True)
class _Shape:
    """What a record declares."""

    types: dict[str, object]
    required: frozenset[str]


_SHAPES: dict[
    type, _Shape
] = {}  # the archive has a handful of record types, and up to a manifest's hosts of each


def _shape(record: type) -> _Shape:
    if record not in _SHAPES:
        hints = get_type_hints(record)
        required = (f.name for f in fields(record) if f.default is MISSING and f.default_factory is MISSING)
        types = {field.name: hints[field.name] for field in fields(record)}
        _SHAPES[record] = _Shape(types, frozenset(required))
    return _SHAPES[record]


def _record(record: type, value: object, at: str) -> object:
    if not isinstance(value, dict):
        raise _MalformedError(f"{at} is not an object")
    shape = _shape(record)
    unknown = sorted(set(value) - set(shape.types))
    if unknown:
        raise _MalformedError(f"{_key(at, unknown[0])} is not a field of {record.__name__}")
    missing = sorted(shape.required - set(value))
    if missing:
        raise _MalformedError(f"{_key(at, missing[0])} is missing")
    arguments = {name: _value(shape.types[name], item, _key(at, name)) for name, item in value.items()}
    return cast("Callable[..., object]", record)(**arguments)


def _key(at: str, name: str) -> str:
    shown = ascii(name[:SHOWN_LENGTH_MAX])[1:-1]  # whoever wrote the document chose it
    return f"{at}.{shown}" if at else shown


def _value(declared: object, value: object, at: str) -> object:
    origin = get_origin(declared)
    if origin is tuple:
        return _sequence(get_args(declared)[0], value, at)
    if origin is dict:
        return _mapping(get_args(declared)[1], value, at)
    if not isinstance(declared, type):
        raise TypeError(f"{at}: a record cannot hold {declared}")
    if is_dataclass(declared):
        return _record(declared, value, at)
    return _scalar(declared, value, at)


def _sequence(declared: object, value: object, at: str) -> tuple[object, ...]:
    if not isinstance(value, list):
        raise _MalformedError(f"{at} is not a list")
    return tuple(_value(declared, item, f"{at}.{index}") for index, item in enumerate(value))


def _mapping(declared: object, value: object, at: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise _MalformedError(f"{at} is not an object")
    return {name: _value(declared, item, _key(at, name)) for name, item in value.items()}


def _scalar(declared: type, value: object, at: str) -> object:
    if issubclass(declared, StrEnum):
        try:
            return declared(str(value))
        except ValueError:
            raise _MalformedError(f"{at} is none of {', '.join(declared)}") from None
    if declared is float and type(value) is int:
        return float(value)  # JSON has one kind of number
    if type(value) is not declared:
        raise _MalformedError(f"{at} is not of type {declared.__name__}")
    return value
