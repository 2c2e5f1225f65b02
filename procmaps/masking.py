"""Secrets in command lines are masked before anything is written: the value alone gives way to the mask.

Rather too much than too little: a value that a name calls a secret is masked whatever it looks like. The
names of flags and the number of arguments stay.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

from procmaps.arguments import base_name
from procmaps.masking_options import KEPT_AS_THEY_ARE, Arguments, Masking
from procmaps.secret_names import Names, is_random, names
from procmaps.secret_patterns import MASK, ends_in_key, mask_text
from procmaps.secret_tools import ORACLE_TOOLS, READERS, Tool, runs_another, tool_of

# the bounds of what is kept; more is dropped, since time is spent on each byte and the bytes are a stranger's
ARGUMENT_LIMIT_BYTES: Final = 4096
PROCESS_LIMIT_BYTES: Final = 32_768
ARGUMENTS_LIMIT: Final = 1024
LOOKAHEAD_BYTES: Final = 1024  # read beyond the bound, so that a secret across it is known as one
WINDOW_BYTES: Final = ARGUMENT_LIMIT_BYTES + LOOKAHEAD_BYTES
NESTING_LIMIT_QUOTES: Final = 4
REMEMBERED_LIMIT_BYTES: Final = 4096
REMEMBERED_COMMAND_LINES: Final = 4096  # with the limit above, 16 MiB at most
STEP_BYTES: Final = 32
HOST_LIMIT_STEPS: Final = 300_000  # some 20,000 different command lines; half a minute of the worst ones
RUNNER_LIMIT_ARGUMENTS: Final = 12  # so many arguments after sudo or env may come before the program

_WORDS = re.compile(rb"\s+|(?:\"(?:[^\"\\]|\\.)*\"|'[^']*'|\\.|[^\s\"'\\])+|[\"'\\]", re.DOTALL)
_FLAT = re.compile(rb"([\s\"'\\]+)")
_PARTED = re.compile(rb"[\s&;,:=/]")
_BLANK = re.compile(rb"\s")
_OPTION = re.compile(rb"--[A-Za-z][A-Za-z-]*(?:=.*)?\Z|-[A-Za-z0-9]\Z|-[a-z][a-z-]{0,24}\Z", re.DOTALL)
_ORACLE = re.compile(rb"((?:\A|=)\w{1,64}/)[^/@\s]{1,256}(?=@|\Z)")
_KEY_FORM = re.compile(rb"(?:[0-9a-fA-F]{32,}|[\w+/]{27,}=+)\Z")
_VARIABLE = re.compile(rb"[A-Za-z_]\w*=")
_NEW_COMMAND = re.compile(rb"(?:[;|&(){}]+|then|do|else|.*[;:])\Z")
_PLAIN_WORD = re.compile(rb"[a-z]+\Z|[\W_]|[A-Za-z]+[.:,)]")
_SETS = frozenset((b"set", b"config", b"modify", b"-n", b"update"))
# words after which the secret comes, without a sign between
_BARE = re.compile(
    rb"(?:(?:add-)?authtoken|aws_(?:secret_access_key|session_token)|(?:re)?set-[a-z-]{0,32}password|reset-[a-z-]{0,32}password"
    rb"|pass(?:word|wd|phrase)|requirepass|masterauth|(?:preshared-|wifi-sec\.)?(?:psk|preshared-key)|(?:input|user|owner)_pw|sec\.psk)\Z",
    re.IGNORECASE,
)
_LOGGING_IN = frozenset((b"login", b"auth", b"token", b"secret", b"unlock", b"install", b"join", b"register"))
_TELLING = re.compile(rb"=|://|\"")  # what a pattern or a file's name has not
_JOINED = re.compile(rb"([\w.\-]{1,253}:\d{1,5}/)[0-9a-f]{32,}(?=/|\Z)")


class Effort:
    """The words that were looked at, and pieces of STEP_BYTES of them: time grows with these."""

    __slots__ = ("steps",)

    def __init__(self) -> None:
        self.steps = 0


class Budget:
    """What the command lines of one host may cost, and how many were dropped because it was spent."""

    __slots__ = ("dropped", "left_steps")

    def __init__(self, steps: int = HOST_LIMIT_STEPS) -> None:
        self.left_steps = steps
        self.dropped = 0

    @property
    def spent(self) -> bool:
        return self.left_steps <= 0

    def take(self, effort: Effort) -> None:
        """What was remembered costs once."""
        self.left_steps -= effort.steps
        effort.steps = 0


def mask_argv(argv: tuple[bytes, ...], options: Masking = KEPT_AS_THEY_ARE) -> tuple[bytes, ...]:
    """The same arguments with what looks like a secret masked; what exceeds the bounds is dropped."""
    return _masked_argv(argv[:ARGUMENTS_LIMIT], options, Effort())


def _masked_argv(argv: tuple[bytes, ...], options: Masking, effort: Effort) -> tuple[bytes, ...]:
    return tuple(_bounded(_Walk(names(options.words), effort).over(_affordable(argv))))


def mask_line(text: str, options: Masking = KEPT_AS_THEY_ARE) -> str:
    """A line of text that may hold command lines, such as a program's complaint, with its secrets masked."""
    return b"".join(mask_argv((text.encode("utf-8", "replace"),), options)).decode("utf-8", "replace")


