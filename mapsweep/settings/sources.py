"""The sources of settings: the file, overridden by the environment, overridden by the flags."""

import difflib
import os
from collections.abc import Iterator, Mapping
from collections.abc import Sequence as Several
from datetime import date
from pathlib import Path
from typing import TypeAlias

from pydantic import ValidationError

from collector.inventory.host_lists import is_host_list
from domain import yaml_document
from domain.mistakes import Mistake, OperatorError
from domain.yaml_document import Document, Encrypted, Node, Plain, Scalar, Sequence
from mapsweep.settings.table import ENVIRONMENT_PREFIX, Form, Row, rows

CONFIG_VARIABLE = ENVIRONMENT_PREFIX + "CONFIG"
BROKER_PASSWORD = ENVIRONMENT_PREFIX + "BROKER_PASSWORD"
KEY_PASSPHRASE = ENVIRONMENT_PREFIX + "KEY_PASSPHRASE"
MAIL_PASSWORD = ENVIRONMENT_PREFIX + "MAIL_PASSWORD"
SIGNING_KEY = ENVIRONMENT_PREFIX + "SIGNING_KEY"
WEBHOOK_SECRET = ENVIRONMENT_PREFIX + "WEBHOOK_SECRET"
DEBUG = ENVIRONMENT_PREFIX + "DEBUG"
LOG_FORMAT = ENVIRONMENT_PREFIX + "LOG_FORMAT"

Environment: TypeAlias = Mapping[str, str]
Typed: TypeAlias = Mapping[str, str | int | float | bool | Several[str] | None]
Location: TypeAlias = tuple[str | int, ...]
Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"

_WORDS = dict.fromkeys(("true", "yes", "on", "1"), True) | dict.fromkeys(("false", "no", "off", "0"), False)

_SECTIONS_ALWAYS_THERE = ("limits", "ssh", "report", "fleet")
_WORDING = (
    ("Input should", "must"),
    ("a valid integer", "a whole number"),
    ("a valid number", "a number"),
    ("a valid boolean", "true or false"),
    ("a valid string", "text (in quotation marks)"),
    ("a valid array", "a list"),
    ("an object", "a mapping"),
)


