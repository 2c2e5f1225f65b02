"""Templates that only name other variables: `{{ user }}`, `{{ name }}.example.org`, with `default`.

This is the part of Jinja that inventories use to say the same thing once. Nothing is evaluated beyond it: all
else is refused, and said by name, because a filter or a look-up of Ansible may run a program.
"""

import ast
import re
import warnings
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple, TypeAlias

TEMPLATE_CHARS_MAX = 4_096
NESTED_MAX = 20  # brackets within brackets
_HOSTVARS, _OMIT = "hostvars", "omit"
_WORDS = {"true": True, "True": True, "false": False, "False": False, "none": None, "None": None}
_NOT_NAMES = frozenset((_HOSTVARS, _OMIT, "if", "else", "not", "and", "or", "in", "is"))
_MARK = re.compile(r"\{\{(?P<inner>(?:'[^']*'|\"[^\"]*\"|[^'\"])*?)\}\}|\{[{%#]", re.DOTALL)
_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")|(?P<number>[0-9]+(?![\w.]))"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<sign>[\[\]().,|~=]))"
)

Value: TypeAlias = str | int | float | bool | None
LookUp: TypeAlias = Callable[[str, str], Value]  # of a host ("": this one) and a name; KeyError: not defined
Expression: TypeAlias = Callable[[LookUp], Value]


class UnresolvedError(ValueError):
    """Why a template is not resolved."""


class _Token(NamedTuple):
    kind: str
    text: str


def names(text: str) -> frozenset[str]:
    """The variables that a template may name; none if it cannot be read."""
    try:
        inner = [part for part, is_code in _parts(text) if is_code]
        tokens = [token for part in inner for token in _tokens(part)]
    except UnresolvedError:
        return frozenset()
    found = {token.text for token in tokens if token.kind == "name"}
    found |= {token.text[1:-1] for token in tokens if token.kind == "text"}  # hostvars['h']['name']
    return frozenset(found - _NOT_NAMES - _WORDS.keys())


def resolve(text: str, look_up: LookUp) -> Value:
    """What a template stands for: a single expression keeps its type; None for `omit`.

    UnresolvedError if it does more than name variables, or names one that is not defined.
    """
    found: list[Value] = []
    try:
        for part, is_code in _parts(text):
            found.append(_compiled(part)(look_up) if is_code else part)
    except KeyError as error:
        raise UnresolvedError(f"names {error.args[0]}, which the inventory does not define") from error
    return found[0] if len(found) == 1 else "".join(map(_written, found))


def _parts(text: str) -> Iterator[tuple[str, bool]]:
    """The pieces of a template, and whether each is an expression."""
    if len(text) > TEMPLATE_CHARS_MAX:
        raise UnresolvedError(f"is longer than {TEMPLATE_CHARS_MAX} characters")
    end = 0
    for match in _MARK.finditer(text):
        if match["inner"] is None:
            raise UnresolvedError("has a statement, a comment or an open bracket")
        if match.start() > end:
            yield text[end : match.start()], False
        yield match["inner"], True
        end = match.end()
    if end < len(text):
        yield text[end:], False


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    end, whole = 0, text.rstrip()
    while end < len(whole):
        match = _TOKEN.match(whole, end)
        if match is None:
            raise UnresolvedError(f"uses {whole[end:].strip()[:20]!r}, which is not evaluated")
        kind = str(match.lastgroup)
        tokens.append(_Token(kind, match[kind]))
        end = match.end()
    return tokens


@lru_cache(maxsize=1_000)
def _compiled(text: str) -> Expression:
    parser = _Parser(_tokens(text))
    expression = parser.expression(1)
    parser.end()
    return expression


