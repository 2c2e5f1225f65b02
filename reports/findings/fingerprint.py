"""What a finding is called over many runs: made of its code, its service and its kind alone.

A service keeps its fingerprint over deploys: versions, dates, hashes, instances and flags in its name do not
count. A short number does: `users-3.service` is another service than `users-4.service`.
"""

import hashlib
import re
from functools import lru_cache
from typing import Final

DIGITS: Final = 16  # hexadecimal digits of a fingerprint
CACHED_MAX: Final = 1 << 16  # names; the services of a fleet come again with every part of its hosts

_NOTHING: Final = "#"  # a name that consists of such parts alone
_GONE: Final = "\0"  # in place of what does not count; no name has it
_BREAK: Final = re.compile(r"([-_.:/@+~]+)")
_INSTANCE: Final = re.compile(r"@[^@\s]*?(?=\.service\b|$)")  # of a template unit, and of app@3
_TRANSIENT: Final = re.compile(r"^run-(?:[rup][0-9a-f]+)(?:-i[0-9]+)?(?=\.)")  # what systemd-run calls a unit
_CHANGING: Final = re.compile(
    r"(?P<uuid>[0-9a-f]{8}([-_])[0-9a-f]{4}\2[0-9a-f]{4}\2[0-9a-f]{4}\2[0-9a-f]{12})"
    r"|(?P<date>(?<![0-9])(?:19|20)[0-9]{2}([-_.]?)[01][0-9]\4[0-3][0-9](?:[T_-]?[0-9]{4,6}Z?)?(?![0-9]))"
    r"|(?P<version>(?:(?<![A-Za-z])[vV])?[0-9]+(?:\.[0-9]+)+|(?<![A-Za-z])[vV][0-9]+)"
)
_NUMBER: Final = re.compile(r"[0-9]+")
_LONG_NUMBER: Final = re.compile(r"[0-9]{4,}")  # ports, builds, process ids
_HASH: Final = (
    re.compile(  # hexadecimal with a digit; a short one only if a letter follows a digit: db01 is a name
        r"(?=[a-f]*[0-9])[0-9a-f]{8,}|(?=[a-f]*[0-9]+[a-f])[0-9a-f]{4,7}", re.IGNORECASE
    )
)
_DRAWN: Final = re.compile(  # what Kubernetes draws: neither vowels nor 0, 1 and 3
    r"(?=[a-z]*[0-9])[bcdfghjklmnpqrstvwxz24-9]{8,10}|(?=[a-z]*[0-9]+[a-z])[bcdfghjklmnpqrstvwxz24-9]{5}"
)
_STAGE: Final = re.compile(r"(?:snapshot|release|final|alpha|beta|rc|ga|dev|nightly)[0-9]*", re.IGNORECASE)
_BUILT: Final = (".jar", ".war", ".ear", ".phar", ".whl", ".dll")  # files with a version in their name


@lru_cache(maxsize=CACHED_MAX)
def service_key(service: str, program: str = "") -> str:
    """A service without what a deploy changes; of a process without one, its program.

    `php8.2-fpm.service` is `php-fpm.service`, `java app-1.4.2-SNAPSHOT.jar --port` is `java app.jar`.
    """
    name = service or program.rpartition("/")[2]
    kept = (_lasting(word) for word in name.split() if not _is_flag(word))
    return " ".join(word for word in kept if word) or (_NOTHING if name else "")


@lru_cache(maxsize=CACHED_MAX)
def fingerprint(code: str, key: str, kind: str) -> str:
    """The fingerprint of a finding of a `service_key`: DIGITS hexadecimal digits."""
    canonical = f"{code}\n{key}\n{kind}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(canonical).hexdigest()[:DIGITS]


def _is_flag(word: str) -> bool:
    """Whether it is a flag; `-m` and `-c` say what an interpreter runs."""
    return word.startswith("-") and word not in ("-m", "-c", "-")


def _lasting(word: str) -> str:
    """A word of a service's name without instance, version, date and hash."""
    word = _TRANSIENT.sub("run", _INSTANCE.sub("@", word.replace(_GONE, "")))
    number = _NUMBER if word.lower().endswith(_BUILT) else _LONG_NUMBER
    parts = _BREAK.split(_CHANGING.sub(_GONE, word))
    names, separators = [_part(part, number) for part in parts[::2]], parts[1::2]
    for place in range(1, len(names)):  # 1.2-SNAPSHOT: a stage counts unless it is behind a version
        if not names[place - 1] and _STAGE.fullmatch(names[place]):
            names[place] = ""
    return _joined(names, separators)


def _part(part: str, number: re.Pattern[str]) -> str:
    if _HASH.fullmatch(part) or _DRAWN.fullmatch(part):
        return ""
    return number.sub("", part.replace(_GONE, ""))


def _joined(names: list[str], separators: list[str]) -> str:
    """The parts that are left; of the separators around one that is gone, the one behind it stays."""
    text = names[0]
    for separator, name in zip(separators, names[1:], strict=True):
        if "@" in separator or "/" in separator:
            text += separator + name
        elif name:
            text += (separator if text else "") + name
    return text
