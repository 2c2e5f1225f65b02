"""What a shell may complete: ids of runs, hosts, schedules, rules. A mistake ends the list."""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from click import Context, Parameter
    from click.shell_completion import CompletionItem

    from mapsweep.settings.settings import Settings

ITEMS_MAX: Final = 200  # more than that no shell shows without asking
_LATEST: Final = "latest"  # as archive.run_names says, whose import takes time
_ADHOC: Final = "adhoc"  # as mapsweep.request says, whose import takes time
_BEFORE_LAST_NAME: Final = re.compile(r".*[:,][!&]?|[!&]?")

Found: TypeAlias = Iterable[tuple[str, str]]  # a value, and what a shell says of it
Finder: TypeAlias = Callable[["Context", str], Found]
Complete: TypeAlias = Callable[["Context", "Parameter", str], "list[CompletionItem[str]]"]


def _completes(find: Finder) -> Complete:
    """A callback of click: the values that begin with what is typed, ITEMS_MAX at most."""

    def complete(ctx: "Context", _parameter: "Parameter", typed: str) -> "list[CompletionItem[str]]":
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - only a shell pays for it

        items: list[CompletionItem[str]] = []
        try:
            for value, said in find(ctx, typed):
                if value.startswith(typed) and value.isprintable():
                    items.append(CompletionItem(value, help=said or None))
                if len(items) == ITEMS_MAX:
                    break
        except Exception:  # noqa: BLE001, S110 - a message in the middle of a typed line helps nobody
            pass  # what was found before is offered
        return items

    return complete


@_completes
def runs(ctx: "Context", _typed: str) -> Found:
    """Ids of runs, the newest first, with when each began and of what scope."""
    from archive.run_ids import name_of, started_of  # noqa: PLC0415 - only a shell pays for it
    from archive.runs import Runs  # noqa: PLC0415 - only a shell pays for it
    from mapsweep.durations import short  # noqa: PLC0415 - likewise

    yield _LATEST, "the run that began last"
    now = datetime.now(UTC)
    for run_id in reversed(Runs(_settings(ctx).runs).ids()):
        if began := started_of(run_id):
            yield run_id, f"{name_of(run_id)}, {short(now - began)} ago"


@_completes
def patterns(ctx: "Context", typed: str) -> Found:
    """Hosts and groups of the inventory; of a pattern with several parts, the last one."""
    from mapsweep import inventory_names  # noqa: PLC0415 - only a shell pays for it
    from mapsweep.settings.settings import find_inventory  # noqa: PLC0415 - likewise

    before = match[0] if (match := _BEFORE_LAST_NAME.match(typed)) else ""
    names = inventory_names.of_sources(find_inventory(_settings(ctx), os.environ), os.environ)
    yield from ((f"{before}{group}", "group") for group in names.groups)
    yield from ((f"{before}{host}", "host") for host in names.hosts)


@_completes
def hosts_of_run(ctx: "Context", _typed: str) -> Found:
    """Hosts of the run that --run names, or else of the last one."""
    from archive.runs import Runs  # noqa: PLC0415 - only a shell pays for it

    run = Runs(_settings(ctx).runs).open(ctx.params.get("run") or _LATEST)
    return ((host.name, "") for host in run.manifest.hosts)


@_completes
def hosts_and_services(ctx: "Context", _typed: str) -> Found:
    """Hosts and services of the last closed run, of those that --scope names."""
    from archive.runs import Runs  # noqa: PLC0415 - only a shell pays for it
    from mapsweep.history_view.subject import closed_tables  # noqa: PLC0415 - likewise
    from reports.tables import settled  # noqa: PLC0415 - likewise

    tables = next(closed_tables(Runs(_settings(ctx).runs), str(ctx.params.get("scope") or "")))
    yield from ((host, "host") for host in tables.table(settled.HOSTS, ("name",))["name"])
    yield from ((service, "service") for service in tables.table(settled.SERVICES, ("service",))["service"])


@_completes
def runs_or_hosts(ctx: "Context", _typed: str) -> Found:
    """What diff compares: ids of runs, and hosts; only hosts behind --run or --peers."""
    from archive.run_ids import name_of  # noqa: PLC0415 - only a shell pays for it
    from archive.runs import Runs  # noqa: PLC0415 - likewise

    kept = Runs(_settings(ctx).runs)
    if not (ctx.params.get("run") or ctx.params.get("peers")):
        yield from ((word, "") for word in (_LATEST, "yesterday"))
        yield from ((run_id, name_of(run_id)) for run_id in reversed(kept.ids()))
    run = kept.open(ctx.params.get("run") or _LATEST)
    yield from ((host.name, "host") for host in run.manifest.hosts)


