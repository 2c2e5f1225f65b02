"""How each column of text is redacted. One that is not named here is emptied: nothing leaves by default."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from reports.redaction.names import Redact
from reports.tables import asker, settled


class How(StrEnum):
    """What happens to a column."""

    PLAIN = "plain"  # words of mapsweep, times, numbers
    TOLD = "told"  # text that may hold the name of a host
    PROCESS = "process"  # its name may be that of a script; the kernel cuts it
    HOST = "host"  # the name of a host
    SERVICE = "service"  # its name may be made of arguments
    OWNER = "owner"  # another name in place of it, so that what is equal stays equal
    CONTAINER = "container"
    FINGERPRINT = "finding"
    LEFT_OUT = "left out"  # empty
    ARGUMENTS = "arguments"  # `redacted`, if there are any
    CUT = "cut"  # told, but of one that was cut its last word may be half a name
    OF_HOSTS = "of hosts"  # `redacted`, if there is something
    PATTERN = "pattern"  # of services, likewise: half a name may stand before its *
    REMEDY = "remedy"  # of the table of troubles, without the names of one case
    TITLE = "title"  # the words of the code


_OF_ALL: Final = {
    **dict.fromkeys(
        (
            *("status", "stage", "reason", "code", "severity", "standing", "kind", "family", "change"),
            "first_standing",
            *("subject", "state", "restarted", "doubtful", "kind_exact"),
            *(
                "at",
                "started_at",
                "closed_at",
                "due_at",
                "base_at",
                "compared_at",
                "findings_compared_at",
                "since_at",
            ),
            *("resolved_at", "until", "muted_until", "tool_version", "rules_version"),
        ),
        How.PLAIN,
    ),
    **dict.fromkeys(
        (
            *("run", "run_id", "scope", "compared_with", "findings_compared_with", "since_run", "rests_on"),
            *("unit", "exe", "trouble", "largest_guess", "runtime", "thp_mode"),
            *("evidence", "advice", "confirm", "not_shown", "kernel", "os_name"),
        ),
        How.TOLD,
    ),
    **dict.fromkeys(("comm", "largest", "most_stacks", "most_guessed"), How.PROCESS),
    **dict.fromkeys(("host", "largest_host"), How.HOST),
    "service": How.SERVICE,
    "owner": How.OWNER,
    "container": How.CONTAINER,
    "fingerprint": How.FINGERPRINT,
    "arguments": How.ARGUMENTS,
    "command": How.ARGUMENTS,
    "mute_reason": How.OF_HOSTS,
    "labels": How.LEFT_OUT,
    "boot_id": How.LEFT_OUT,
    "detail": How.LEFT_OUT,
    "remedy": How.REMEDY,
    "title": How.TITLE,
}
_OF_TABLE: Final[Mapping[str, Mapping[str, How]]] = {  # where a name means something else
    settled.HOSTS: {"name": How.HOST},
    settled.PROCESSES: {"evidence": How.PLAIN},
    settled.FLEET: {
        **dict.fromkeys(("evidence", "host_key_policy", "arguments"), How.PLAIN),
        **dict.fromkeys(asker.NAMES, How.LEFT_OUT),
        "hosts": How.OF_HOSTS,
        "command": How.LEFT_OUT,
    },
    settled.FINDING_MUTES: {"service": How.PATTERN, "hosts": How.OF_HOSTS, "reason": How.OF_HOSTS},
}
_ONLY_HOSTS: Final = {  # what a report keeps that leaves out arguments alone
    *(How.TOLD, How.HOST, How.OWNER, How.CONTAINER, How.FINGERPRINT, How.OF_HOSTS, How.LEFT_OUT),
}
_ALWAYS: Final = {"detail", "command"}  # a host's or a person's own words: they may quote a command line


def how(table: str, column: str, what: Redact) -> How:
    """What happens to a column of text of a table."""
    found = _OF_TABLE.get(table, {}).get(column) or _OF_ALL.get(column)
    if found is None:
        return How.LEFT_OUT
    if found is How.ARGUMENTS and not what.is_of_arguments:
        return How.CUT
    if found in _ONLY_HOSTS and not what.is_of_hosts and column not in _ALWAYS:
        return How.PLAIN
    return found


def is_declared(table: str, column: str) -> bool:
    """Whether it is said what happens to a column, and it is not only emptied because nothing is."""
    return column in _OF_TABLE.get(table, {}) or column in _OF_ALL
