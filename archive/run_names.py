"""How people name a run: `latest`, a day, the beginning of an id, and so many runs of that name before it."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final

from archive.run_ids import is_run_id, name_of
from domain.mistakes import Mistake, OperatorError

LATEST: Final = "latest"
TODAY, YESTERDAY = "today", "yesterday"
SHOWN_IDS_MAX: Final = 5
SHOWN_LENGTH_MAX: Final = 80  # characters shown of a wrong name
_DAYS_AGO: Final = {TODAY: 0, YESTERDAY: 1}
_ID_BEGINNING: Final = re.compile(r"\d[0-9A-Za-z_.-]*")
_DAY: Final = re.compile(r"\d{4}-\d\d(?:-\d\d)?")
_BACK: Final = re.compile(r"(?P<name>[^~]+)~(?P<back>\d{0,6})")


def run_id_of(
    name: str, ids: Callable[[], Sequence[str]], latest: Callable[[], str], is_run: Callable[[str], bool]
) -> str | None:
    """The id that a name stands for among `ids`, the oldest first; None for no id. Nothing is opened.

    A day, as 2026-11-29, 2026-11, `today` or `yesterday` (UTC), is the beginning of the ids of that day.
    `RUN~2` is the second run before RUN of those that are called the same; `RUN~` is `RUN~1`.
    OperatorError if several ids begin so, or if there are not so many runs before it.
    """
    if match := _BACK.fullmatch(name):
        found = run_id_of(match["name"], ids, latest, is_run)
        return None if found is None else _before(name, found, int(match["back"] or 1), ids(), is_run)
    if name == LATEST:
        return latest()
    if is_run_id(name):
        return name
    if name in _DAYS_AGO:
        name = f"{datetime.now(UTC) - timedelta(days=_DAYS_AGO[name]):%Y-%m-%d}"
    if not _ID_BEGINNING.fullmatch(name):
        return None
    start = name.replace("-", "") if _DAY.fullmatch(name) else name
    found_ids = [run_id for run_id in ids() if run_id.startswith(start)]
    if len(found_ids) > 1:
        shown = ", ".join(found_ids[:SHOWN_IDS_MAX]) + (", ..." if len(found_ids) > SHOWN_IDS_MAX else "")
        problem = f"is the beginning of {len(found_ids)} runs: {shown}"
        raise OperatorError(Mistake(name[:SHOWN_LENGTH_MAX], problem, "give more of the id"))
    return found_ids[0] if found_ids else None


def _before(name: str, run_id: str, back: int, ids: Sequence[str], is_run: Callable[[str], bool]) -> str:
    """The run so many places before one, of those with the same name in their ids."""
    called = name_of(run_id)
    earlier = (each for each in reversed(ids) if each < run_id and name_of(each) == called and is_run(each))
    found = [run_id, *islice(earlier, back)]
    if len(found) > back:
        return found[back]
    problem = f"{run_id} has {len(found) - 1:,} {'run' if len(found) == 2 else 'runs'} of {called} before it"
    if len(found) == 1:
        problem = f"{run_id} is the first run of {called}: there is nothing before it to compare with"
    remedy = f"`mapsweep runs --scope {called}` lists them"
    raise OperatorError(Mistake(name[:SHOWN_LENGTH_MAX], problem, remedy))
