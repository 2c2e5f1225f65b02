"""The manual pages, made of the commands themselves, with exit codes, environment and files."""

import os
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from inspect import cleandoc
from typing import Final

import click

from mapsweep.terminal.exits import Exit

SECTION: Final = 1
ENVIRONMENT: Final = (
    ("MAPSWEEP_CONFIG", "The settings file, as --config."),
    ("MAPSWEEP_<KEY>", "A setting of mapsweep.yaml, as MAPSWEEP_BROKER or MAPSWEEP_LIMITS_CONCURRENCY."),
    ("MAPSWEEP_DEBUG", "1 tells each step, as --debug."),
    ("MAPSWEEP_LOG_FORMAT", "text or json, as --log-format."),
    ("NO_COLOR, FORCE_COLOR", "Switch colours off, or on."),
    ("TERM", "dumb switches colours and the progress bar off."),
    ("COLUMNS", "The width of the terminal, instead of the one that it tells."),
    ("STATE_DIRECTORY", "Given by systemd to a service: runs are kept in its folder runs."),
    ("XDG_CONFIG_HOME, XDG_STATE_HOME, XDG_CACHE_HOME", "Instead of ~/.config, ~/.local/state and ~/.cache."),
)
FILES: Final = (
    (
        "~/.config/mapsweep/mapsweep.yaml, /etc/mapsweep/mapsweep.yaml",
        "The settings: the first that is there. None is needed to begin with.",
    ),
    ("inventory.yaml", "The hosts, in the YAML of Ansible; looked for in the same folders."),
    ("~/.local/state/mapsweep/runs", "Where runs are kept; of root, /var/lib/mapsweep/runs."),
    (
        "~/.cache/mapsweep/inventories",
        "Names of hosts and groups, for completion; may be removed at any time.",
    ),
)
_COLUMNS: Final = 78
_VERBATIM: Final = "\b"  # click's mark of a paragraph that is not filled


@dataclass(frozen=True, slots=True)
class Page:
    """One page, for `man`: its name, as mapsweep-runs-rm, and its source."""

    name: str
    source: str

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"{self.name}.{SECTION}"


def pages(top: click.Command, environment: Mapping[str, str] = os.environ) -> Iterator[Page]:
    """A page for each command and each group, the whole first. SOURCE_DATE_EPOCH gives their date."""
    epoch = environment.get("SOURCE_DATE_EPOCH", "")
    day = datetime.fromtimestamp(int(epoch), UTC) if epoch.isdecimal() else datetime.now(UTC)
    for ctx in contexts(top):
        name = ctx.command_path.replace(" ", "-")
        yield Page(name, "\n".join(_lines(ctx, name, f"{day:%Y-%m-%d}")) + "\n")


def contexts(
    command: click.Command, above: click.Context | None = None, name: str = "mapsweep"
) -> Iterator[click.Context]:
    ctx = click.Context(command, parent=above, info_name=name, **command.context_settings)
    yield ctx
    if isinstance(command, click.Group):
        for verb in command.list_commands(ctx):
            below = command.get_command(ctx, verb)
            if below is not None:
                yield from contexts(below, ctx, verb)


def _lines(ctx: click.Context, name: str, day: str) -> Iterator[str]:
    command = ctx.command
    yield f'.TH {_exact(name.upper())} {SECTION} {day} "mapsweep {version("mapsweep")}" "mapsweep"'
    yield from (".SH NAME", f"{_exact(name)} \\- {_plain(_short(command))}")
    yield from (".SH SYNOPSIS", f".B {_exact(ctx.command_path)}")
    if pieces := " ".join(command.collect_usage_pieces(ctx)):
        yield _plain(pieces)
    yield ".SH DESCRIPTION"
    yield from _prose(command.help or "")
    if command.epilog:
        yield from (".PP", *_filled(command.epilog))
    yield ".SH OPTIONS"
    records = (
        each.get_help_record(ctx) for each in command.get_params(ctx) if isinstance(each, click.Option)
    )
    yield from _items(record for record in records if record is not None)
    if isinstance(command, click.Group):
        verbs = ((verb, command.get_command(ctx, verb)) for verb in command.list_commands(ctx))
        yield ".SH COMMANDS"
        yield from _items((verb, _short(below)) for verb, below in verbs if below is not None)
    yield ".SH EXIT STATUS"
    yield from _items((str(int(code)), f"{code.meaning}.") for code in Exit)
    yield ".SH ENVIRONMENT"
    yield from _items(ENVIRONMENT)
    yield ".SH FILES"
    yield from _items(FILES)
    yield from _see_also(ctx)


def _see_also(ctx: click.Context) -> Iterator[str]:
    """The page above, and those below."""
    near = [ctx.parent.command_path] if ctx.parent else []
    if isinstance(ctx.command, click.Group):
        near += [f"{ctx.command_path} {verb}" for verb in ctx.command.list_commands(ctx)]
    yield ".SH SEE ALSO"
    names = [path.replace(" ", "-") for path in near]
    yield from (f".BR {_exact(name)} ({SECTION}){',' if name != names[-1] else ''}" for name in names)


def _short(command: click.Command) -> str:
    text = command.short_help or (command.help or "").strip().partition("\n")[0]
    return text.rstrip(".")


def _prose(text: str) -> Iterator[str]:
    """The paragraphs of a help text; those with click's mark stay as they are."""
    for number, paragraph in enumerate(re.split(r"\n\s*\n", cleandoc(text))):
        lines = paragraph.strip("\n").splitlines()
        if number:
            yield ".PP"
        if lines[0].strip() == _VERBATIM:
            yield from (".nf", *map(_exact, lines[1:]), ".fi")
        else:
            yield from _filled(paragraph)


def _items(items: "Iterator[tuple[str, str]] | tuple[tuple[str, str], ...]") -> Iterator[str]:
    for title, text in items:
        yield from (".TP", f".B {_exact(title)}", *_filled(text))


def _filled(text: str) -> list[str]:
    lines = textwrap.wrap(" ".join(text.split()), _COLUMNS, break_long_words=False, break_on_hyphens=False)
    return [_plain(line) for line in lines]


def _plain(text: str) -> str:
    r"""Text for roff: no backslash and no first character of a line means anything."""
    escaped = text.replace("\\", "\\e").replace("--", "\\-\\-")
    return f"\\&{escaped}" if escaped[:1] in {".", "'"} else escaped


def _exact(text: str) -> str:
    """Text to be typed as it is: a hyphen stays the one of the keyboard."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped[:1] in {".", "'"} else escaped
