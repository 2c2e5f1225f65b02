"""A code whose conditions changed has another version, so that what only others find is no news."""

from hashlib import sha256
from pathlib import Path

from reports.findings.codes import CODES

KEPT = Path(__file__).with_name("conditions.txt")


def test_conditions_that_changed_have_another_version() -> None:
    """After a change of conditions raise `version` of the code; after one of words, only mend the file.

    A line of it is the code, its version, and the first digits of the SHA-256 of its `when`.
    """
    lines = [
        f"{code.name} {code.version} {sha256(code.when.encode()).hexdigest()[:16]}\n"
        for code in sorted(CODES, key=lambda code: code.name)
    ]
    assert "".join(lines) == KEPT.read_text(), f"{KEPT} is to be:\n{''.join(lines)}"
