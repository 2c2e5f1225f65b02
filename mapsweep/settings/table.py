"""The declared settings as a table: one row per key, with its path, environment variable and default."""

from collections.abc import Iterator
from dataclasses import MISSING, Field, dataclass, fields
from enum import Enum, StrEnum
from functools import cache
from typing import Annotated, TypeAlias, get_args, get_origin, get_type_hints

from pydantic import AfterValidator
from pydantic.fields import FieldInfo

from mapsweep.settings.key import About
from mapsweep.settings.mutes import MuteSchema
from mapsweep.settings.schema import ScheduleSchema, Schema
from mapsweep.settings.sections import (
    FleetSchema,
    KeepSchema,
    LimitSchema,
    MailSchema,
    ReportSchema,
    SshSchema,
)
from mapsweep.settings.values import absolute_path, inventory_source, runs_place
from mapsweep.settings.webhook_section import WebhookSchema

ENVIRONMENT_PREFIX = "MAPSWEEP_"

Section: TypeAlias = type[
    Schema
    | FleetSchema
    | KeepSchema
    | LimitSchema
    | MailSchema
    | MuteSchema
    | ReportSchema
    | ScheduleSchema
    | SshSchema
    | WebhookSchema
]

_SECTIONS: tuple[Section, ...] = (
    FleetSchema,
    KeepSchema,
    LimitSchema,
    MailSchema,
    MuteSchema,
    ReportSchema,
    ScheduleSchema,
    SshSchema,
    WebhookSchema,
)


class Form(StrEnum):
    """The form of a value outside of YAML."""

    FLAG = "true or false"
    WHOLE = "whole number"
    NUMBER = "number"
    PATH = "path"
    PATHS = "paths"
    TEXT = "text"
    TEXTS = "texts"
    BY_NAME = "texts by name"


@dataclass(frozen=True, slots=True)
class Row:
    """One key of mapsweep.yaml."""

    path: str  # with dots, and [] after a list
    form: Form
    about: About
    required: bool
    default: str  # in YAML

    @property
    def environment(self) -> str:
        """The environment variable of the key; "" for a key in a list, and for a mapping."""
        is_in_file_only = "[]" in self.path or self.form is Form.BY_NAME
        return "" if is_in_file_only else ENVIRONMENT_PREFIX + self.path.replace(".", "_").upper()


@cache
def rows() -> tuple[Row, ...]:
    """Every key, in the order of its declaration."""
    return tuple(_rows(Schema, ""))


def _rows(section: Section, above: str) -> Iterator[Row]:
    hints = get_type_hints(section, include_extras=True)
    for field in fields(section):
        kinds, notes = _taken_apart(hints[field.name])
        path = above + next(
            (note.alias for note in notes if isinstance(note, FieldInfo) and note.alias), field.name
        )
        below = next((section for section in _SECTIONS if section in kinds), None)
        if below is None:
            yield _row(path, kinds, notes, field)
        elif tuple in kinds:
            yield from _rows(below, path + "[].")
        else:
            yield from _rows(below, path + ".")


def _taken_apart(hint: object) -> tuple[list[type], list[object]]:
    """The types in a type hint (`tuple` for a list, `dict` for a mapping), and its annotations."""
    if isinstance(hint, type) and not get_args(hint):
        return [hint], []
    origin = get_origin(hint)
    kinds: list[type] = [origin] if origin in (tuple, dict) else []
    notes: list[object] = []
    if get_origin(hint) is Annotated:
        inner, *own = get_args(hint)
        notes.extend(own)
        parts: tuple[object, ...] = (inner,)
    else:
        parts = tuple(part for part in get_args(hint) if part is not Ellipsis)
    for part in parts:
        below_kinds, below_notes = _taken_apart(part)
        kinds.extend(below_kinds)
        notes.extend(below_notes)
    return kinds, notes


def _row(path: str, kinds: list[type], notes: list[object], field: Field[object]) -> Row:
    about = next(note for note in notes if isinstance(note, About))
    required = field.default is MISSING and field.default_factory is MISSING
    return Row(path, _form(kinds, notes), about, required, about.default or _default(field.default))


def _form(kinds: list[type], notes: list[object]) -> Form:
    is_path = any(
        isinstance(note, AfterValidator) and note.func in (absolute_path, inventory_source, runs_place)
        for note in notes
    )
    if dict in kinds:
        return Form.BY_NAME
    if tuple in kinds:
        return Form.PATHS if is_path else Form.TEXTS
    if is_path:
        return Form.PATH
    by_type = {bool: Form.FLAG, int: Form.WHOLE, float: Form.NUMBER}
    return next((form for kind, form in by_type.items() if kind in kinds), Form.TEXT)


def _default(value: object) -> str:
    if value is MISSING or value is None or value in ("", ()):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value.value if isinstance(value, Enum) else value:}`"
