"""mapsweep report: a run's report, rendered again, or all rows of one of its tables."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from mapsweep.options import (
    config_option,
    debug_option,
    json_option,
    load,
    quiet_option,
    redact_option,
    run_argument,
    runs_option,
    so_far_option,
)
from mapsweep.redacting import redaction_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archive.run import Run
    from reports.redaction.names import Redaction

HTML, CSV, JSON, NDJSON, PARQUET, TEXT = FORMATS = ("html", "csv", "json", "ndjson", "parquet", "text")
SINGLE, DIR = LAYOUTS = ("single", "dir")
# as reports.formats.exports and reports.columns.columns say, whose import takes time
OF_TABLES = (CSV, NDJSON, JSON, PARQUET)
TABLES = (
    *("hosts", "services", "processes", "footprints", "findings", "kinds"),
    *("changes", "finding_groups"),
)

FILE_MODE = 0o600  # only the owner may read the data of a run
STANDARD_OUTPUT = "-"


def _print_schema(ctx: click.Context, _parameter: click.Parameter, asked: bool) -> None:
    if asked:
        from reports.formats import json_schema  # noqa: PLC0415 - starts Polars

        click.echo(json_schema.page(), nl=False)
        ctx.exit()


@click.command(short_help="Render the report of a run again, or print it in another format.")
@run_argument
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default=HTML, show_default=True, help="What to make."
)
@click.option(
    "--table",
    type=click.Choice(TABLES),
    metavar="TABLE",
    help=f"All rows of {', '.join(TABLES[:-1])} or {TABLES[-1]}, as {', '.join(OF_TABLES)}.  "
    f"[default: {TABLES[0]}; json: the summary]",
)
@click.option(
    "--layout",
    type=click.Choice(LAYOUTS),
    default=SINGLE,
    show_default=True,
    help="With --format html: one page, or a folder with a page per host and all of its processes.",
)
@json_option
@quiet_option
@so_far_option
@redact_option
@click.option(
    "-o",
    "--output",
    type=click.Path(allow_dash=True),
    help="Where to write it; - is standard output. With --layout dir, the folder.",
)
@click.option(
    "--schema",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_schema,
    help="Print the JSON Schema of report.json and of rows.",
)
@runs_option
@config_option
@debug_option
@click.pass_context
def report(
    ctx: click.Context,
    *,
    run: str,
    form: str,
    table: str | None,
    layout: str,
    as_json: bool,
    quiet: bool,
    so_far: bool,
    redact: str | None,
    output: str | None,
    runs_url: str | None,
    config: Path | None,
) -> None:
    """Render the report of a run again, or print it in another format.

    RUN is a run's id, its path or URL, or latest. Without options the whole report is rendered into the run's
    folder, and the path of its page is printed. --format html prints the page itself where the output is no
    terminal, as the other formats do. --json is --format json.

    \b
    mapsweep report                 the page of the last run, rendered again
    mapsweep report --format html > page.html
    mapsweep report --format text | less
    mapsweep report --json | jq .totals    the sums; --schema describes it
    mapsweep report --so-far        the results so far of a run that is open
    mapsweep report RUN --format csv --table processes -o processes.csv
    mapsweep report RUN --layout dir -o pages   a page per host
    mapsweep report RUN --format parquet --table hosts -o hosts.parquet
    mapsweep report RUN --redact all -o page.html   for others: no names
    """  # noqa: D301 - \b is click's mark
    form = _form(form, table, output, as_json=as_json)
    if output is None and form == HTML and layout == SINGLE and _is_for_a_file(ctx):
        output = STANDARD_OUTPUT
    if layout == DIR and (form != HTML or output == STANDARD_OUTPUT):
        raise click.UsageError("--layout dir is for --format html, in a folder")
    if redact is not None and form == HTML and output is None:
        raise click.UsageError("--redact is for a report that others get: name its place with --output")
    from archive.run import PAGE  # noqa: PLC0415 - --help does not wait for it
    from archive.runs import Runs  # noqa: PLC0415 - likewise
    from mapsweep.settings.composition import dump_keys  # noqa: PLC0415 - likewise
    from workers.life import ending  # noqa: PLC0415 - likewise

    settings = load(config, runs=runs_url)
    opened = Runs(settings.runs, dump_keys=dump_keys(settings)).open(run)
    redaction = redaction_of(opened, redact)
    if layout == DIR:
        from mapsweep import report_folder  # noqa: PLC0415 - --help does not wait for it

        with ending.so_far(opened) if so_far else nullcontext(opened) as shown:
            _tell(report_folder.write(shown, opened, output, redaction), quiet=quiet)
        return
    if form == HTML and output is None and not (so_far and opened.closed() is None):
        ending.render_report(opened)
        _tell(opened.report_path(PAGE), quiet=quiet)
        return
    with ending.so_far(opened) if so_far else nullcontext(opened) as shown:
        content = rendered(shown, form, table, redaction)
        if form == HTML and output is None:
            opened.write_report(ending.SO_FAR, content)
            _tell(opened.report_path(ending.SO_FAR), quiet=quiet)
        elif output in {None, STANDARD_OUTPUT}:
            sys.stdout.buffer.writelines(content)
            sys.stdout.buffer.flush()
        else:
            from mapsweep import output_file  # noqa: PLC0415 - --help does not wait for it

            output_file.write(Path(str(output)), content, FILE_MODE)


def _form(form: str, table: str | None, output: str | None, *, as_json: bool) -> str:
    """The format that is asked for; UsageError if the options do not go together."""
    if as_json and form not in {HTML, JSON}:
        raise click.UsageError(f"--json is --format json, and --format {form} is asked for as well")
    form = JSON if as_json else form
    if table is not None and form not in OF_TABLES:
        raise click.UsageError(f"--table is for --format {', '.join(OF_TABLES)}; {form} has all of them")
    if form == PARQUET and output in {None, STANDARD_OUTPUT} and sys.stdout.isatty():
        raise click.UsageError("Parquet is not for a terminal: name a file with -o, or pipe it on")
    return form


def _is_for_a_file(ctx: click.Context) -> bool:
    """Whether a format was typed, and what is printed goes to a file or to another program."""
    typed = ctx.get_parameter_source("form") is ParameterSource.COMMANDLINE
    return typed and not sys.stdout.isatty()


def _tell(place: str, *, quiet: bool) -> None:
    if not quiet:
        click.echo(place)


def rendered(
    run: "Run", form: str, table: str | None = None, redaction: "Redaction | None" = None
) -> "Iterable[bytes]":
    """One file of the report, or of what a redaction leaves of it, in pieces."""
    from reports.formats import exports, render_json, render_text  # noqa: PLC0415 - start Polars and Jinja
    from reports.page import page  # noqa: PLC0415 - likewise
    from reports.report import report as made  # noqa: PLC0415 - likewise
    from reports.report import tables_of  # noqa: PLC0415 - likewise

    if form == HTML:
        return [page.render(made(run, redaction))]
    if form == TEXT:
        return render_text.render(made(run, redaction))
    if form == JSON and table is None:
        return render_json.render(made(run, redaction))
    return exports.rows(tables_of(run, redaction), table or TABLES[0], form)
