"""A change in words: where it is, how much it is, of which kind, and what its peers do."""

from dataclasses import replace
from typing import Final

from procmaps.kind_words import KIND_NAMES, inside
from procmaps.kinds import KIND_BY_LABEL, Family
from reports.changes.rows import Change, ChangeRow, Subject
from reports.report import RunFacts
from reports.text.plain import told
from reports.text.sizes import from_to, growth, instant, number, size

NAME_WIDTH: Final = 40  # of a host or a service in a sentence
_HOUR_S: Final = 3600
_DAY_S: Final = 86_400
_ABOUT_A_DAY_S: Final = (18 * _HOUR_S, 36 * _HOUR_S)
_EXPLAINED_PART: Final = 4  # a kind is the change if it differs from it by no more than one part in so many
_OTHER_PART: Final = 5  # a rate is told if it differs from the change by more than one part in so many
WENT: Final = {  # what is known of what is not there any more: of one, of several, and in short
    Subject.HOST: (
        "is no longer in the inventory",
        "are no longer in the inventory",
        "left the inventory",
    ),
    Subject.SERVICE: ("no longer runs", "no longer run", "no longer running"),
    Subject.PROCESS: ("ended", "ended", "ended"),
}
SAID: Final[dict[str, str]] = {  # a change in one word or two; others are what they are
    Change.APPEARED: "new",
    Change.WENT: "gone",
    Change.FAILED: "newly fails",
}
_HAPPENED: Final = {
    Change.APPEARED: "is new",
    Change.RECOVERED: "answers again",
    Change.FAILED: "newly fails",
}


def word(row: ChangeRow) -> str:
    """`grew`, `gone`, `newly fails`, `rebooted`: what happened, as a label."""
    if row.change == Change.RESTARTED and row.subject == Subject.HOST:
        return "rebooted"
    return SAID.get(row.change, row.change)


def where(row: ChangeRow, *, plain: bool = True, width: int = NAME_WIDTH) -> str:
    """`app-03, checkout.service`: the host, the service, or both; a process without a service by its name."""
    service = row.service or row.comm if row.subject == Subject.PROCESS else row.service
    return ", ".join(told(name, width, plain=plain) for name in (row.host, service) if name) or "?"


def on(row: ChangeRow, *, plain: bool = True) -> str:
    """`checkout.service on app-03`: the same inside a sentence."""
    names = where(replace(row, host=""), plain=plain) if row.service or row.comm else ""
    host = told(row.host, NAME_WIDTH, plain=plain)
    return " on ".join(name for name in (names, host) if name) or "?"


def what(row: ChangeRow, elapsed: str = "", *, plain: bool = True) -> str:
    """What became of it: `native heap +720 MiB in a day (arenas 76.0 to 796 MiB)`, `no longer runs`."""
    if row.change in {Change.GREW, Change.SHRANK}:
        measure, detail = _measure(row, plain=plain)
        if by_number := numbers(row):
            measure, detail = f"{by_number},", ""
        parts = (measure, growth(row.change_bytes, plain=plain), elapsed, f"({detail})" if detail else "")
        return " ".join(part for part in parts if part)
    if row.change == Change.RESTARTED:
        verb = "rebooted" if row.subject == Subject.HOST else "restarted"
        return f"{verb} ({number(row.count)} processes)" if row.count > 1 else verb
    happened = _HAPPENED.get(Change(row.change)) or WENT[Subject(row.subject)][0]
    why = row.reason or row.stage
    return (
        f"{happened} ({told(why, NAME_WIDTH, plain=plain)})"
        if why and row.change == Change.FAILED
        else happened
    )


def why(row: ChangeRow, *, plain: bool = True) -> tuple[str, ...]:
    """What is behind it, the most important first: `arenas 76.0 to 796 MiB`, `5 peers did not grow`."""
    parts: tuple[str, ...]
    if row.change in {Change.GREW, Change.SHRANK}:
        parts = (numbers(row) or _kind(row, plain=plain), peers(row))
    elif row.change == Change.RESTARTED:
        parts = (f"{number(row.count)} processes" if row.count > 1 else "",)
    elif row.reason or row.stage:
        was = "was " if row.change == Change.RECOVERED else ""
        parts = (was + told(row.reason or row.stage, NAME_WIDTH, plain=plain),)
    else:
        is_new = row.change == Change.APPEARED
        amount = row.now_bytes if is_new else row.before_bytes
        parts = (
            went(row) if row.change == Change.WENT else "",
            f"memory {size(amount, plain=plain)}" if amount is not None else "",
        )
    owner = f"owner {told(row.owner, NAME_WIDTH, plain=plain)}" if row.owner else ""
    return tuple(part for part in (*parts, owner) if part)


