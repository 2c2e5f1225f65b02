"""Walks over the arguments of one command line; earlier arguments decide which later ones are secrets."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from procmaps.arguments import base_name
from procmaps.lazy_pattern import compiled
from procmaps.secret_names import Names, is_random
from procmaps.secret_patterns import MASK, ends_in_key, mask_text
from procmaps.secret_runners import Runner, runner_of
from procmaps.secret_tools import ORACLE_TOOLS, READERS, Tool, tool_of

ARGUMENT_LIMIT_BYTES: Final = 4096  # limit of what is kept
LOOKAHEAD_BYTES: Final = 1024  # read beyond the limit, so that a secret across it is recognised
WINDOW_BYTES: Final = ARGUMENT_LIMIT_BYTES + LOOKAHEAD_BYTES
NESTING_LIMIT_QUOTES: Final = 4
STEP_BYTES: Final = 32
RUNNER_LIMIT_ARGUMENTS: Final = 12  # most arguments of sudo or env before the program

_WORDS = compiled(rb"\s+|(?:\"(?:[^\"\\]|\\.)*\"|'[^']*'|\\.|[^\s\"'\\])+|[\"'\\]", re.DOTALL)
_FLAT = compiled(rb"([\s\"'\\]+)")
_PARTED = compiled(rb"[\s&;,:=/]")
_BLANK = compiled(rb"\s")
_OPTION = compiled(rb"--[A-Za-z][A-Za-z-]*(?:=.*)?\Z|-[A-Za-z0-9]\Z|-[a-z][a-z-]{0,24}\Z", re.DOTALL)
_ORACLE = compiled(rb"((?:\A|=)\w{1,64}/)[^/@\s]{1,256}(?=@|\Z)")
_KEY_FORM = compiled(rb"(?:[0-9a-fA-F]{32,}|[\w+/]{27,}=+)\Z")
_VARIABLE = compiled(rb"[A-Za-z_]\w*=")
_NEW_COMMAND = compiled(rb"(?:[;|&(){}]+|then|do|else|.*[;:])\Z")
_PLAIN_WORD = compiled(rb"[a-z]+\Z|[\W_]|[A-Za-z]+[.:,)]")
_SETS = frozenset((b"set", b"config", b"modify", b"-n", b"update"))
# words that are followed by the secret without a separator
_BARE = compiled(
    rb"(?:(?:add-)?authtoken|aws_(?:secret_access_key|session_token)|(?:re)?set-[a-z-]{0,32}password"
    rb"|pass(?:word|wd|phrase)|requirepass|masterauth|(?:wifi-sec\.)?psk|preshared-key|(?:input|user|owner)_pw)\Z",
    re.IGNORECASE,
)
_RUNNING = frozenset((b"exec", b"run"))
_LOGGING_IN = frozenset((b"login", b"auth", b"token", b"secret", b"unlock", b"install", b"join", b"register"))
_TELLING = compiled(rb"=|://|\"")  # characters that do not occur in patterns or file names
_JOINED = compiled(rb"([\w.\-]{1,253}:\d{1,5}/)[0-9a-f]{32,}(?=/|\Z)")
_SYSTEM_PATH = compiled(rb"/(?:etc|run|dev|proc)/[\w./-]+\Z")


class Effort:
    """The work done, in words and pieces of STEP_BYTES, which is proportional to the time."""

    __slots__ = ("steps",)

    def __init__(self) -> None:
        self.steps = 0


def _cut(argument: bytes) -> bytes:
    """A too long argument without its end, and without the word at the cut."""
    if len(argument) <= WINDOW_BYTES:
        return argument
    start = argument[:WINDOW_BYTES]
    ends = [found.end() for found in _PARTED.finditer(start)]
    return start[: ends[-1]] if ends else start[:0] + MASK


class Walk:
    """Walks over the arguments of one command line; earlier arguments decide how later ones are read."""

    def __init__(self, known: Names, effort: Effort, depth: int = 0) -> None:
        self._known = known
        self._effort = effort
        self._depth = depth
        self._name = b""  # of the program
        self._tool = Tool()
        self._runner = Runner()
        self._before = 0  # remaining arguments of the runner before the program
        self._open = 1  # remaining arguments that may be the program
        self._follows = b""  # separator of user and secret in the next argument; MASK if all is a secret
        self._secrets: tuple[int, ...] = ()  # positions of the arguments, without flags, that are secrets
        self._met = False  # the subcommand that the tool's flags need
        self._at = 0  # arguments since then, without flags
        self._last = (b"", b"")

    def over(self, arguments: Iterable[bytes]) -> Iterator[bytes]:
        """The arguments one after the other, masked."""
        for whole in arguments:
            argument = _cut(whole)
            self._effort.steps += 1 + min(len(whole), WINDOW_BYTES) // STEP_BYTES
            yield self._next(argument) if argument else argument
            if argument:
                self._last = (self._last[1], argument)

    def _next(self, argument: bytes) -> bytes:
        announced = self._announced_value(argument)
        if announced is not None:
            self._at += 1
            return announced
        if self._program(argument):
            return self.argument(argument)
        counts = not argument.startswith((b"-", b"+"))
        if self._positions(argument):
            self._at = 0
        elif counts and self._at in self._secrets:
            self._at += 1
            return MASK
        else:
            self._at += counts
            self._follows = self._announced(argument)
        return self.argument(argument)

    def _announced_value(self, argument: bytes) -> bytes | None:
        """The masked form of a value that the previous argument announced."""
        follows, self._follows = self._follows, b""
        previous = self._last[1]
        if previous in {b"--key", b"-key"} and _KEY_FORM.match(argument):
            return MASK
        if not follows or _OPTION.match(argument):
            return None
        if follows != MASK:
            user, separator, secret = argument.partition(follows)
            if separator and secret:
                return user + separator + MASK
            return MASK if is_random(argument) else self.argument(argument)
        if self._stays(previous, argument):
            return argument
        return MASK

    def _stays(self, name: bytes, value: bytes) -> bool:
        flags = self._tool.flags
        if name in flags:
            return bool(_SYSTEM_PATH.match(value))
        if not name.startswith((b"-", b"+")) and self._depth and _PLAIN_WORD.match(value):
            return True
        return self._known.stays(name, value)

    def _program(self, argument: bytes) -> bool:
        """Whether this is the program; after a runner, one of its arguments may be."""
        if self._depth and _NEW_COMMAND.match(argument):
            self._open, self._before, self._runner = max(self._open, 2), 0, Runner()
            return False
        if argument == b"--" and runner_of(self._name):
            self._open = RUNNER_LIMIT_ARGUMENTS
        if not self._open or argument.startswith(b"-") or _VARIABLE.match(argument):
            return False
        if self._last[1] in self._runner.values:
            return False
        if self._before:
            self._before -= 1
            return False
        self._open -= 1
        name = base_name(argument)
        tool = tool_of(name)
        runner = runner_of(name)
        if tool or name in READERS or name in ORACLE_TOOLS or runner or not self._name:
            self._name, self._tool = name, tool or Tool()
            self._runner = runner or Runner()
            self._before = self._runner.places
            ahead = runner is not None or argument.endswith(
                (b":", b"]")
            )  # in a title the program comes later
            self._open = RUNNER_LIMIT_ARGUMENTS if ahead else 0
            self._secrets, self._at, self._met = self._tool.position, 0, not self._tool.needs
            return True
        return False

    def _positions(self, argument: bytes) -> bool:
        """Whether this is one of the words and letters after which arguments without a name are secrets."""
        if argument in self._tool.needs:  # what follows belongs to the tool and is not a program
            self._met = True
            if self._last[1] not in _RUNNING and not self._last[1].startswith(b"-"):
                self._open = 0
        pair = self._last[1] + b" " + argument
        for words, secrets in self._tool.after:
            if words in {argument, pair} or (b"-" in words[1:] and argument.startswith(words + b".")):
                self._secrets = secrets
                return True
        if argument[:1] == b"-" and argument[:2] != b"--":
            for letters, secrets in self._tool.places:
                if set(letters) <= set(argument):
                    self._secrets = secrets
                    return True
        return False

    def _announced(self, argument: bytes) -> bytes:
        """What the next argument is: b"" nothing special, MASK a secret, else the separator in it."""
        tool = self._tool
        if argument in tool.resources or (self._name in READERS and not argument.startswith(b"--")):
            return b""
        if self._met and (argument in tool.users or self._clustered(tool.users, argument) == argument[-1:]):
            return tool.separator
        return MASK if self._is_flag(argument) or self._says_secret(argument) else b""

    def _is_flag(self, argument: bytes) -> bool:
        """Whether the tool takes a secret after it."""
        flags = self._tool.flags
        if argument.startswith(b"--"):
            return argument in flags
        return self._met and (argument in flags or self._clustered(flags, argument) == argument[-1:])

    def _says_secret(self, argument: bytes) -> bool:
        """Whether its name says so, or the name of a key at its end."""
        known = self._known
        if argument.startswith((b"-", b"+")) or (argument.startswith(b"/") and argument.count(b"/") == 1):
            return b"=" not in argument and not _BLANK.search(argument) and known.secret(argument)
        if _BARE.match(argument) or ends_in_key(argument, known):
            return True
        return bool(_SETS & set(self._last)) and b"=" not in argument and known.secret(argument)

    def _clustered(self, flags: frozenset[bytes], argument: bytes) -> bytes:
        """The part of an argument from a flag's letter on, if only switches precede it; or b""."""
        if argument[:1] != b"-" or argument[1:2] not in _letters(self._tool.switches):
            return b""
        rest = argument[1:].lstrip(self._tool.switches)
        return rest if b"-" + rest[:1] in flags else b""

    def argument(self, argument: bytes) -> bytes:
        """One argument, masked within."""
        whole = self._attached(argument)
        if whole is None:
            whole = self._assigned(argument)
        if whole is not None:
            return whole
        if self._last[1] in _LOGGING_IN:
            if is_random(argument) and b"/" not in argument:
                return MASK
            argument = _JOINED.sub(rb"\1" + MASK, argument)
        # the whole argument first, because the value of a header may contain a blank
        if self._name not in READERS or _TELLING.search(argument):
            argument = mask_text(argument, self._known)
        if _BLANK.search(argument) and self._depth < NESTING_LIMIT_QUOTES:
            argument = self._command_line(argument)
        return self._flat(argument) if self._depth == 0 and b"\\" in argument else argument

    def _assigned(self, argument: bytes) -> bytes | None:
        """A flag of the tool with its value after =, or a login of Oracle's tools; None for others."""
        tool = self._tool
        if self._name in ORACLE_TOOLS and _ORACLE.search(argument):
            return _ORACLE.sub(rb"\1" + MASK, argument, count=1)
        flag, equals, value = argument.partition(b"=")
        if not equals:
            return None
        if flag in tool.resources:
            return argument
        if flag in tool.flags and len(flag) > 2:
            return flag + equals + MASK
        user, separator, secret = value.partition(tool.separator)
        return (
            flag + equals + user + separator + MASK if self._met and flag in tool.users and secret else None
        )

    def _attached(self, argument: bytes) -> bytes | None:
        """A flag with its secret in one argument: -pSECRET, -p=SECRET, -uUSER:SECRET, -sSuUSER:SECRET."""
        tool = self._tool
        for flag in tool.attached:
            if argument.startswith(flag) and len(argument) > len(flag):
                return flag + MASK
        for flags, user in (
            (tool.flags if self._met else frozenset[bytes](), b""),
            (tool.users, tool.separator),
        ):
            short = argument[:2]
            rest = argument[2:] if short in flags else self._clustered(flags, argument)[1:]
            head = argument[: len(argument) - len(rest)]
            if not rest or (head + rest).startswith(b"--"):
                continue
            if user:
                name, separator, secret = rest.partition(user)
                if separator and secret:
                    return head + name + separator + MASK
            elif not argument[1:].isalpha() or len(argument) > 6:
                return head + MASK
        return None

    def _command_line(self, argument: bytes) -> bytes:
        """An argument with blanks as a separate command line: of sh -c, or a title."""
        quote = argument[:1]
        if quote in {b"'", b'"'} and argument.endswith(quote) and argument.count(quote) == 2:
            return quote + self._within(self._depth).argument(argument[1:-1]) + quote
        inner = self._within(self._depth + 1)
        words: list[bytes] = _WORDS.findall(argument)
        masked = inner.over(word for word in words if not word.isspace())
        return b"".join(word if word.isspace() else next(masked) for word in words)

    def _within(self, depth: int) -> "Walk":
        """For a text in an argument: of the tool's own commands, or of a shell."""
        inner = Walk(self._known, self._effort, depth)
        if self._tool != Tool() and runner_of(self._name) is None:
            inner._name, inner._tool, inner._met = self._name, self._tool, self._met
        return inner

    def _flat(self, argument: bytes) -> bytes:
        """The words between blanks and quotes of any kind, for nested shells."""
        pieces = _FLAT.split(argument)
        masked = Walk(self._known, self._effort, NESTING_LIMIT_QUOTES).over(
            word for word in pieces[::2] if word
        )
        pieces[::2] = [next(masked) if word else word for word in pieces[::2]]
        return b"".join(pieces)


def _letters(flags: bytes) -> tuple[bytes, ...]:
    return tuple(bytes((letter,)) for letter in flags)
