"""The report as a folder with a page per host, in the run or where --output says."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from archive.run import Run
from domain.mistakes import Mistake, OperatorError
from mapsweep import output_file

if TYPE_CHECKING:
    from reports.redaction.names import Redaction

IN_RUN: Final = "pages"  # beside the page with all hosts
INDEX: Final = "index.html"
FILE_MODE: Final = 0o600  # only the owner may read the data of a run
_FOLDER_MODE: Final = 0o700


def write(shown: Run, run: Run, output: str | None, redaction: "Redaction | None" = None) -> str:
    """Write the pages of what is shown of a run, as far as it is not redacted; where the first one is.

    OperatorError if they cannot be written.
    """
    if output is None:
        for name, content in _pages(shown, redaction):
            run.write_report(f"{IN_RUN}/{name}", content)
        return run.report_path(f"{IN_RUN}/{INDEX}")
    folder = Path(output)
    for name, content in _pages(shown, redaction):
        file = folder / name
        for each in (folder, file.parent):
            _make(each)
        output_file.write(file, [content], FILE_MODE)
    return str(folder / INDEX)


def _pages(run: Run, redaction: "Redaction | None") -> Iterator[tuple[str, bytes]]:
    from reports.page import folder  # noqa: PLC0415 - starts Polars and Jinja
    from reports.report import report  # noqa: PLC0415 - likewise

    return folder.pages(report(run, redaction))


def _make(folder: Path) -> None:
    try:
        folder.mkdir(_FOLDER_MODE, parents=True, exist_ok=True)
    except OSError as error:
        problem = f"cannot be made: {error.strerror or error}"
        raise OperatorError(Mistake(f"--output {folder}", problem, output_file.REMEDY)) from error
