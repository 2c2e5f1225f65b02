"""The version of the rules changes when what they make of a known process does."""

from procmaps.classify import RULES_VERSION
from tests.truth.cases import SETS, cases
from tests.truth.digests import changed, digests, kept


def test_the_version_of_the_rules_says_when_labels_change() -> None:
    now = digests()
    version, listed = kept()
    differs = changed(now)
    assert not differs or version != RULES_VERSION, (
        f"{len(differs)} known processes are labelled or summed differently, {differs[0]!r} for one: "
        "raise RULES_VERSION in procmaps/classify.py, then run `make digests`"
    )
    assert (version, set(listed)) == (RULES_VERSION, set(now)), "run `make digests`"


def test_each_known_process_is_listed_with_both_grades_of_evidence() -> None:
    _, listed = kept()
    every = [(set_name, case) for set_name in SETS for case in cases(set_name)]
    assert set(listed) == {
        f"{set_name} {case.name} {evidence}"
        for set_name, case in every
        for evidence in ("maps", *(("smaps",) if "smaps" in case.files else ()))
    }
    assert len(every) >= 42 + 65 + 36 + 17
    assert len({name.rpartition(" ")[2] for name in listed}) == 2
    differ = sum(
        listed[name] != listed.get(name.removesuffix("maps") + "smaps", listed[name])
        for name in listed
        if name.endswith(" maps")
    )
    assert differ > 100  # a digest that ignored its input would be the same
