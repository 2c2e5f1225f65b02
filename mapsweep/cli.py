"""The command line: `mapsweep VERB`, and `collect`, which is `mapsweep collect`."""

import atexit
import gc
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import click

from mapsweep.terminal.exits import Exit, run_and_exit
from mapsweep.verbs import Verbs

# NumPy's BLAS starts one thread per core when it is imported, and nothing here multiplies matrices.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# The commands with their line of help, which is here so that --help imports none of them.
COMMANDS = {
    "classify": "Label the memory of one process: a PID, a file, a folder like /proc/PID, or a stream.",
    "rules": "Show the rules that label memory, and why they have their order.",
    "capture": "Record the files that a report about a wrong label needs.",
    "collect": "Sweep hosts, classify every process, and render the report.",
    "wait": "Wait for a run that others execute, and end as collect would.",
    "show": "Show a host of a run, or one of its processes.",
    "top": "Show the largest processes, services or hosts of a run.",
    "diff": "Compare two runs, two hosts, or a process with its peers.",
    "history": "Show a host, a service or a process over the last runs.",
    "report": "Render the report of a run again, or print it in another format.",
    "mail": "Send the report of a run by e-mail.",
    "webhook": "Post the news of a run to the webhook of the settings.",
    "runs": "List the runs that are kept, and remove old ones.",
    "hosts": "List the hosts that a pattern selects.",
    "doctor": "Try a few hosts, and say check by check what a sweep will meet.",
    "sudoers": "Print the sudoers line that allows the probe, and nothing else.",
    "reclassify": "Classify the kept dumps of a run again.",
    "worker": "Execute runs from a broker's queues.",
    "beat": "Have scheduled runs started, and runs and mail looked after.",
    "schedule": "Show what is due, and what became of it.",
    "config": "Check or show the effective settings.",
    "metrics": "Print the state of runs and workers for Prometheus.",
    "demo": "Sweep a demo fleet on this machine.",
    "completion": "Print the completion script of a shell.",
    "man": "Show a manual page, or write all of them.",
}

# Those that end within seconds. They make little garbage, which goes with the process; to search for it takes
# a tenth of their time.
BRIEF = frozenset(
    {"classify", "rules", "capture", "runs", "hosts", "sudoers", "schedule", "config", "completion", "man"}
)

COMPLETE_VARIABLE = "_MAPSWEEP_COMPLETE"  # as mapsweep.shells says, whose import takes time
NO_HOME = "/nonexistent"  # as Debian names the home of an account that has none

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class TopVerbs(Verbs):
    """The commands of mapsweep."""

    helps = COMMANDS
    module_of = "mapsweep.commands.{}"

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        is_typo = bool(args) and args[0] not in COMMANDS and not args[0].startswith("-")
        if is_typo and not ctx.resilient_parsing:  # a shell that completes a line is told nothing
            ctx.fail(f"there is no command {args[0]!r}.{_suggestion(args[0])}")
        found = super().resolve_command(ctx, args)
        if found[0] not in BRIEF:
            gc.enable()
        return found

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(int(code)), code.meaning) for code in Exit])


def _suggestion(typed: str) -> str:
    import difflib  # noqa: PLC0415 - only a slip pays for it

    near = difflib.get_close_matches(typed, COMMANDS, n=1)
    return f" Did you mean {near[0]!r}?" if near else " mapsweep --help lists them."


def _show_version(ctx: click.Context, _parameter: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        from importlib.metadata import version  # noqa: PLC0415 - only --version pays for it

        click.echo(f"mapsweep {version('mapsweep')}")
        ctx.exit()


@click.group(cls=TopVerbs, context_settings=CONTEXT)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version.",
)
def mapsweep() -> None:
    """Read the memory maps of every process of a fleet over SSH, label every mapping, rank what uses native
    heap and thread stacks.

    \b
    mapsweep classify $$                       what this shell's memory is
    mapsweep collect --hosts 'prod-*'          sweep, rank, report
    mapsweep mail latest --to you@example.org  send it
    """  # noqa: D205, D301 - click's help text, \b is its mark


def invoke(command: click.Command, name: str, arguments: Sequence[str]) -> object:
    """Parse and run; exceptions pass, because click's main turns a closed pipe into exit code 1."""
    with command.make_context(name, list(arguments)) as ctx:
        return command.invoke(ctx)


def main() -> NoReturn:
    """The `mapsweep` command."""
    gc.disable()  # what starts the command is no garbage; resolve_command decides for the command itself
    atexit.register(gc.freeze)  # nor does the end of the process search all for cycles
    _start(mapsweep, "mapsweep")


def collect_main() -> NoReturn:
    """The `collect` command."""
    _start(importlib.import_module("mapsweep.commands.collect").collect, "collect")


def _start(command: click.Command, name: str) -> NoReturn:
    _have_home()
    if COMPLETE_VARIABLE in os.environ:  # a shell asks for completions
        from mapsweep import shells  # noqa: PLC0415 - nobody else pays for it

        shells.register()
        command.main(prog_name=name, complete_var=COMPLETE_VARIABLE)
    run_and_exit(lambda: invoke(command, name, sys.argv[1:]))


def _have_home() -> None:
    """A service may run as a uid without HOME and without an entry in passwd: then `~` is no folder."""
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = NO_HOME