def mask_cmdline(cmdline: bytes, options: Masking = KEPT_AS_THEY_ARE, budget: Budget | None = None) -> bytes:
    """The content of /proc/PID/cmdline, NUL between the arguments, with its secrets masked.

    Once the budget of the host is spent nothing is left of it: what cannot be masked is not passed on.
    """
    if options.arguments is Arguments.NONE:
        return b""
    if budget is not None and budget.spent and cmdline:
        budget.dropped += 1
        return b""
    remembered = len(cmdline) <= REMEMBERED_LIMIT_BYTES
    masked, effort = _mask_remembered(cmdline, options) if remembered else _mask(cmdline, options)
    if budget is not None:
        budget.take(effort)
    return masked


@lru_cache(maxsize=REMEMBERED_COMMAND_LINES)
def _mask_remembered(cmdline: bytes, options: Masking) -> tuple[bytes, Effort]:
    """The hosts of a fleet run the same command lines, and masking costs more than all else of a host."""
    return _mask(cmdline, options)


def _mask(cmdline: bytes, options: Masking) -> tuple[bytes, Effort]:
    effort = Effort()
    argv = tuple(cmdline.split(b"\0", ARGUMENTS_LIMIT)[:ARGUMENTS_LIMIT])
    masked = _masked_argv(argv, options, effort)
    kept = masked if options.arguments is Arguments.MASKED else options.reduced(masked)
    return b"\0".join(kept), effort


def _affordable(argv: tuple[bytes, ...]) -> Iterator[bytes]:
    """The arguments until as much was read of them as may be kept: what shrinks to a mask costs time too."""
    left = PROCESS_LIMIT_BYTES
    for argument in argv:
        if left <= 0:
            return
        yield argument
        left -= min(len(argument), ARGUMENT_LIMIT_BYTES) + 1


def _bounded(masked: Iterable[bytes]) -> Iterator[bytes]:
    """The masked arguments as far as the bounds allow: masking stops where nothing more is kept."""
    left = PROCESS_LIMIT_BYTES
    for argument in masked:
        kept = argument[:ARGUMENT_LIMIT_BYTES]
        left -= len(kept) + 1
        if left < 0:
            return
        yield kept


def _cut(argument: bytes) -> bytes:
    """An argument that is too long without its end, and without the word that the cut goes through."""
    if len(argument) <= WINDOW_BYTES:
        return argument
    start = argument[:WINDOW_BYTES]
    ends = [found.end() for found in _PARTED.finditer(start)]
    return start[: ends[-1]] if ends else start[:0] + MASK


