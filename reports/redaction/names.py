"""Names in place of names: stable within a run, and not to be turned back without its key."""

import hmac
from base64 import b32encode
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import polars as pl

_NAME_CHARACTERS: Final = 10  # 50 bits: two of 10,000 hosts get the same name once in 20 million runs
REDACTED: Final = "redacted"


class Redact(StrEnum):
    """What a report leaves out."""

    ARGS = "args"  # command lines, and what was made of them
    HOSTS = "hosts"  # names of hosts, addresses, labels
    ALL = "all"

    @property
    def is_of_arguments(self) -> bool:
        """Whether command lines are left out."""
        return self is not Redact.HOSTS

    @property
    def said(self) -> str:
        """What a reader is told of it."""
        arguments = "command lines are left out"
        hosts = "hosts have other names; their addresses, labels and details are left out"
        if self.is_of_arguments and self.is_of_hosts:
            return f"{arguments}; {hosts}"
        return arguments if self.is_of_arguments else hosts

    @property
    def is_of_hosts(self) -> bool:
        """Whether hosts are renamed."""
        return self is not Redact.ARGS


@dataclass(frozen=True, slots=True)
class Redaction:
    """What is left out of the reports of a run, and the key of the run by which others names are given."""

    what: Redact
    key: bytes

    def pseudonym(self, prefix: str, name: str) -> str:
        """`host-k3f9a2b7qd`: the same for the same name; "" stays empty."""
        if not name:
            return ""
        message = f"{prefix}\0{name}".encode("utf-8", "surrogateescape")
        digest = hmac.digest(self.key, message, "sha256")
        return f"{prefix}-{b32encode(digest).decode()[:_NAME_CHARACTERS].lower()}"


def each(texts: pl.Series, told: Callable[[str], str]) -> pl.Series:
    """A column of texts, each different one made into another."""
    different = {text: told(text) for text in texts.unique().drop_nulls().to_list()}
    return texts.replace_strict(different, return_dtype=pl.String, default=None)
