"""What `--redact` asks for: a report that others may read."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archive.run import Run
    from reports.redaction.names import Redaction

# as reports.redaction.names.Redact says, whose import takes time
ARGS, HOSTS, ALL = WAYS = ("args", "hosts", "all")


def redaction_of(run: "Run", asked: str | None) -> "Redaction | None":
    """What the reports of a run leave out, by its own key; None: nothing. OperatorError without a key."""
    if asked is None:
        return None
    from archive.redaction_key import redaction_key  # noqa: PLC0415 - --help does not wait for it
    from reports.redaction.names import Redact, Redaction  # noqa: PLC0415 - starts Polars

    return Redaction(Redact(asked), redaction_key(run.store))