@_completes
def services_of_run(ctx: "Context", _typed: str) -> Found:
    """Services of the run that --run names, or else of the last one."""
    from archive.runs import Runs  # noqa: PLC0415 - only a shell pays for it
    from reports.tables import settled  # noqa: PLC0415 - likewise
    from reports.tables.settled import Settled  # noqa: PLC0415 - likewise

    run = Runs(_settings(ctx).runs).open(ctx.params.get("run") or _LATEST)
    services = Settled(run).table(settled.SERVICES, ("service", "members"))
    return ((service, f"{members} processes") for service, members in services.iter_rows())


@_completes
def scopes(ctx: "Context", _typed: str) -> Found:
    """The schedules of the settings, adhoc, and what other runs are called."""
    yield _ADHOC, "runs that were given no name"
    yield from _called(_settings(ctx))


@_completes
def names(ctx: "Context", _typed: str) -> Found:
    """What a run can be called to be compared with others: as a schedule, or as earlier runs."""
    return _called(_settings(ctx))


@_completes
def rules(_ctx: "Context", _typed: str) -> Found:
    """The rules that label memory."""
    from procmaps.rules.book import RULES  # noqa: PLC0415 - only a shell pays for it

    return ((rule.name, rule.kind.label) for rule in RULES)


@_completes
def pids(_ctx: "Context", _typed: str) -> Found:
    """Processes of this machine, by number, with their names."""
    for pid in sorted(int(each.name) for each in Path("/proc").iterdir() if each.name.isdecimal()):
        yield str(pid), _comm(pid)


def folders(_ctx: "Context", _parameter: "Parameter", typed: str) -> "list[CompletionItem[str]]":
    """Folders, which the shell itself completes; not behind the scheme of a URL."""
    from click.shell_completion import CompletionItem  # noqa: PLC0415 - only a shell pays for it

    return [] if "://" in typed else [CompletionItem(typed, type="dir")]


def files(_ctx: "Context", _parameter: "Parameter", typed: str) -> "list[CompletionItem[str]]":
    """Files and folders, which the shell itself completes."""
    from click.shell_completion import CompletionItem  # noqa: PLC0415 - only a shell pays for it

    return [CompletionItem(typed, type="file")]


def targets(ctx: "Context", parameter: "Parameter", typed: str) -> "list[CompletionItem[str]]":
    """What classify labels: a process by its number, or else a file."""
    from click.shell_completion import CompletionItem  # noqa: PLC0415 - only a shell pays for it

    return pids(ctx, parameter, typed) if typed.isdecimal() else [CompletionItem(typed, type="file")]


@_completes
def fail_on(_ctx: "Context", typed: str) -> Found:
    """The measures of --fail-on, whose size is not completed, and the sorts of news."""
    if "=" not in typed:
        for measure in ("native-heap", "stacks", "growth", "bloat"):
            yield f"{measure}=", ""
        for news in ("changed", "regressed", "new-finding"):
            yield news, ""


def _called(settings: "Settings") -> Found:
    """The schedules, and the names of other runs as their ids have them, the last one first."""
    from archive.run_ids import name_in_ids, name_of  # noqa: PLC0415 - only a shell pays for it
    from archive.runs import Runs  # noqa: PLC0415 - likewise

    for schedule in settings.schedules:
        yield schedule.name, f"{schedule.hosts}, {schedule.crontab}"
    told = {_ADHOC, *(name_in_ids(schedule.name) for schedule in settings.schedules)}
    called = dict.fromkeys(map(name_of, reversed(Runs(settings.runs).ids())))
    yield from ((name, "") for name in called if name not in told)


def _comm(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _settings(ctx: "Context") -> "Settings":
    """The settings as the options typed so far say; those before a verb of a group hold as well."""
    from mapsweep.settings import settings  # noqa: PLC0415 - starts pydantic

    given: dict[str, str | Path] = {}
    for each in _from_top(ctx):
        given |= {name: value for name, value in each.params.items() if value is not None}
    flags = {
        key: str(Path(str(given[name])).expanduser()) if "://" not in str(given[name]) else str(given[name])
        for key, name in (("runs", "runs_url"), ("inventory", "inventory"))
        if given.get(name)
    }
    return settings.load(given.get("config") or None, os.environ, flags)


def _from_top(ctx: "Context") -> "Iterator[Context]":
    if ctx.parent is not None:
        yield from _from_top(ctx.parent)
    yield ctx
