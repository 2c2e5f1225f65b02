"""The JSON documents of --json: one on standard output, in ASCII, with the version of its keys."""

import json
from typing import Final, TypeAlias

import click

SCHEMA_VERSION: Final = 1  # raised when a key is removed or changes its meaning, not when one is added

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"


def echo(**members: object) -> None:
    """Print one document; `members` are what json can write. Sizes are integers in bytes, times RFC 3339."""
    click.echo(json.dumps({"schema_version": SCHEMA_VERSION, **members}, indent=1))
