r"""Text that a host or a process chose, made safe to show: unprintable characters are escaped."""

ELLIPSIS = "..."
_MARKS = (",", ";", '"')  # of the sentences in which names stand


def printable(text: str) -> str:
    """The text with control, format (also bidirectional) and unassigned characters escaped."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else _written(character) for character in text)


def shortened(text: str, width: int) -> str:
    """The text, printable, in `width` characters, without its middle, because names differ at both ends."""
    shown = printable(text)
    if len(shown) <= width:
        return shown
    if width <= len(ELLIPSIS):
        return shown[:width]
    head = (width - len(ELLIPSIS) + 1) // 2
    tail = width - len(ELLIPSIS) - head
    return shown[:head] + ELLIPSIS + (shown[-tail:] if tail else "")


def ascii_only(text: str) -> str:
    """The text, printable, with characters outside of ASCII escaped."""
    return printable(text).encode("ascii", "backslashreplace").decode("ascii")


def told(text: str, width: int, *, plain: bool, quoted: bool = True) -> str:
    """A name in a sentence: printable, with `plain` in ASCII, without its middle beyond `width` characters.

    With `quoted` it is in quotation marks if parts of it could be taken for parts of the sentence.
    """
    shown = shortened(ascii_only(text) if plain else text, width)
    if not quoted or not any(mark in shown for mark in _MARKS):
        return shown
    return '"' + shown.replace('"', "'") + '"'


def _written(character: str) -> str:
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
