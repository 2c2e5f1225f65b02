"""Records as JSON and back, strictly: an unknown field or a wrong type is an error."""

import json
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from archive.store import OBJECT_BYTES_MAX, Store
from domain.mistakes import Mistake, OperatorError
from domain.records import SCHEMA_VERSION

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

R = TypeVar("R")

_SHOWN_MAX: Final = 3  # mistakes reported per file
SHOWN_LENGTH_MAX: Final = 80  # characters shown of a wrong name or value


class NewerError(OperatorError):
    """A file of a schema that this mapsweep does not read yet: a newer one wrote it."""


def encode(record: object) -> bytes:
    """The record as one JSON document, the schema version first, then its fields in their order."""
    document = {"schema_version": SCHEMA_VERSION, **_adapter(type(record)).dump_python(record)}
    return (json.dumps(document, ensure_ascii=True, indent=1, allow_nan=False) + "\n").encode("ascii")


def decode(record: type[R], text: bytes, place: str) -> R:
    """The record that a JSON document holds; an OperatorError that names `place` if it is not one."""
    try:
        document = from_json(text)
    except ValueError as error:
        raise _unusable(place, f"is not whole JSON: {error}") from None
    version = document.get("schema_version") if isinstance(document, dict) else None
    if version != SCHEMA_VERSION or isinstance(version, bool):
        shown = json.dumps(version)[:SHOWN_LENGTH_MAX]
        problem = f"has schema version {shown}, this mapsweep reads version {SCHEMA_VERSION}"
        is_newer = isinstance(version, int) and version > SCHEMA_VERSION
        kind = NewerError if is_newer else OperatorError
        raise kind(Mistake(place, problem, "read it with the mapsweep that wrote it"))
    return decode_fields(record, text, place)


def read(record: type[R], store: Store, path: str, limit_bytes: int = OBJECT_BYTES_MAX) -> R:
    """The record in an object; FileNotFoundError if there is none, OperatorError if it is damaged."""
    return decode(record, store.read(path, limit_bytes), store.place(path))


def decode_fields(record: type[R], text: bytes, place: str) -> R:
    """A record without a version of its own, from one JSON object; an OperatorError that names `place`."""
    try:
        return _adapter(record).validate_json(text)
    except ValidationError as error:
        mistakes = error.errors(include_url=False)
        told = "; ".join(_told(mistake, record) for mistake in mistakes[:_SHOWN_MAX])
        raise _unusable(place, told) from None


def _told(mistake: "ErrorDetails", record: type) -> str:
    """One mistake: which field, and what is wrong with it."""
    if mistake["type"] == "json_invalid":
        return f"is not whole JSON: {mistake['ctx']['error']}"
    # the names come from the document, so they are cut and escaped
    field = ".".join(ascii(str(part)[:SHOWN_LENGTH_MAX])[1:-1] for part in mistake["loc"])
    if mistake["type"] == "missing":
        return f"{field} is missing"
    if mistake["type"] in {"unexpected_keyword_argument", "extra_forbidden"}:
        return f"{field} is not a field of {record.__name__}"
    return f"{field}: {mistake['msg'][:1].lower()}{mistake['msg'][1:]}"


_ADAPTERS: Final[dict[type, TypeAdapter[Any]]] = {}


def _adapter(record: type[R]) -> TypeAdapter[R]:
    """Cached, because making one takes a millisecond."""
    if record not in _ADAPTERS:
        _ADAPTERS[record] = TypeAdapter(record)
    return _ADAPTERS[record]


def _unusable(place: str, problem: str) -> OperatorError:
    return OperatorError(Mistake(place, problem, "the file was damaged, or written by something else"))
