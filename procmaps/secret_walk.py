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

# a $( begins a command of its own, so it is a word
_WORDS = compiled(rb"\s+|\$\(|(?:\"(?:[^\"\\]|\\.)*\"|'[^']*'|\\.|[^\s\"'\\$]|\$(?!\())+|[\"'\\]", re.DOTALL)
_FLAT = compiled(rb"([\s\"'\\]+)")
_PARTED = compiled(rb"[\s&;,:=/]")
_BLANK = compiled(rb"\s")
_OPTION = compiled(rb"--[A-Za-z][A-Za-z-]*(?:=.*)?\Z|-[A-Za-z0-9]\Z|-[a-z][a-z-]{0,24}\Z", re.DOTALL)
_ORACLE = compiled(rb"((?:\A|=)\w{1,64}/)[^/@\s]{1,256}(?=@|\Z)")
_KEY_FORM = compiled(rb"(?:[0-9a-fA-F]{32,}|[\w+/]{27,}=+)\Z")
_VARIABLE = compiled(rb"[A-Za-z_]\w*=")
_NEW_COMMAND = compiled(rb"(?:[;|&(){}]+|\$\(|then|do|else|.*[;:])\Z")
_PLAIN_WORD = compiled(rb"[a-z]+\Z|[\W_]|[A-Za-z]+[.:,)]")
_SETS = frozenset(
    (b"set", b"config", b"modify", b"mod", b"update", b"put", b"write", b"set-env", b"SET", b"CONFIG")
)
# words that are followed by the secret without a separator
_BARE = compiled(
    rb"(?:(?:add-)?authtoken|(?:aws_)?(?:secret_access_key|session_token)|(?:re)?set-[a-z-]{0,32}password"
    rb"|pass(?:word|wd|phrase)|requirepass|masterauth|(?:wifi-sec\.)?psk|preshared-key|(?:input|user|owner)_pw)\Z",
    re.IGNORECASE,
)
_RUNNING = frozenset((b"exec", b"run"))
_LOGGING_IN = frozenset((b"login", b"auth", b"token", b"secret", b"unlock", b"install", b"join", b"register"))
_TELLING = compiled(rb"=|://|\"")  # characters that do not occur in patterns or file names
_JOINED = compiled(rb"([\w.\-]{1,253}:\d{1,5}/)[0-9a-f]{32,}(?=/|\Z)")
_ASSIGNED = compiled(rb"[a-z_][\w.-]*=")
_LOGIN = compiled(rb"(\A(?:[\w.-]{1,128}/)?[\w.$-]{1,128}:)(?!//).*?(?=@[\w.:-]{0,256}\Z|\Z)", re.DOTALL)
_PORT = compiled(rb"\d{1,5}\Z")
# an option whose name stands for two values, the user and then the secret
_USER_AND_SECRET = compiled(rb"--?(?:[a-z]+-){0,4}user[-_]?(?:and[-_]?)?pass\Z", re.IGNORECASE)
_USER = compiled(rb"[\w.\\$-]{1,64}\Z")
_SHORT_USERS = frozenset((b"-u", b"-U", b"--user", b"--username", b"--login"))
_SHORT_SECRETS = frozenset((b"-p", b"-P", b"-pw"))
_NO_SHORT_SECRET = compiled(rb"-|[./~]|\d{1,5}\Z|(?:[\w.-]+:)?\d{1,5}(?:[:/]\w+)*\Z|[a-z]+://")
# programs whose -p after a user is something else
_OTHER_MEANING = frozenset(
    b"ps pgrep pkill lsof id cp rsync install mkdir psql pg_dump celery nginx sudo".split()
)
_BEFORE_AT: Final = b"\0@"
_HEADED = compiled(rb"([\w-]{1,64}[=:])([^\s\"'=]+)\Z")
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
        self._of_flag = False  # whether a flag said so, and the next one ends them
        self._literal = False  # whether each NAME=VALUE has a secret value
        self._skips = False  # whether the next argument is a flag's value, without a position
        self._bearer = False  # whether the user's flag takes only a secret
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
        skips, self._skips = self._skips, False
        if announced is not None:
            if self._last[1].startswith(b"-"):
                return announced
            self._at += not skips
            return MASK if self._at - 1 in self._secrets and not skips else announced
        if self._program(argument):
            return self.argument(argument)
        if skips:
            return self.argument(argument)
        tool = self._tool
        counts = not argument.startswith((b"-", b"+")) and not (tool.assigns and _ASSIGNED.match(argument))
        if self._positions(argument):
            self._at = 0
        elif counts and self._at in self._secrets:
            self._at += 1
            return MASK
        else:
            self._bearer = self._bearer or (tool.bearers and argument.lower().endswith(b"bearer"))
            self._at += counts
            self._follows = self._announced(argument)
            if self._of_flag and not counts:
                self._secrets = ()
        return self.argument(argument)

    def _announced_value(self, argument: bytes) -> bytes | None:
        """The masked form of a value that the previous argument announced."""
        follows, self._follows = self._follows, b""
        previous = self._last[1]
        if previous in {b"--key", b"-key"} and _KEY_FORM.match(argument):
            return MASK
        if not follows or _OPTION.match(argument) or argument == b"$(":
            return None
        if follows == _BEFORE_AT:
            return self._before_at(argument)
        if follows != MASK and self._bearer:
            return MASK
        if follows != MASK:
            user, separator, secret = argument.partition(follows)
            if separator and secret:
                return user + separator + MASK
            is_file = previous in self._tool.cookies
            return MASK if is_random(argument) and not is_file else self.argument(argument)
        if self._stays(previous, argument):
            return self.argument(argument)
        if _USER_AND_SECRET.match(previous) and _USER.match(argument):
            self._secrets, self._at, self._of_flag = (1,), 0, True
        return MASK

    def _before_at(self, argument: bytes) -> bytes:
        """SECRET@PLACE, masked; without the sign there is no secret."""
        secret, at, place = argument.rpartition(b"@")
        return MASK + at + place if secret else argument

    def _stays(self, name: bytes, value: bytes) -> bool:
        flags = self._tool.flags
        if name in flags or (name[:1] == b"-" and self._clustered(flags, name)):
            is_port = self._tool.ports and _PORT.match(value)
            return bool(is_port or _SYSTEM_PATH.match(value)) or value == b"-"
        if name in _SHORT_SECRETS and not self._known.secret(name) and self._is_unknown():
            return bool(_NO_SHORT_SECRET.match(value))
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
            self._of_flag = self._literal = self._bearer = False
            return True
        return False

    def _positions(self, argument: bytes) -> bool:
        """Whether this is one of the words and letters after which arguments without a name are secrets."""
        if argument in self._tool.needs:  # what follows belongs to the tool and is not a program
            self._met = True
            if self._last[1] not in _RUNNING and not self._last[1].startswith(b"-"):
                self._open = 0
        tool = self._tool
        if not (tool.after or tool.places or tool.values or tool.literals):
            return False
        pair = self._last[1] + b" " + argument
        self._literal = self._literal or (bool(tool.literals) and pair.startswith(tool.literals))
        self._skips = argument in tool.values or bool(
            tool.values and tool.switches and self._clustered(tool.values, argument) == argument[-1:]
        )
        for words, secrets in tool.after:
            if words in {argument, pair} or (b"-" in words[1:] and argument.startswith(words + b".")):
                self._secrets, self._of_flag = secrets, words.startswith(b"-")
                return True
        if argument[:1] == b"-" and argument[:2] != b"--":
            for letters, secrets in tool.places:
                if set(letters) <= set(argument):
                    self._secrets = secrets
                    return True
        return False

    def _announced(self, argument: bytes) -> bytes:
        """What the next argument is: b"" nothing special, MASK a secret, else the separator in it."""
        tool = self._tool
        if argument in tool.resources or (self._name in READERS and not argument.startswith(b"--")):
            return b""
        if argument in tool.cookies:
            return b"="
        if argument in tool.leading:
            return _BEFORE_AT
        if self._met and (argument in tool.users or self._clustered(tool.users, argument) == argument[-1:]):
            return tool.separator
        if self._is_flag(argument) or self._says_secret(argument) or self._completes(argument):
            return MASK
        return b""

    def _completes(self, argument: bytes) -> bool:
        """Whether it announces the secret of the name or the user before it: `-u USER -p`, `set NAME --value`."""
        before, last = self._last
        if argument == b"--value":
            return self._known.secret(last)
        return (
            argument in _SHORT_SECRETS
            and before in _SHORT_USERS
            and bool(_USER.match(last))
            and not last.isdigit()
            and self._is_unknown()
        )

    def _is_unknown(self) -> bool:
        return self._tool == Tool() and runner_of(self._name) is None and self._name not in _OTHER_MEANING

    def _is_flag(self, argument: bytes) -> bool:
        """Whether the tool takes a secret after it."""
        flags = self._tool.flags
        if argument.startswith(b"--"):
            return argument in flags
        return self._met and (argument in flags or self._clustered(flags, argument) == argument[-1:])

    def _says_secret(self, argument: bytes) -> bool:
        """Whether its name says so, or the name of a key at its end."""
        known = self._known
        if argument.startswith((b"-", b"+")) or (
            argument.startswith(b"/") and argument.count(b"/") == 1 and not self._last[1].startswith(b"-")
        ):
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
        if tool.logins and self._met and not argument.startswith(b"-") and _LOGIN.match(argument):
            return _LOGIN.sub(rb"\1" + MASK, argument, count=1)
        if b"" in tool.leading and b"@" in argument and not argument.startswith(b"-"):
            return self._before_at(argument)
        flag, equals, value = argument.partition(b"=")
        if not equals:
            return None
        if flag == b"--value" and self._known.secret(self._last[1]):
            return flag + equals + MASK
        if self._literal and not argument.startswith(b"-") and value:
            return argument if value.startswith(b"@") or value == b"-" else flag + equals + MASK
        if flag in tool.leading:
            return flag + equals + self._before_at(value)
        if flag in tool.cookies and flag.startswith(b"--"):
            name, sign, secret = value.partition(b"=")
            return flag + equals + name + sign + (MASK if secret else secret)
        if flag in tool.resources:
            return argument
        if flag in tool.flags and len(flag) > 2:
            return flag + equals + MASK
        user, separator, secret = value.partition(tool.separator)
        if self._bearer and flag in tool.users and value:
            return flag + equals + MASK
        return (
            flag + equals + user + separator + MASK if self._met and flag in tool.users and secret else None
        )

    def _attached(self, argument: bytes) -> bytes | None:
        """A flag with its secret in one argument: -pSECRET, -p=SECRET, -uUSER:SECRET, -sSuUSER:SECRET."""
        tool = self._tool
        for flag in tool.attached:
            if argument.startswith(flag) and len(argument) > len(flag):
                return flag + MASK
        if argument.startswith(b"--") or argument[:1] != b"-":
            return None
        for flags, user in (
            (tool.flags if self._met and not tool.apart else frozenset[bytes](), b""),
            (tool.users, tool.separator),
            (tool.cookies, b"="),
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
        headed = _HEADED.match(words[0]) if words else None
        if headed and self._runs(headed[2]):  # ProxyCommand=sshpass -p ...
            words[:1] = headed[1], headed[2]
        masked = inner.over(word for word in words if not word.isspace())
        return b"".join(word if word.isspace() else next(masked) for word in words)

    def _runs(self, word: bytes) -> bool:
        name = base_name(word)
        return tool_of(name) is not None or runner_of(name) is not None

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
