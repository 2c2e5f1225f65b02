"""Names of hosts, containers and addresses in whatever spelling: in no output of a redacted report."""

import re

import pytest

from archive.redaction_key import redaction_key
from archive.run import Run
from reports.redaction.names import Redact, Redaction
from tests.reports.redaction import realistic
from tests.reports.redaction.outputs import outputs

PACKED = re.compile(r"(?=\S{0,200}[A-Z])[A-Za-z0-9+/=]{76,}")  # base64, in which `db` is; also given unpacked


def left(run: Run, what: Redact | None) -> dict[str, set[str]]:
    """The secrets that are found, and in which outputs.

    A secret of two or three letters stands by chance in what is compressed, which is also given unpacked.
    """
    redaction = Redaction(what, redaction_key(run.store)) if what else None
    there: dict[str, set[str]] = {}
    secrets = realistic.secrets()
    for name, content in outputs(run, redaction):
        text = realistic.fold(PACKED.sub("", content.decode("utf-8", "replace")))
        for secret in secrets:
            if secret.is_short and _is_binary(content):
                continue
            if re.search(secret.pattern, text):
                there.setdefault(secret.name, set()).add(name)
    return there


def _is_binary(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return True
    return False


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return realistic.run_in(tmp_path_factory.mktemp("runs"))


def test_all_of_them_are_in_the_whole_report(run: Run) -> None:
    """Otherwise the test below would find nothing because there was nothing."""
    assert set(left(run, None)) == {secret.name for secret in realistic.secrets()}


@pytest.mark.parametrize("what", [Redact.HOSTS, Redact.ALL])
def test_none_of_them_is_in_a_redacted_one(run: Run, what: Redact) -> None:
    assert left(run, what) == {}
