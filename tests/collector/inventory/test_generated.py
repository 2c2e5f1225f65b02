"""Inventories by chance, in every format and of several sources, against ansible-core."""

import os
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from collector.inventory.inventory import Inventory, load
from collector.inventory.sources import Surroundings
from domain.mistakes import OperatorError
from tests.collector.inventory.agreement import agree
from tests.collector.inventory.ansible_oracle import Answer, Question, ask_all
from tests.collector.inventory.generated import PLAY, Case, cases

BATCHES = 2 * int(os.environ.get("MAPSWEEP_REPEATS", "3"))
CASES_IN_A_BATCH = 20  # one process of Ansible reads them; Hypothesis gives up examples that are much larger
STRICTER = (  # where mapsweep refuses what Ansible lets pass: it reaches no host in this way, or another one
    "must be a port from 1 to 65535",
    "must be true or false",
    "must be a single value",
    "must be text, not",
    "must be a host name or an address",
    "must be a whole number",
    "ungrouped can only be a child of all, and cannot have children",
    "runs backwards",
    "is a group, and a host that is in no group",
)
_PLACE = re.compile(r"line \d+|-i: |program")


def written(case: Case, folder: Path) -> Question:
    """Write the files of a case; its sources as paths."""
    for path, text in case.files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o755 if text.startswith("#!") else 0o644)
    sources = [each if "," in each else folder / each for each in case.sources]
    return Question(sources, folder / PLAY)


def difference(question: Question, theirs: Answer) -> str:
    """What mapsweep makes of it other than Ansible; "" if nothing."""
    try:
        ours = load(
            list(question.sources), Surroundings(play_folder=question.play_folder, runs_programs=True)
        )
    except OperatorError as error:
        return refused(error, theirs)
    if theirs.error:
        return f"only Ansible refuses it: {theirs.error}"
    try:
        agree(ours, theirs)
    except AssertionError as error:
        return f"not the same: {error}"
    return untrue_obstacles(ours, theirs)


def refused(error: OperatorError, theirs: Answer) -> str:
    """A refusal must have its place, and a reason, if Ansible does not refuse it too."""
    for mistake in error.mistakes:
        if not _PLACE.search(mistake.place):
            return f"without its place: {mistake}"
    if theirs.error or any(reason in str(error) for reason in STRICTER):
        return ""
    return f"only mapsweep refuses it: {error}"


def untrue_obstacles(ours: Inventory, theirs: Answer) -> str:
    """An obstacle must have its line."""
    for name, mistakes in ours.obstacles.items():
        for mistake in mistakes:
            if not _PLACE.search(mistake.place):
                return f"an obstacle of {name} without its place: {mistake}"
    return ""


@pytest.mark.slow
@settings(
    max_examples=BATCHES,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
    database=None,
)
@given(st.lists(cases(), min_size=CASES_IN_A_BATCH, max_size=CASES_IN_A_BATCH))
def test_means_what_ansible_means(batch: list[Case]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        questions = [written(case, folder / str(number)) for number, case in enumerate(batch)]
        answers = ask_all(questions, folder / "scratch")
        for case, question, answer in zip(batch, questions, answers, strict=True):
            found = difference(question, answer)
            assert not found, f"{found}\n{case.told()}"
