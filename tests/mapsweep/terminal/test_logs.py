"""Log lines as JSON: one object a line, whatever is said, with what is known of the work."""

import io
import json
import logging
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.about import NAMES, about
from mapsweep.terminal.log_format import LogFormat
from mapsweep.terminal.log_lines import LINE_CHARS_MAX, LINES_MAX, NAME_CHARS_MAX, LogLines
from mapsweep.terminal.terminal import visible

FORGED = '"}\n{"time": "2026-11-29T00:00:00.000Z", "level": "error", "host": "db-1'


def objects(*records: logging.LogRecord) -> list[dict[str, str]]:
    stream = io.StringIO()
    lines = LogLines(stream, LogFormat.JSON)
    for each in records:
        lines.handle(each)
    assert stream.getvalue().isascii()
    return [json.loads(line) for line in stream.getvalue().split("\n")[:-1]]


def record(name: str, text: str, *values: object, level: int = logging.INFO) -> logging.LogRecord:
    return logging.LogRecord(name, level, __file__, 1, text, values, None)


def test_a_record_is_an_object() -> None:
    with about(run="r1", host="web-1", stage="auth", reason="denied"):
        (told,) = objects(record("workers", "%s: %d", "web-1", 3, level=logging.WARNING))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", told.pop("time"))
    assert told == {
        "level": "warning",
        "room": "workers",
        "message": "web-1: 3",
        "run": "r1",
        "host": "web-1",
        "stage": "auth",
        "reason": "denied",
    }
    (told,) = objects(record("workers", "nothing is known"))
    assert set(told) == {"time", "level", "room", "message"}


@given(st.text(max_size=300), st.sampled_from(["collector", "paramiko.client.a", "kombu", "celery.x"]))
def test_no_text_breaks_a_line_or_forges_a_field(text: str, name: str) -> None:
    with about(host=text, run=FORGED):
        (told,) = objects(record(name, "%s", text))
    assert set(told) <= {"time", "level", "room", "message", *NAMES}
    assert told["level"] == "info"
    assert told["run"] == visible(FORGED)
    assert all(line.isprintable() for line in told["message"].split("\n"))


def test_a_forged_line_stays_in_its_message() -> None:
    (told,) = objects(record("collector", "%s", FORGED))
    assert "host" not in told
    assert told["message"].startswith('"}\n{"time"')


def test_a_library_s_thread_names_its_host_by_its_logger() -> None:
    (told,) = objects(record("paramiko.client.web1.example.org", "Auth banner: login --password=hunter2"))
    assert (told["room"], told["host"]) == ("paramiko.client", "web1.example.org")
    assert told["message"] == "Auth banner: login --password=***"


@pytest.mark.parametrize("name", ["celery.app.trace", "kombu.connection", "py.warnings"])
def test_what_a_library_says_has_no_secret(name: str) -> None:
    (told,) = objects(record(name, "failed: redis://:hunter2@broker:6379/0"))
    assert "hunter2" not in told["message"]


def test_a_traceback_is_a_field_and_masked() -> None:
    failed = record("workers", "failed")
    try:
        raise ValueError("--password=hunter2")  # noqa: TRY301 - the record needs a traceback
    except ValueError:
        failed.exc_info = sys.exc_info()
    (told,) = objects(failed)
    assert told["trace"].startswith("Traceback (most recent call last):\n  File")
    assert told["trace"].endswith("\nValueError: --password=***")
    assert told["message"] == "failed"


def test_records_are_limited() -> None:
    with about(host="h" * 2 * NAME_CHARS_MAX):
        (told,) = objects(record("workers", "x" * 2 * LINE_CHARS_MAX + "\ny" * 2 * LINES_MAX))
    assert told["host"] == "h" * NAME_CHARS_MAX
    lines = told["message"].split("\n")
    assert len(lines) == LINES_MAX
    assert len(lines[0]) == LINE_CHARS_MAX


def test_for_people_a_library_s_line_names_the_work_and_a_warning_is_marked() -> None:
    stream = io.StringIO()
    with about(run="r1", host="web-1"):
        LogLines(stream).handle(record("celery.app.trace", "it failed", level=logging.ERROR))
        LogLines(stream).handle(record("workers", "web-1: ended"))
    first, second = (line.partition(" ")[2] for line in stream.getvalue().splitlines())
    assert first == "celery: error: it failed (run r1, host web-1)"
    assert second == "workers: web-1: ended"


SERVICE = """
import logging, threading
from mapsweep.terminal import debugging, logs
from mapsweep.terminal.exits import complain
if {debugged}:
    debugging.start()
logs.serve()
complain("settings: a\\nsettings: b")
logging.getLogger("workers").info("began")
logging.getLogger("celery.worker.strategy").info("Task x received")
logging.getLogger("workers").debug("a detail")
thread = threading.Thread(target=dict().popitem, name="tender")
thread.start()
thread.join()
"""


@pytest.mark.parametrize("is_debugged", [False, True])
def test_all_that_a_service_says_is_json(is_debugged: bool) -> None:
    words = (sys.executable, "-c", SERVICE.format(debugged=is_debugged))
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    told = [json.loads(line) for line in done.stderr.splitlines()]
    assert [each["message"] for each in told] == [
        "settings: a",
        "settings: b",
        "began",
        *(["a detail"] if is_debugged else []),
        "the thread tender ended by an error",
    ]
    assert told[0]["level"] == "error"
    assert "KeyError" in told[-1]["trace"]


def test_a_debugged_command_is_for_people_unless_json_is_asked_for() -> None:
    def first_line(*options: str) -> str:
        words = (sys.executable, "-m", "mapsweep", "classify", "--debug", *options, "/proc/self/maps")
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        return done.stderr.splitlines()[0]

    assert re.match(r"\d{4}-\S+Z mapsweep: ", first_line())
    for options in (("--log-format", "json"), ("--log-format=json", "--debug")):
        assert json.loads(first_line(*options))["room"] == "mapsweep"
