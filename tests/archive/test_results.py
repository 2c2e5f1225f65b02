import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive import results
from archive.results import HEADER_BYTES_MAX, MAGIC, Result
from domain.mistakes import OperatorError
from tests.archive.examples import host_record

SECTIONS = st.dictionaries(st.text(max_size=8), st.binary(max_size=40), max_size=5)


@given(SECTIONS)
def test_a_result_comes_back_as_it_was_with_sections_of_any_name(sections: dict[str, bytes]) -> None:
    """One that a later mapsweep wrote has sections that this one does not know."""
    given_one = Result(host_record("a"), sections)
    back = results.decode(results.encode(given_one))
    assert back == given_one
    assert list(back.sections) == list(sections)


def test_a_result_cut_or_changed_anywhere_names_itself() -> None:
    content = results.encode(Result(host_record("a"), {"processes": b"p" * 50, "findings": b""}))
    for end in range(len(content)):
        with pytest.raises(OperatorError, match=r"^runs/x: "):
            results.decode(content[:end], "runs/x")
    for place in range(len(content) - 50, len(content)):
        changed = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        with pytest.raises(OperatorError, match=r"^runs/x: does not match its checksum"):
            results.decode(changed, "runs/x")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sections": {"processes": -1, "findings": 2}}, "holds"),
        ({"sections": {"processes": "1"}}, "sections.processes"),
        ({"record": {}}, "record.host is missing"),
        ({"shell": 1}, "shell is not a field"),
    ],
)
def test_a_header_that_is_none_is_an_error(change: dict[str, object], said: str) -> None:
    _, header, rest = results.encode(Result(host_record("a"), {"processes": b"p"})).split(b"\n", 2)
    changed = json.dumps(json.loads(header) | change).encode()
    with pytest.raises(OperatorError, match=said):
        results.decode(b"\n".join((MAGIC.rstrip(), changed, rest)))


def test_a_header_beyond_the_limit_is_none() -> None:
    record = {"record": "x" * HEADER_BYTES_MAX}
    with pytest.raises(OperatorError, match="has no header"):
        results.decode(MAGIC + json.dumps(record).encode() + b"\n")