class _Walk:
    """Goes over the arguments of one command line: what was seen says what comes next."""

    def __init__(self, known: Names, effort: Effort, depth: int = 0) -> None:
        self._known = known
        self._effort = effort
        self._depth = depth
        self._name = b""  # of the program
        self._tool = Tool()
        self._open = 1  # so many arguments may still be the program
        self._follows = b""  # what parts user and secret in the next argument; MASK where all of it is one
        self._secrets: tuple[int, ...] = ()  # which of the arguments that are no flags are secrets
        self._met = False  # the subcommand that the tool's flags need
        self._at = 0  # the arguments since, without flags
        self._last = (b"", b"")

    def over(self, arguments: Iterable[bytes]) -> Iterator[bytes]:
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
            return self._argument(argument)
        counts = not argument.startswith((b"-", b"+"))
        if self._positions(argument):
            self._at = 0
        elif counts and self._at in self._secrets:
            self._at += 1
            return MASK
        else:
            self._at += counts
            self._follows = self._announced(argument)
        return self._argument(argument)

    def _announced_value(self, argument: bytes) -> bytes | None:
        """What is put in the place of a value that the argument before announced."""
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
            return MASK if is_random(argument) else self._argument(argument)
        if self._stays(previous, argument):
            return argument
        return MASK

    def _stays(self, name: bytes, value: bytes) -> bool:
        flags = self._tool.flags
        if name in flags:
            return bool(re.match(rb"/(?:etc|run|dev|proc)/[\w./-]+\Z", value))
        if not name.startswith((b"-", b"+")) and self._depth and _PLAIN_WORD.match(value):
            return True
        return self._known.stays(name, value)

    def _program(self, argument: bytes) -> bool:
        """Whether this is the program; after one that runs another, its arguments may be."""
        if self._depth and _NEW_COMMAND.match(argument):
            self._open = max(self._open, 2)
            return False
        if not self._open or argument.startswith(b"-") or _VARIABLE.match(argument):
            return False
        self._open -= 1
        name = base_name(argument)
        tool = tool_of(name)
        runs = runs_another(name)
        if tool or name in READERS or name in ORACLE_TOOLS or runs or not self._name:
            self._name, self._tool = name, tool or Tool()
            ahead = runs or argument.endswith((b":", b"]"))  # of a title the program comes later
            self._open = RUNNER_LIMIT_ARGUMENTS if ahead else 0
            self._secrets, self._at, self._met = self._tool.position, 0, not self._tool.needs
            return True
        return False

    def _positions(self, argument: bytes) -> bool:
        """Whether this is one of the words and letters after which arguments without a name are secrets."""
        self._met = self._met or argument == self._tool.needs
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
        """What the next argument is: b"" nothing special, MASK a secret, else what parts user and secret."""
        tool, known = self._tool, self._known
        if argument in tool.resources or (self._name in READERS and not argument.startswith(b"--")):
            return b""
        if argument in tool.users or self._clustered(tool.users, argument) == argument[-1:]:
            return tool.separator
        if argument in tool.flags and (self._met or argument.startswith(b"--")):
            return MASK
        if self._met and self._clustered(tool.flags, argument) == argument[-1:]:
            return MASK
        if argument.startswith((b"-", b"+")) or (argument.startswith(b"/") and argument.count(b"/") == 1):
            return (
                MASK
                if b"=" not in argument and known.secret(argument) and not _BLANK.search(argument)
                else b""
            )
        if _BARE.match(argument) or ends_in_key(argument, known):
            return MASK
        if _SETS & set(self._last) and b"=" not in argument and known.secret(argument):
            return MASK
        return b""

    def _clustered(self, flags: frozenset[bytes], argument: bytes) -> bytes:
        """The part of an argument from a flag's letter on, where only switches stand before it; or b""."""
        if argument[:1] != b"-" or argument[1:2] not in _letters(self._tool.switches):
            return b""
        rest = argument[1:].lstrip(self._tool.switches)
        return rest if b"-" + rest[:1] in flags else b""

    def _argument(self, argument: bytes) -> bytes:
        """One argument, masked within."""
        tool = self._tool
        attached = self._attached(argument)
        if attached is not None:
            return attached
        if self._name in ORACLE_TOOLS and _ORACLE.search(argument):
            return _ORACLE.sub(rb"\1" + MASK, argument, count=1)
        flag, equals, value = argument.partition(b"=")
        if equals and flag in tool.resources:
            return argument
        if equals and flag in tool.flags and len(flag) > 2:
            return flag + equals + MASK
        if equals and flag in tool.users and tool.separator in value:
            return flag + equals + value.partition(tool.separator)[0] + tool.separator + MASK
        previous = self._last[1]
        if previous in _LOGGING_IN and is_random(argument) and b"/" not in argument:
            return MASK
        if previous in _LOGGING_IN:
            argument = _JOINED.sub(rb"\1" + MASK, argument)
        # the whole first: a header's value may have a blank in it
        masked = (
            mask_text(argument, self._known)
            if self._name not in READERS or _TELLING.search(argument)
            else argument
        )
        if _BLANK.search(masked) and self._depth < NESTING_LIMIT_QUOTES:
            masked = self._command_line(masked)
        if self._depth == 0 and b"\\" in masked:
            masked = self._flat(masked)
        return masked

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
        """An argument with blanks, as a command line of its own: of sh -c, or a title a process gave itself."""
        quote = argument[:1]
        if quote in {b"'", b'"'} and argument.endswith(quote) and argument.count(quote) == 2:
            return quote + self._within(self._depth)._argument(argument[1:-1]) + quote
        inner = self._within(self._depth + 1)
        words: list[bytes] = _WORDS.findall(argument)
        masked = inner.over(word for word in words if not word.isspace())
        return b"".join(word if word.isspace() else next(masked) for word in words)

    def _within(self, depth: int) -> "_Walk":
        """For a text in an argument: of the tool's own commands, or of a shell."""
        inner = _Walk(self._known, self._effort, depth)
        if self._tool != Tool() and not runs_another(self._name):
            inner._name, inner._tool, inner._met = self._name, self._tool, self._met
        return inner

    def _flat(self, argument: bytes) -> bytes:
        """The words between blanks and quotes of any kind, for shells within shells within shells."""
        pieces = _FLAT.split(argument)
        masked = _Walk(self._known, self._effort, NESTING_LIMIT_QUOTES).over(
            word for word in pieces[::2] if word
        )
        pieces[::2] = [next(masked) if word else word for word in pieces[::2]]
        return b"".join(pieces)


def _letters(flags: bytes) -> tuple[bytes, ...]:
    return tuple(bytes((letter,)) for letter in flags)
