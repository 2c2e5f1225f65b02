import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive import codec
from domain.mistakes import OperatorError
from domain.records import SCHEMA_VERSION, Closed, Failure, Host, Manifest, Stage
from tests.archive.examples import manifest

LABELS = st.lists(st.tuples(st.text(), st.text())).map(tuple)
HOSTS = st.builds(
    Host, name=st.text(), address=st.text(), groups=st.lists(st.text()).map(tuple), labels=LABELS
)


@given(st.lists(HOSTS, max_size=3).map(tuple), st.text())
def test_a_manifest_comes_back_as_it_was(hosts: tuple[Host, ...], command: str) -> None:
    given_one = replace(manifest(), hosts=hosts, command=command, mail_to=("a@b",))
    assert codec.decode(Manifest, codec.encode(given_one), "m") == given_one


@pytest.mark.parametrize(
    "record", [Failure("a", Stage.TCP, "tcp_timeout"), Closed("r", "t", 3, 1, 1, 1, complete=False)]
)
def test_records_come_back_as_they_were(record: object) -> None:
    assert codec.decode(type(record), codec.encode(record), "r") == record


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema_version": 2}, "has schema version 2, this mapsweep reads version 1"),
        ({"schema_version": True}, "has schema version true"),
        ({"schema_version": "1"}, 'has schema version "1"'),
        ({"command": 7}, "command: input should be a valid string"),
        ({"keep_dumps": 1}, "keep_dumps: input should be a valid boolean"),
        ({"limits": {"concurrency": "7"}}, "limits.concurrency: input should be a valid integer"),
        ({"limits": {"concurrency": True}}, "limits.concurrency: input should be a valid integer"),
        ({"limits": {"concurrency": 1.5}}, "limits.concurrency: input should be a valid integer"),
        ({"limits": {"tcp_s": "1"}}, "limits.tcp_s: input should be a valid number"),
        ({"mail_to": ["a", 1]}, "mail_to.1: input should be a valid string"),
        ({"mail_to": "a"}, "mail_to: input should be a valid array"),
        ({"hosts": [{"name": "a"}]}, "hosts.0.address is missing"),
        ({"hosts": [{"name": "a", "address": "a", "labels": [["owner", 1]]}]}, "hosts.0.labels.0.1: input"),
        ({"hosts": [{"name": "a", "address": "a", "labels": {"owner": "b"}}]}, "hosts.0.labels: input"),
        ({"scope": []}, "scope: input should be an object"),
        ({"shell": "sh"}, "shell is not a field of Manifest"),
        ({"scope": {"name": "a", "hosts": "b", "shell": "sh"}}, "scope.shell is not a field"),
    ],
)
def test_what_a_record_does_not_declare_is_an_error(change: dict[str, object], said: str) -> None:
    document = json.loads(codec.encode(manifest("a"))) | change
    with pytest.raises(OperatorError) as raised:
        codec.decode(Manifest, json.dumps(document).encode(), "runs/x/manifest.json")
    assert str(raised.value).startswith("runs/x/manifest.json: ")
    assert said in str(raised.value)


def test_a_manifest_from_before_there_were_labels_is_read() -> None:
    asked = replace(manifest("a"), hosts=(Host("a", "a", labels=(("owner", "payments"),)),))
    document = json.loads(codec.encode(asked))
    assert document["hosts"][0].pop("labels") == [["owner", "payments"]]
    read = codec.decode(Manifest, json.dumps(document).encode(), "r")
    assert read.hosts == (Host("a", "a"),)
    assert len({*read.hosts, *asked.hosts}) == 2


def test_a_missing_field_is_an_error() -> None:
    document = json.loads(codec.encode(manifest("a")))
    del document["scope"]
    with pytest.raises(OperatorError, match="scope is missing"):
        codec.decode(Manifest, json.dumps(document).encode(), "r")


def test_a_whole_number_stands_for_a_float() -> None:
    document = json.loads(codec.encode(manifest("a")))
    document["limits"]["tcp_s"] = 3
    assert codec.decode(Manifest, json.dumps(document).encode(), "r").limits.tcp_s == 3.0


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_what_is_no_number_is_an_error(number: str) -> None:
    text = codec.encode(manifest("a")).replace(b'"tcp_s": 10.0', f'"tcp_s": {number}'.encode())
    assert number.encode() in text
    with pytest.raises(OperatorError, match=r"limits\.tcp_s"):
        codec.decode(Manifest, text, "r")


def test_a_name_that_is_none_of_an_enumeration_is_an_error() -> None:
    text = codec.encode(Failure("a", Stage.TCP, "x")).replace(b'"tcp"', b'"fax"')
    with pytest.raises(OperatorError, match="stage: input should be 'dns', 'tcp'"):
        codec.decode(Failure, text, "r")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_record_or_a_mistake(text: bytes) -> None:
    with pytest.raises(OperatorError):
        codec.decode(Failure, text, "r")


def test_a_document_cut_anywhere_is_a_mistake() -> None:
    text = codec.encode(manifest("a", "b"))
    for end in range(len(text) - 1):  # the last byte is the newline
        with pytest.raises(OperatorError):
            codec.decode(Manifest, text[:end], "r")


def test_nesting_without_end_is_a_mistake() -> None:
    with pytest.raises(OperatorError):
        codec.decode(Failure, b"[" * 100_000, "r")


def test_what_an_error_says_of_a_document_is_short_and_printable() -> None:
    for change in (
        {"schema_version": "x" * 10_000},
        {"\x1b[31m" + "x" * 10_000: 1},
        {"scope": {"\n" * 999: 1}},
    ):
        document = json.loads(codec.encode(manifest("a"))) | change
        with pytest.raises(OperatorError) as raised:
            codec.decode(Manifest, json.dumps(document).encode(), "m")
        assert len(str(raised.value)) < 1000
        assert str(raised.value).isprintable()


@pytest.mark.parametrize(
    ("version", "is_newer"), [(SCHEMA_VERSION + 1, True), (SCHEMA_VERSION - 1, False), ("x", False)]
)
def test_a_record_of_a_newer_mapsweep_is_told_apart(version: object, is_newer: bool) -> None:
    with pytest.raises(OperatorError) as raised:
        codec.decode(Closed, json.dumps({"schema_version": version}).encode(), "closed.json")
    assert isinstance(raised.value, codec.NewerError) is is_newer


@pytest.mark.parametrize("results", ["../../private/RUN/settled/4", "/etc", "..", "a/b", ".hidden", "4\n"])
def test_a_closed_record_names_no_other_folder(results: str) -> None:
    """Whoever may write into a run could otherwise have the tables of another one read as its own."""
    whole = Closed("r", "t", 1, 1, 0, 0, complete=True, results="4-2")
    text = codec.encode(whole)
    assert codec.decode(Closed, text, "closed.json") == whole
    with pytest.raises(OperatorError, match="results is not the name of a folder"):
        codec.decode(Closed, text.replace(b'"4-2"', json.dumps(results).encode()), "closed.json")
