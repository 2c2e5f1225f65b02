"""Text in lines of a width."""

from collections.abc import Iterator

from reports.text.plain import printable


def wrapped(text: str, indent: str, width: int) -> Iterator[str]:
    """Printable lines of at most `width` characters, broken at blanks if there are any."""
    line = indent
    for word in printable(text).split(" "):
        rest = word
        while rest:
            room = width - len(line) - (len(line) > len(indent))
            if len(rest) <= room:
                line += (" " if len(line) > len(indent) else "") + rest
                break
            if len(line) > len(indent):
                yield line
                line = indent
                continue
            yield line + rest[:room]
            rest = rest[room:]
    if len(line) > len(indent):
        yield line
