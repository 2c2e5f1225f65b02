"""The effective settings, each with its value and origin; secrets with their origin alone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from pydantic import TypeAdapter

from mapsweep.settings.schema import Schema
from mapsweep.settings.settings import Settings
from mapsweep.settings.sources import (
    BROKER_PASSWORD,
    KEY_PASSPHRASE,
    MAIL_PASSWORD,
    SIGNING_KEY,
    WEBHOOK_SECRET,
    Environment,
    Json,
)
from mapsweep.settings.table import Row, rows

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Effective:
    """One setting as it is in force."""

    key: str  # limits.concurrency, schedules[0].name
    value: Json
    origin: str  # "default", "FILE, line N", the name of a variable or of an option
    note: str = ""  # what happens without a value


@dataclass(frozen=True, slots=True)
class SecretOrigin:
    """Where a secret comes from; whether that can be read is not known here."""

    name: str
    origin: str  # "" if it is not set


def effective(settings: Settings) -> tuple[Effective, ...]:
    """Every setting, in the order of docs/settings.md; each schedule has its own keys."""
    tree = _adapter().dump_python(settings, mode="json", by_alias=True)
    found = [each for row in rows() for each in _of_row(row, tree, settings.origins)]
    return tuple(sorted(found, key=lambda each: _index(each.key)))


def secret_origins(settings: Settings, environment: Environment) -> tuple[SecretOrigin, ...]:
    """The secrets. A variable comes before a file, as when they are read."""
    mail_file = settings.mail.password_file if settings.mail else None
    hook_file = settings.webhook.secret_file if settings.webhook else None
    return tuple(
        SecretOrigin(name, variable if environment.get(variable) else file or "")
        for name, variable, file in (
            ("broker password", BROKER_PASSWORD, settings.broker_password_file),
            ("passphrase of the keys", KEY_PASSPHRASE, settings.ssh.passphrase_file),
            ("mail password", MAIL_PASSWORD, mail_file),
            ("signing key", SIGNING_KEY, settings.signing_key_file),
            ("webhook secret", WEBHOOK_SECRET, hook_file),
        )
    )


def _of_row(row: Row, tree: Mapping[str, Json], origins: Mapping[str, str]) -> Iterator[Effective]:
    *sections, name = row.path.split(".")
    found: list[tuple[str, Json]] = [("", dict(tree))]
    for section in sections:
        found = [below for above, values in found for below in _below(above, values, section)]
    for above, values in found:
        if isinstance(values, dict):
            key = f"{above}{name}"
            origin = origins.get(key, DEFAULT)
            value = values[name]
            note = row.default.replace("`", "") if value in (None, "", []) else ""
            yield Effective(key, value, origin, note)


def _index(key: str) -> int:
    """The place in a list, so that the keys of one schedule stay together; what is in none comes first."""
    _, is_listed, rest = key.partition("[")
    return int(rest.partition("]")[0]) if is_listed else -1


def _below(above: str, values: Json, section: str) -> Iterator[tuple[str, Json]]:
    """The sections of that name with their paths: none where it is not given, several of a list."""
    plain = section.removesuffix("[]")
    inner = values.get(plain) if isinstance(values, dict) else None
    if isinstance(inner, list):
        for index, item in enumerate(inner):
            yield f"{above}{plain}[{index}].", item
    elif inner is not None:
        yield f"{above}{plain}.", inner


@cache
def _adapter() -> TypeAdapter[Schema]:
    return TypeAdapter(Schema)
