from dataclasses import replace
from itertools import product
from pathlib import Path
from string import ascii_lowercase

import polars as pl

from reports.columns.change_columns import CHANGES
from reports.columns.column import schema_of
from reports.columns.group_columns import GROWING
from reports.findings.closing import GROUPS_MAX
from reports.findings.growth import GROWING_MAX, GROWING_RUNS_MAX, Now, followed
from tests.reports.findings.nights import Nights, found, one
from tests.reports.fleet import MIB, Answered, Process

NOW = Now(
    "2026-11-02T05:00:00Z", "2026-11-01T05:00:00Z", "2026-11-01T05:00:00Z", pl.Series([], dtype=pl.String)
)
HELD = {"host": pl.String, "pid": pl.Int64, "start_ticks": pl.Int64, "started_at_s": pl.Float64}


def test_so_many_findings_are_kept_and_the_largest_first(tmp_path: Path) -> None:
    names = ["".join(letters) for letters in product(ascii_lowercase, repeat=3)][: GROUPS_MAX + 1]
    host = Answered(
        "web1",
        tuple(Process(pid, service=f"{name}.service") for pid, name in enumerate(names, start=1)),
        findings=tuple(found("swapped", pid * MIB, pid) for pid in range(1, len(names) + 1)),
    )
    told = Nights(tmp_path).report(host)
    assert len(told.findings) == GROUPS_MAX
    assert told.findings[0].bytes == (GROUPS_MAX + 1) * MIB
    assert MIB not in {each.bytes for each in told.findings}


def changes(count: int) -> pl.DataFrame:
    """So many processes that grew, each by one MiB more than the one before."""
    rows = pl.DataFrame({"pid": range(1, count + 1)}).with_columns(
        pl.lit("process").alias("subject"),
        pl.lit("grew").alias("change"),
        pl.lit("web1").alias("host"),
        pl.lit(42, pl.Int64).alias("start_ticks"),
        pl.lit(0, pl.Int64).alias("before_bytes"),
        (pl.col("pid") * MIB).alias("now_bytes"),
    )
    return pl.concat([pl.DataFrame(schema=schema_of(CHANGES)), rows], how="diagonal").with_columns(
        pl.col(pl.String).fill_null("")
    )


def test_so_many_processes_are_followed_those_that_grew_most() -> None:
    rose = pl.DataFrame(schema={**HELD, "exe": pl.String})
    none = pl.DataFrame(schema={**HELD, "now_bytes": pl.Int64})
    growing = followed(changes(GROWING_MAX + 1), rose, none, pl.DataFrame(schema=GROWING), NOW)
    assert growing.height == GROWING_MAX
    assert growing["pid"].min() == 2


def test_so_many_sizes_are_kept_of_a_process(tmp_path: Path) -> None:
    growing = followed(
        changes(1),
        pl.DataFrame(schema={**HELD, "exe": pl.String}),
        pl.DataFrame(schema={**HELD, "now_bytes": pl.Int64}),
        pl.DataFrame(schema=GROWING),
        NOW,
    )
    for night in range(GROWING_RUNS_MAX + 3):
        size = pl.DataFrame(
            [("web1", 1, 42, 7.0, (200 + night) * MIB)], schema={**HELD, "now_bytes": pl.Int64}, orient="row"
        )
        later = replace(NOW, started_at=f"2026-12-{night + 1:02}T05:00:00Z")
        growing = followed(changes(0), pl.DataFrame(schema={**HELD, "exe": pl.String}), size, growing, later)
    (sizes,) = growing["sizes"].to_list()
    assert len(sizes) == len(growing["at"][0]) == GROWING_RUNS_MAX
    assert sizes[-1] == (200 + GROWING_RUNS_MAX + 2) * MIB
    assert growing["base_bytes"].item() == 0


def test_a_service_of_any_name_has_its_finding(tmp_path: Path) -> None:
    process = Process(1, service="", exe="/opt/app-1.2/bin/app-1.2", comm="")
    group = one(
        Nights(tmp_path).report(Answered("web1", (process,), findings=(found("swapped"),))), "swapped"
    )
    assert group.service == ""
    assert group.title.startswith(("app", "many", "swapped"))