class Sources:
    """The tree of given values, and the place of each."""

    def __init__(self, document: Document, environment: Environment, flags: Typed) -> None:
        self._document = document
        self._places: dict[str, str] = {}
        self.tree = _tree(document)
        for section in _SECTIONS_ALWAYS_THERE:
            self.tree.setdefault(section, {})
        self.warnings = list(_unknown_variables(environment))
        for row in rows():
            if row.environment and environment.get(row.environment):
                self._put(row, _from_text(row, environment[row.environment]), row.environment)
        for row in rows():
            flag = flags.get(row.path)
            if flag is not None:
                self._put(row, _from_flag(row, flag), f"--{row.path}")

    def _put(self, row: Row, value: Json, place: str) -> None:
        *sections, name = row.path.split(".")
        below: dict[str, Json] = self.tree
        for section in sections:
            inner = below.setdefault(section, {})
            if not isinstance(inner, dict):
                inner = below[section] = {}
            below = inner
        below[name] = value
        self._places[row.path] = place

    def origins(self) -> dict[str, str]:
        """Where each given value is from, by its path of keys; in a list as `schedules[0].name`."""
        in_file = {}
        for row in rows():
            for location in self._locations(row.path):
                if line := _line(self._document.root, location):
                    in_file[_key(location)] = f"{self._document.label}, line {line}"
        return in_file | self._places

    def _locations(self, path: str) -> Iterator[Location]:
        """The places in the file that a key can have: one, or one in each item of its list."""
        section, is_listed, name = path.partition("[].")
        if not is_listed:
            yield tuple(path.split("."))
            return
        items = self.tree.get(section)
        for index in range(len(items) if isinstance(items, list) else 0):
            yield section, index, name

    def place(self, location: Location) -> str:
        """The place of a value, for a message."""
        path = ".".join(map(str, location))
        if path in self._places:
            return self._places[path]
        line = _line(self._document.root, location)
        return f"{self._document.label}: {path}" + (f", line {line}" if line else "")

    def mistakes(self, error: ValidationError) -> Iterator[Mistake]:
        for detail in error.errors(include_url=False):
            location = detail["loc"]
            place = self.place(location)
            if detail["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
                yield Mistake(place, "there is no such setting", _nearest(location))
            elif detail["type"] in ("missing", "missing_argument"):
                yield Mistake(place, "is missing")
            elif detail["type"] == "value_error":
                yield Mistake(place, detail["msg"].removeprefix("Value error, "))
            else:
                yield Mistake(place, _problem(detail["msg"], detail["input"]))


def _tree(document: Document) -> dict[str, Json]:
    """The file's values; OperatorError if the file is not a mapping."""
    try:
        tree = _json(yaml_document.plain(document.root))
    except ValueError as error:
        raise OperatorError(Mistake(document.label, str(error))) from error
    if not isinstance(tree, dict | None):
        raise OperatorError(
            Mistake(document.label, "must be a mapping of settings", "begin each line with `name:`")
        )
    return tree or {}


def _json(value: Plain) -> Json:
    """The value as JSON, bytes as null; ValueError if it is encrypted."""
    if isinstance(value, list):
        return [_json(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _json(item) for key, item in value.items()}
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Encrypted):
        raise ValueError("a value is encrypted with ansible-vault, which is not supported here")  # noqa: TRY004
    return None if isinstance(value, bytes) else value


def _from_flag(row: Row, flag: str | float | bool | Several[str]) -> Json:
    """A value of the command line; an option that is given several times is a list of texts."""
    if isinstance(flag, str):
        return _from_text(row, flag)
    return flag if isinstance(flag, int | float) else [_absolute(each) for each in flag]


def _from_text(row: Row, text: str) -> Json:
    """A value from the environment or a flag; a wrong one stays text, and validation reports it."""
    if row.form is Form.PATH:
        return _absolute(text)
    if row.form in (Form.PATHS, Form.TEXTS):
        parts = [part for part in text.split(os.pathsep) if part]
        return [_absolute(part) if row.form is Form.PATHS else part for part in parts]
    try:
        if row.form is Form.WHOLE:
            return int(text)
        if row.form is Form.NUMBER:
            return float(text)
    except ValueError:
        return text
    return _WORDS.get(text.lower(), text) if row.form is Form.FLAG else text


def _key(location: Location) -> str:
    """`limits.concurrency`, `schedules[0].name`."""
    words = (f"[{each}]" if isinstance(each, int) else f".{each}" for each in location)
    return "".join(words).removeprefix(".")


def _problem(message: str, given: object) -> str:
    """The validator's message in words for operators."""
    for theirs, ours in _WORDING:
        message = message.replace(theirs, ours)
    return message + (f", not {given!r}" if isinstance(given, str | int | float) else "")


def _absolute(text: str) -> str:
    """An absolute path; outside of the file, paths are relative to the working directory."""
    return text if "://" in text or is_host_list(text) else str(Path(text).expanduser().absolute())


def _line(root: Node | None, location: Location) -> int:
    """The line of a key; 0 if it is not in the file."""
    node, line = root, 0
    for name in location:
        if isinstance(node, Sequence) and isinstance(name, int) and name < len(node.items):
            node = node.items[name]
            line = node.line
        elif isinstance(node, yaml_document.Mapping):
            found = [
                (key, item)
                for key, item in yaml_document.entries(node)
                if isinstance(key, Scalar) and key.text == name
            ]
            if not found:
                return 0
            node, line = found[-1][1], found[-1][0].line
        else:
            return 0
    return line


def _nearest(location: Location) -> str:
    """A suggestion: a key of the same section with a similar name."""
    above = "".join("[]." if isinstance(name, int) else f"{name}." for name in location[:-1]).replace(
        ".[]", "[]"
    )
    names = sorted(
        {
            row.path[len(above) :].split(".")[0].removesuffix("[]")
            for row in rows()
            if row.path.startswith(above)
        }
    )
    written = str(location[-1])
    if written == "password":
        return "put it into a separate file, and name that file in password_file"
    near = difflib.get_close_matches(written, names, n=1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}"


def _unknown_variables(environment: Environment) -> Iterator[str]:
    known = {row.environment for row in rows()} | {
        CONFIG_VARIABLE,
        BROKER_PASSWORD,
        KEY_PASSPHRASE,
        MAIL_PASSWORD,
        SIGNING_KEY,
        WEBHOOK_SECRET,
        DEBUG,
        LOG_FORMAT,
    }
    for name in sorted(environment):
        if name.startswith(ENVIRONMENT_PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            yield f"{name}: there is no such setting" + (f"; did you mean {near[0]}?" if near else "")
