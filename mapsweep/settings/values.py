"""Checks of single settings: each returns its text, or raises a ValueError that says what is wrong."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from archive.places import holds_secret
from workers.life.crontab import parse as parse_crontab

TEXT_CHARS_MAX = 1000
ADDRESS_CHARS_MAX = 254

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_ADDRESS = re.compile(r"[^@\s<>(),;:\"\\\[\]]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
_HOST_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?|[0-9A-Fa-f:.]+")
_SCHEDULE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
_MASK_WORD = re.compile(r"[\w-]{3,64}")
_ANY_TIME = "* * * * *"


def one_line(text: str) -> str:
    if _CONTROL.search(text) or len(text) > TEXT_CHARS_MAX:
        raise ValueError(f"must be one line of at most {TEXT_CHARS_MAX} characters")
    return text


def absolute_path(text: str) -> str:
    """A path that means the same from every working directory."""
    one_line(text)
    path = Path(text).expanduser()
    if not path.is_absolute():
        raise ValueError(f"must be an absolute path or begin with ~/, not {text!r}")
    return str(path)


def runs_place(text: str) -> str:
    one_line(text)
    if "://" not in text:
        return absolute_path(text)
    if holds_secret(text):
        raise ValueError(
            "must not hold a password, a user or options: give them to the storage's own configuration"
        )
    return text


def broker_url(text: str) -> str:
    one_line(text)
    if any(mark in text for mark in "@?#;"):
        raise ValueError(
            "must not hold a password, a user or options: put the password into broker_password_file or"
            " MAPSWEEP_BROKER_PASSWORD, a user into broker_username"
        )
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValueError("has an invalid host or port") from None
    if parts.scheme not in ("redis", "rediss") or not parts.hostname:
        raise ValueError("must be redis://HOST:PORT/DB or rediss://HOST:PORT/DB")
    return text


def mask_word(text: str) -> str:
    """A part of a name, of at least 3 characters, because shorter ones occur in most names."""
    if not _MASK_WORD.fullmatch(text):
        raise ValueError("must be 3 to 64 letters, digits, - or _")
    return text


def mail_address(text: str) -> str:
    if (
        not _ADDRESS.fullmatch(text)
        or _CONTROL.search(text)
        or not text.isascii()
        or len(text) > ADDRESS_CHARS_MAX
    ):
        raise ValueError(f"must be a bare address such as ops@example.org, not {text!r}")
    return text


def host_name(text: str) -> str:
    if not _HOST_NAME.fullmatch(text):
        raise ValueError(f"must be a host name or an address, not {text!r}")
    return text


def host_pattern(text: str) -> str:
    if not one_line(text).strip(" ,:"):
        raise ValueError("must name hosts; all names every host")
    return text


def schedule_name(text: str) -> str:
    if not _SCHEDULE_NAME.fullmatch(text):
        raise ValueError(
            f"must be 1 to 60 of A-Z a-z 0-9 . _ - and begin with a letter or digit, not {text!r}"
        )
    return text


def crontab(text: str) -> str:
    parse_crontab(text)
    return text


def time_zone(text: str) -> str:
    parse_crontab(_ANY_TIME, text)
    return text


def web_address(text: str) -> str:
    one_line(text)
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValueError("has an invalid host or port") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.query:
        raise ValueError("must be http://HOST/PATH or https://HOST/PATH, without a user or options")
    return text
