"""Lines of ssh_config as keyword and words, split as OpenSSH does."""

import re
from typing import Final

_KEYWORD: Final = re.compile(r'[ \t\f\r]*(?:"([^"]*)"|([^\s="]+))[ \t]*=?[ \t]*')
_QUOTES: Final = "\"'"


def split(line: str) -> tuple[str, list[str]]:
    """A line's keyword in lower case, and its words; ("", []) for a comment. ValueError for a bad quote."""
    text = line.strip(" \t\f\r\n")
    if not text or text.startswith("#"):
        return "", []
    found = _KEYWORD.match(text)
    if found is None:
        raise ValueError("has no keyword")
    keyword = found[1] if found[1] is not None else found[2]
    if not (keyword.isascii() and keyword.isalnum()):
        raise ValueError(f"{keyword[:20]!a} is no keyword; a file of ssh_config has no byte order mark")
    return keyword.lower(), words(text[found.end() :])


def words(text: str) -> list[str]:
    """The words of a text: blanks separate, quotes join, a word that begins with # ends it."""
    found: list[str] = []
    at = 0
    while at < len(text):
        if text[at] in " \t":
            at += 1
            continue
        if text[at] == "#":
            break
        word, at = _word(text, at)
        found.append(word)
    return found


def _word(text: str, at: int) -> tuple[str, int]:
    """The word that begins at a place, and where it ends."""
    quote = ""
    made: list[str] = []
    while at < len(text):
        char, after = text[at], text[at + 1 : at + 2]
        if char == "\\" and after and (after in "\"'\\" or (after == " " and not quote)):
            made.append(after)
            at += 1
        elif not quote and char in " \t":
            break
        elif not quote and char in _QUOTES:
            quote = char
        elif char == quote:
            quote = ""
        else:
            made.append(char)
        at += 1
    if quote:
        raise ValueError("has a quotation mark that is not closed")
    return "".join(made), at
