"""The polling pages of safepoints."""

from tests.procmaps.rules.labelled import anon, jvm, kinds, read

AT = 0x7E0000000000
BELOW_LIBJVM = 0x7F0000600000 - 4096


def test_two_polling_pages_and_a_page_beside_them() -> None:
    text = jvm("", anon(AT, 4096, "---p"), anon(AT + 4096, 4096, "r--p"), anon(AT + 8192, 4096, "---p"))
    assert kinds(read(text), AT, AT + 12288) == [(4096, "java_other")] * 3


def test_a_closed_page_counts_beside_a_readable_one_or_right_below_an_object() -> None:
    assert kinds(read(jvm("", anon(AT, 4096, "---p"))), AT, AT + 4096) != [(4096, "java_other")]
    below = read(jvm("", anon(BELOW_LIBJVM, 4096, "---p")))
    assert kinds(below, BELOW_LIBJVM, BELOW_LIBJVM + 1) == [(4096, "java_other")]


def test_what_is_larger_or_can_be_written_is_no_polling_page() -> None:
    for line in (anon(AT, 12288, "r--p"), anon(AT, 4096, "rw-p")):
        assert "java_other" not in {kind for _, kind in kinds(read(jvm("", line)), AT, AT + 12288)}