class _Parser:
    """Reads an expression: `part ~ part`, where a part may have `| default(...)` behind it."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0

    def end(self) -> None:
        """UnresolvedError if something is left."""
        if self._at < len(self._tokens):
            raise UnresolvedError(f"uses {self._tokens[self._at].text!r}, which is not evaluated")

    def expression(self, depth: int) -> Expression:
        if depth > NESTED_MAX:
            raise UnresolvedError("is nested too deep")
        parts = [self._filtered(depth)]
        while self._took("~"):
            parts.append(self._filtered(depth))
        if len(parts) == 1:
            return parts[0]
        return lambda look_up: "".join(_written(part(look_up)) for part in parts)

    def _filtered(self, depth: int) -> Expression:
        given = self._part(depth)
        filters = 0
        while self._took("|"):
            filters += 1
            if filters > NESTED_MAX:  # each is evaluated within the next
                raise UnresolvedError("is nested too deep")
            token = self._next()
            if token.text not in ("default", "d"):
                raise UnresolvedError(f"uses the filter {token.text}, which is not evaluated")
            given = self._default(given, depth)
        return given

    def _default(self, given: Expression, depth: int) -> Expression:
        """`default(y)`, and `default(y, true)`, which also stands in for an empty value."""
        instead: Expression = _constant("")
        also_empty: Expression = _constant(value=False)
        if self._took("(") and not self._took(")"):
            instead = self.expression(depth + 1)
            if self._took(","):
                if self._took("boolean"):
                    self._expect("=")
                also_empty = self.expression(depth + 1)
            self._expect(")")
        return lambda look_up: _defaulted(given, instead, also_empty, look_up)

    def _part(self, depth: int) -> Expression:
        token = self._next()
        if token.kind == "text":
            return _constant(_literal(token.text))
        if token.kind == "number":
            return _constant(int(token.text))
        if token.text == "(":
            inner = self.expression(depth + 1)
            self._expect(")")
            return inner
        if token.kind != "name":
            raise UnresolvedError(f"uses {token.text!r}, which is not evaluated")
        return self._of_host(depth) if token.text == _HOSTVARS else self._name(token.text)

    def _name(self, name: str) -> Expression:
        if self._sees("("):
            raise UnresolvedError(f"uses the function {name}, which is not evaluated")
        if self._sees(".") or self._sees("["):
            raise UnresolvedError(f"uses a part of {name}, which is not evaluated")
        if name in _WORDS or name == _OMIT:
            return _constant(_WORDS.get(name))
        return lambda look_up: look_up("", name)

    def _of_host(self, depth: int) -> Expression:
        """`hostvars[host].name` or `hostvars[host]['name']`."""
        self._expect("[")
        host = self.expression(depth + 1)
        self._expect("]")
        if self._took("."):
            name = self._next().text
        else:
            self._expect("[")
            token = self._next()
            if token.kind != "text":
                raise UnresolvedError("names a variable by another one, which is not evaluated")
            name = _literal(token.text)
            self._expect("]")
        return lambda look_up: look_up(_written(host(look_up)), name)

    def _sees(self, text: str) -> bool:
        return self._at < len(self._tokens) and self._tokens[self._at].text == text

    def _took(self, text: str) -> bool:
        seen = self._sees(text)
        self._at += seen
        return seen

    def _expect(self, text: str) -> None:
        if not self._took(text):
            raise UnresolvedError(f"lacks {text!r}, or uses more than names and default()")

    def _next(self) -> _Token:
        if self._at >= len(self._tokens):
            raise UnresolvedError("ends too early")
        self._at += 1
        return self._tokens[self._at - 1]


def _literal(quoted: str) -> str:
    """What a text in quotation marks stands for; UnresolvedError for an escape that means nothing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # of an escape that stands for itself
            text = str(ast.literal_eval(quoted))
        text.encode()  # half of a surrogate pair could be written nowhere
    except (SyntaxError, ValueError):
        raise UnresolvedError(f"has the text {quoted[:20]!r}, which is not evaluated") from None
    return text


def _constant(value: Value) -> Expression:
    return lambda _: value


def _defaulted(given: Expression, instead: Expression, also_empty: Expression, look_up: LookUp) -> Value:
    try:
        found = given(look_up)
    except KeyError:
        return instead(look_up)
    return found if found or not also_empty(look_up) else instead(look_up)


def _written(value: Value) -> str:
    return "" if value is None else str(value)
