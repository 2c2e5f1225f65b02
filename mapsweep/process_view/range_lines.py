"""One process as one line per part, for programs: start, end, kind, rule, confidence."""

from collections.abc import Iterator

from mapsweep.process_view.labelled_process import LabelledProcess


def range_lines(process: LabelledProcess, *, why: bool = False) -> Iterator[str]:
    """Tab-separated lines in the order of the mappings; `why` adds the reason as a sixth field."""
    for part in range(len(process.parts)):
        fields = (
            *process.span(part),
            process.kind(part).label,
            process.rule(part),
            process.confidence(part).label,
            *((process.why(part),) if why else ()),
        )
        yield "\t".join(fields)
