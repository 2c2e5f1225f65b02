"""The page of faults is written from what was measured."""

from tests.faults.page import Row, written

HELD = Row("a fault", "what it means", "quick", "8/8", "1", 3.4)


def test_a_row_comes_back_from_a_report_of_another_process() -> None:
    assert Row.from_json(HELD.as_json(), has_held=True) == HELD


def test_the_page_has_a_line_for_each_fault() -> None:
    page = written([HELD, Row("another", "nothing", "quick", "-", "1", None)])
    assert page.endswith("| a fault | 8/8 | 1 | 3 s | what it means |\n| another | - | 1 | - | nothing |\n")
    assert "at a quick pace" in page


def test_a_fault_that_did_not_heal_is_shown() -> None:
    lost = Row.from_json(HELD.as_json(), has_held=False)
    assert "| a fault (**did not hold**) |" in written([lost])
    assert lost.line().endswith("DID NOT HOLD")


def test_the_page_says_at_which_pace_it_was_measured() -> None:
    shipped = Row("a fault", "what it means", "shipped", "8/8", "1", 70.0)
    assert "at the pace as shipped." in written([shipped])
