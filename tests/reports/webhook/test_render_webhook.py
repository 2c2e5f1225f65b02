"""The document of the webhook: what it says, what it leaves out, and that its schema holds."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from archive.run import Run
from archive.runs import Runs
from reports.report import report
from reports.webhook import render_webhook, webhook_schema
from reports.webhook.render_webhook import FINDINGS_MAX, HOSTS_MAX, TEXT_CHARS_MAX, for_chat
from tests.archive.examples import dump, manifest
from tests.news import write_news
from tests.reports.hostile import NAMES
from workers.life.ending import close_run
from workers.life.host_steps import classify_host, keep

PAGE = "https://maps.example.org/runs/1/report/index.html"
SCHEMA = Draft202012Validator(webhook_schema.schema())


@pytest.fixture
def run(tmp_path: Path) -> Run:
    made = Runs(str(tmp_path / "runs")).create(manifest("a"))
    keep(made, dump("a"))
    classify_host(made, "a")
    close_run(made)
    return made


def document(run: Run) -> dict[str, Any]:
    body = render_webhook.render(report(run), PAGE)
    assert body is not None
    found: dict[str, Any] = json.loads(body)
    SCHEMA.validate(found)
    return found


def test_a_new_finding_is_a_result_of_sarif(run: Run) -> None:
    write_news(run, [{}])
    whole = document(run)
    (result,) = whole["runs"][0]["results"]
    assert result == {
        "ruleId": "grew",
        "level": "warning",
        "message": {"text": "its native heap grew by 720 MiB in a day"},
        "baselineState": "new",
        "locations": [{"logicalLocations": [{"name": "checkout.service", "kind": "service"}]}],
        "partialFingerprints": {"mapsweep/v1": "0123456789abcdef"},
        "properties": {
            "service": "checkout.service",
            "host": "app-03",
            "process": "java",
            "pid": 100,
            "hosts": 2,
            "members": 2,
            "kind": "native_heap",
            "bytes": 720 * 2**20,
            "before_bytes": 76 * 2**20,
            "owner": "payments",
            "since": "2026-11-29T02:00:00Z",
            "advice": "Look at what it did",
            "link": PAGE,
        },
    }
    assert whole["text"].endswith(f"\n{PAGE}")
    assert "checkout.service" in whole["text"]
    assert whole["text"].startswith("mapsweep adhoc: ")


def test_a_host_that_newly_fails_is_a_result(run: Run) -> None:
    write_news(run, [], [{}])
    whole = document(run)
    (result,) = whole["runs"][0]["results"]
    assert (result["ruleId"], result["level"]) == ("host_failed", "error")
    assert result["partialFingerprints"] == {"mapsweep/v1": "host_failed:db-01"}
    assert result["message"]["text"] == "db-01 answered in the last run, and fails now: tcp, tcp_timeout"
    assert whole["runs"][0]["properties"]["newly_failed_hosts"] == 1
    assert "db-01" in whole["text"]


@pytest.mark.parametrize(
    "row",
    [
        {"standing": "worse"},
        {"standing": "same"},
        {"standing": "resolved"},
        {"standing": "unseen"},
        {"severity": "info"},
        {"mute_reason": "known", "muted_until": "2026-12-24"},
    ],
)
def test_what_is_no_news_is_not_told(run: Run, row: dict[str, object]) -> None:
    write_news(run, [row])
    assert render_webhook.render(report(run), PAGE) is None


def test_a_run_that_has_nothing_to_compare_with_has_no_news(run: Run) -> None:
    write_news(run, [{}], [{}])
    told = report(run)
    assert render_webhook.render(told, PAGE)
    alone = replace(told, run=replace(told.run, compared_with=""))
    assert render_webhook.render(alone, PAGE) is None


def test_what_is_not_known_is_null(run: Run) -> None:
    write_news(run, [{"bytes": None, "before_bytes": None, "owner": "", "kind": "", "first": []}])
    about = document(run)["runs"][0]["results"][0]["properties"]
    unknown = [name for name, value in about.items() if value is None]
    assert unknown == ["host", "process", "pid", "kind", "bytes", "before_bytes", "owner"]


def test_there_are_at_most_so_many_and_the_others_are_counted(run: Run) -> None:
    findings: list[dict[str, object]] = [
        {"fingerprint": f"{place:016x}"} for place in range(FINDINGS_MAX + 1)
    ]
    failed: list[dict[str, object]] = [{"host": f"db-{place}"} for place in range(HOSTS_MAX + 2)]
    write_news(run, findings, failed)
    whole = document(run)
    assert len(whole["runs"][0]["results"]) == FINDINGS_MAX + HOSTS_MAX
    about = whole["runs"][0]["properties"]
    assert (about["new_findings"], about["newly_failed_hosts"]) == (FINDINGS_MAX + 1, HOSTS_MAX + 2)
    assert about["left_out"] == 3


def test_text_that_others_chose_is_inert_and_cut(run: Run) -> None:
    hostile: list[dict[str, object]] = [{"service": name, "title": name * 3, "owner": name} for name in NAMES]
    write_news(run, [*hostile, {"service": "x" * 5000, "title": "y" * 5000}], [{"host": "<!channel> @here"}])
    whole = document(run)
    shown = json.dumps(whole)
    assert all(
        character.isprintable()
        for result in whole["runs"][0]["results"]
        for character in result["message"]["text"]
    )
    assert "<!channel>" not in whole["text"]
    assert len(whole["runs"][0]["results"][-2]["properties"]["service"]) == TEXT_CHARS_MAX
    assert "\\u001b" not in shown
    assert whole["text"].count("://") == 1  # the link to the page


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("<!channel>", "&lt;!channel&gt;"),
        ("<https://evil.example|here>", "&lt;https: //evil.example|here&gt;"),
        ("@everyone", "(at)everyone"),
        ("[a](https://evil.example)", "[a] (https: //evil.example)"),
        ("[a](//e.example)", "[a] (//e.example)"),
        ("_@all_", "_(at)all_"),
        ("a WWW.evil.example", "a WWW .evil.example"),
        ("```", "'''"),  # else all that follows would be code, the link to the page too
        ("postgresql@14.service", "postgresql@14.service"),
    ],
)
def test_a_chat_finds_neither_mention_nor_link(name: str, shown: str) -> None:
    assert for_chat(name) == shown


def test_a_reader_of_sarif_finds_neither_link_nor_argument(run: Run) -> None:
    """In the text of a message, SARIF takes [words](address) for a link, and {0} for an argument."""
    name = "[log in](https://evil.example) {0} {1}"
    write_news(run, [{"title": name}], [{"host": name}])
    found = [result["message"]["text"] for result in document(run)["runs"][0]["results"]]
    assert len(found) == 2
    assert all("](" not in text and "{0}" not in text for text in found)
    assert all(text.startswith("[log in] (https://evil.example) { 0} { 1}") for text in found)


def test_a_test_holds_by_the_schema() -> None:
    SCHEMA.validate(json.loads(render_webhook.trial_document("")))


def test_the_published_schema_is_that_of_the_code() -> None:
    published = Path(__file__).parents[3] / "docs/webhook.schema.json"
    assert published.read_text() == webhook_schema.page()
    Draft202012Validator.check_schema(webhook_schema.schema())


def test_the_schema_refuses_what_is_not_declared(run: Run) -> None:
    write_news(run, [{}])
    whole = document(run)
    whole["runs"][0]["results"][0]["level"] = "grave"
    assert not SCHEMA.is_valid(whole)
