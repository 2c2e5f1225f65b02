import polars as pl

from archive import tables
from archive.results import FINDINGS, Result
from reports.tables import sections
from tests.reports.fleet import Answered, finding, result


def older(answer: Result, *without: str) -> Result:
    frame = tables.from_ipc(answer.sections[FINDINGS], "older").drop(without)
    return Result(answer.record, {**answer.sections, FINDINGS: tables.to_ipc(frame)})


def test_findings_of_an_older_version_have_no_kind_and_an_unknown_size() -> None:
    answers = [result(Answered(name, findings=(finding(1),))) for name in ("a", "b")]
    for made in (
        [older(answer, "kind", "concerns_bytes") for answer in answers],
        [older(answers[0], "kind", "concerns_bytes"), answers[1]],
    ):
        table = sections.findings(made)
        assert table.schema == pl.Schema(sections.FINDING_SCHEMA)
        assert table["kind"][0] == ""
        assert table["concerns_bytes"][0] is None
        assert table["code"].to_list() == ["many_arenas", "many_arenas"]
    assert table["concerns_bytes"][1] is not None
