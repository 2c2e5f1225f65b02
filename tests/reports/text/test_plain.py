from hypothesis import given
from hypothesis import strategies as st

from reports.text.plain import ascii_only, printable, shortened


def test_control_and_direction_marks_are_written_out() -> None:
    assert printable("a\nb\x1b[31m\x7f\u202e") == "a\\x0ab\\x1b[31m\\x7f\\u202e"
    assert ascii_only("Zürich") == "Z\\xfcrich"


def test_names_keep_both_ends() -> None:
    assert shortened("prod-web-0001.example.com", 15) == "prod-w...le.com"
    assert shortened("short", 5) == "short"


@given(st.text(), st.integers(0, 60))
def test_whatever_the_text_it_fits_and_prints(text: str, width: int) -> None:
    shown = shortened(text, width)
    assert len(shown) <= width
    assert shown.isprintable()
