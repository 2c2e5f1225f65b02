"""What a rule's verdict says of the parts that it settles."""

import pytest

from procmaps.kinds import Confidence, Kind
from procmaps.rules.rule import Rule, verdicts_of


@pytest.mark.parametrize(
    ("runner_up", "if_open", "if_closed"),
    [
        (Kind.HEAP_MMAP, Kind.HEAP_MMAP, Kind.RESERVED),
        (Kind.RESERVED, Kind.ANONYMOUS, Kind.RESERVED),
        (Kind.HEAP_ARENA, Kind.HEAP_ARENA, Kind.HEAP_ARENA),  # nothing came second
        (None, Kind.HEAP_ARENA, Kind.HEAP_ARENA),
    ],
)
def test_what_came_second_is_closed_only_where_the_part_is(
    runner_up: Kind | None, if_open: Kind, if_closed: Kind
) -> None:
    rule = Rule("one", Kind.HEAP_ARENA, Confidence.LIKELY, "maps", "", "", runner_up)
    verdicts = verdicts_of([rule])
    assert verdicts.confidence.tolist() == [Confidence.LIKELY]
    assert verdicts.second_if_open.tolist() == [if_open]
    assert verdicts.second_if_closed.tolist() == [if_closed]