def went(row: ChangeRow) -> str:
    """`no longer in the inventory`, `no longer runs`: what is known of what is not there any more."""
    return WENT[Subject(row.subject)][0].removeprefix("is ")


def short(row: ChangeRow, *, plain: bool = True) -> str:
    """`native heap +720 MiB`, `10 to 500 processes, +6.2 GiB`, without time, kind and peers."""
    by_number = numbers(row)
    measure = f"{by_number}," if by_number else _measure(row, plain=plain)[0]
    return f"{measure} {growth(row.change_bytes, plain=plain)}"


def numbers(row: ChangeRow) -> str:
    """`10 to 500 processes`, of a service that changed by the number of its processes; of others ""."""
    if row.count_before is None:
        return ""
    return f"{number(row.count_before)} to {number(row.count)} processes"


def rates(row: ChangeRow) -> tuple[str, ...]:
    """`+240 MiB a day`, `+90 MiB a day over the last runs`: what they say beyond the change itself."""
    per_day, change = row.per_day_bytes, row.change_bytes
    is_another = (
        per_day is not None and change is not None and abs(per_day - change) * _OTHER_PART > abs(change)
    )
    trend = row.trend_per_day_bytes
    return (
        *((f"{growth(per_day, plain=True)} a day",) if is_another else ()),
        *((f"{growth(trend, plain=True)} a day over the last runs",) if trend else ()),
    )


def peers(row: ChangeRow) -> str:
    """`5 peers did not grow`, `as did 2 of 5 peers`; "" if there are none, or if that is not known."""
    if not row.peers or row.peers_changed is None:
        return ""
    if not row.peers_changed:
        verb = "shrink" if row.change == Change.SHRANK else "grow"
        return (
            f"its one peer did not {verb}" if row.peers == 1 else f"{number(row.peers)} peers did not {verb}"
        )
    if row.peers_changed == row.peers:
        return "as did its one peer" if row.peers == 1 else f"as did all {number(row.peers)} peers"
    return f"as did {number(row.peers_changed)} of {number(row.peers)} peers"


def kind_name(kind: str) -> str:
    """The kind as it stands in a sentence; that of a host can be one of /proc/meminfo."""
    known = KIND_BY_LABEL.get(kind)
    return kind.replace("_", " ") if known is None else KIND_NAMES[known]


def elapsed(run: RunFacts) -> str:
    """The time between the run compared with and this one: `in a day`, `in 6 h`; "" if it is not known."""
    started, compared = instant(run.started_at), instant(run.compared_at)
    if started is None or compared is None:
        return ""
    passed_s = (started - compared).total_seconds()
    if passed_s < _HOUR_S:
        return f"in {max(1, round(passed_s / 60))} min"
    least_s, most_s = _ABOUT_A_DAY_S
    if passed_s < least_s:
        return f"in {round(passed_s / _HOUR_S)} h"
    return "in a day" if passed_s < most_s else f"in {round(passed_s / _DAY_S)} days"


def _measure(row: ChangeRow, *, plain: bool) -> tuple[str, str]:
    """What changed, and its kind: the kind is named first only if it is about the whole change."""
    if not row.kind:
        return "memory", ""
    name = told(kind_name(row.kind), NAME_WIDTH, plain=plain)
    known = KIND_BY_LABEL.get(row.kind)
    within = name if known is None else inside(known)
    before, now = row.kind_before_bytes, row.kind_now_bytes
    if before is None or now is None:
        return "memory", f"most in {within}"
    sizes = from_to(before, now, bound=row.kind_is_bound, plain=plain)
    if not _explains(now - before, row.change_bytes):
        if row.subject == Subject.SERVICE:
            return "memory", f"most in {within}"  # its sizes can be those of its largest member
        is_most = abs(now - before) * 2 >= abs(row.change_bytes or 0)
        return "memory", f"{'most' if is_most else 'a part'} in {within} {sizes}"
    if known is not None and known.family is Family.NATIVE_HEAP:
        return "native heap", f"{name} {sizes}"
    return name, sizes


def _kind(row: ChangeRow, *, plain: bool) -> str:
    """`arenas 76.0 to 796 MiB`; of memory whose kind is not known its sizes."""
    measure, detail = _measure(row, plain=plain)
    if detail:
        return detail if measure in {"native heap", "memory"} else f"{measure} {detail}"
    if row.before_bytes is None or row.now_bytes is None:
        return measure
    return f"{measure} {from_to(row.before_bytes, row.now_bytes)}"


def _explains(of_kind_bytes: int, change_bytes: int | None) -> bool:
    return change_bytes is not None and abs(of_kind_bytes - change_bytes) * _EXPLAINED_PART <= abs(
        change_bytes
    )
