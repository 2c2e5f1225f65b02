import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive import codec
from archive.mistakes import OperatorError
from archive.records import Closed, Failure, Host, HostRecord, Manifest, Stage
from tests.archive.examples import host_record, manifest

HOSTS = st.builds(Host, name=st.text(), address=st.text(), groups=st.lists(st.text()).map(tuple))


@given(st.lists(HOSTS, max_size=3).map(tuple), st.text())
def test_a_manifest_comes_back_as_it_was(hosts: tuple[Host, ...], command: str) -> None:
    given_one = replace(manifest(), hosts=hosts, command=command, mail_to=("a@b",))
    assert codec.decode(Manifest, codec.encode(given_one), "m") == given_one


@pytest.mark.parametrize(
    "record",
    [host_record("a"), Failure("a", Stage.TCP, "tcp_timeout"), Closed("r", "t", 3, 1, 1, 1, complete=False)],
)
def test_records_come_back_as_they_were(record: object) -> None:
    assert codec.decode(type(record), codec.encode(record), "r") == record


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema_version": 2}, "has schema version 2, this mapsweep reads version 1"),
        ({"schema_version": True}, "has schema version true"),
        ({"schema_version": "1"}, 'has schema version "1"'),
        ({"listed": "7"}, "listed is not of type int"),
        ({"listed": True}, "listed is not of type int"),
        ({"listed": 1.0}, "listed is not of type int"),
        ({"notes": ["a", 1]}, "notes.1 is not of type str"),
        ({"notes": "a"}, "notes is not a list"),
        ({"meminfo_bytes": {"MemFree": None}}, "meminfo_bytes.MemFree is not of type int"),
        ({"meminfo_bytes": []}, "meminfo_bytes is not an object"),
        ({"shell": "sh"}, "shell is not a field of HostRecord"),
    ],
)
def test_what_a_record_does_not_declare_is_an_error(change: dict[str, object], said: str) -> None:
    document = json.loads(codec.encode(host_record("a"))) | change
    with pytest.raises(OperatorError) as raised:
        codec.decode(HostRecord, json.dumps(document).encode(), "runs/x/hosts/a.json")
    assert str(raised.value).startswith("runs/x/hosts/a.json: ")
    assert said in str(raised.value)


def test_a_missing_field_is_an_error() -> None:
    document = json.loads(codec.encode(host_record("a")))
    del document["kernel"]
    with pytest.raises(OperatorError, match="kernel is missing"):
        codec.decode(HostRecord, json.dumps(document).encode(), "r")


def test_a_whole_number_stands_for_a_float() -> None:
    document = json.loads(codec.encode(host_record("a"))) | {"clock_s": 3}
    assert codec.decode(HostRecord, json.dumps(document).encode(), "r").clock_s == 3.0


def test_a_name_that_is_none_of_an_enumeration_is_an_error() -> None:
    text = codec.encode(Failure("a", Stage.TCP, "x")).replace(b'"tcp"', b'"fax"')
    with pytest.raises(OperatorError, match="stage is none of dns, tcp"):
        codec.decode(Failure, text, "r")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_record_or_a_mistake(text: bytes) -> None:
    with pytest.raises(OperatorError):
        codec.decode(HostRecord, text, "r")


def test_a_document_cut_anywhere_is_a_mistake() -> None:
    text = codec.encode(manifest("a", "b"))
    for end in range(len(text) - 1):  # the last byte is the newline
        with pytest.raises(OperatorError):
            codec.decode(Manifest, text[:end], "r")


def test_nesting_without_end_is_a_mistake() -> None:
    with pytest.raises(OperatorError):
        codec.decode(HostRecord, b"[" * 100_000, "r")
