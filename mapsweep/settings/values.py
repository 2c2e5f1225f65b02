"""Checks of single settings: each returns its text, or raises a ValueError that says what is wrong."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from archive.dump_keys import NATIVE, OF_SSH
from archive.places import holds_secret
from collector.inventory.host_lists import is_host_list
from workers.life.crontab import parse as parse_crontab

TEXT_CHARS_MAX = 1000
ADDRESS_CHARS_MAX = 254
AUDIT_OFF, SYSLOG = "off", "syslog"
OWNER_CHARS_MAX = 100  # of any label, as collector.inventory.labels says

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_ADDRESS = re.compile(r"[^@\s<>(),;:\"\\\[\]]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
_MAILBOX = re.compile(r"[^<>@,;:\"\\]+ <(?P<address>[^<>]{1,254})>")
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


def inventory_source(text: str) -> str:
    """A path that means the same from every working directory, or a list of hosts with commas between."""
    one_line(text)
    return text if is_host_list(text) else absolute_path(text)


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


def recipient(text: str) -> str:
    """A public key for which dumps are encrypted; a private one is not repeated in the message."""
    one_line(text)
    if "SECRET-KEY" in text.upper() or "PRIVATE KEY" in text:
        raise ValueError("must be a public key, and this is a private one: it goes into dump_identity_file")
    if not text.startswith((NATIVE, *OF_SSH)):
        raise ValueError("must be a public key: age1..., ssh-ed25519 ... or ssh-rsa ...")
    return text


def audit_place(text: str) -> str:
    """`off`, `syslog`, `syslog:SOCKET` or the path of a file; not whether a line would be taken there."""
    one_line(text)
    if text in {AUDIT_OFF, SYSLOG}:
        return text
    kind, mark, path = text.rpartition(f"{SYSLOG}:")
    if kind or not Path(path).expanduser().is_absolute():
        raise ValueError(
            f"must be 'off', 'syslog', 'syslog:' and the path of a socket, or an absolute path, not {text!r}"
        )
    return f"{mark}{Path(path).expanduser()}"


def mail_address(text: str) -> str:
    if (
        not _ADDRESS.fullmatch(text)
        or _CONTROL.search(text)
        or not text.isascii()
        or len(text) > ADDRESS_CHARS_MAX
    ):
        raise ValueError(f"must be a bare address such as ops@example.org, not {text!r}")
    return text


def mailbox(text: str) -> str:
    """An address, or a name and an address in angle brackets."""
    match = _MAILBOX.fullmatch(text)
    address = match["address"] if match else text
    if _CONTROL.search(text) or not _ADDRESS.fullmatch(address) or not address.isascii():
        raise ValueError(f"must be ops@example.org, or Ops <ops@example.org>, not {text!r}")
    return one_line(text)


def owner_name(text: str) -> str:
    """The text of a label `owner`."""
    if not text.strip() or len(one_line(text)) > OWNER_CHARS_MAX:
        raise ValueError(f"must be the text of a label `owner`, of at most {OWNER_CHARS_MAX} characters")
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


def digest_crontab(text: str) -> str:
    """A crontab of the times of a digest, or "" for none."""
    return crontab(text) if text else text


def time_zone(text: str) -> str:
    parse_crontab(_ANY_TIME, text)
    return text


def hook_address(text: str) -> str:
    """The address of a webhook; what is behind its host may be a secret, so no message repeats it."""
    one_line(text)
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValueError("has an invalid host or port") from None
    is_plain = text.isascii() and " " not in text
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or not is_plain:
        raise ValueError("must be https://HOST/PATH (or http://), in ASCII and without a user")
    if parts.fragment:
        raise ValueError("must not have a part behind #: servers do not get it")
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
