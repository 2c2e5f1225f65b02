"""Walks over the arguments of one command line; earlier arguments decide which later ones are secrets."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from procmaps.arguments import base_name
from procmaps.lazy_pattern import compiled
from procmaps.secret_grammar import Tool
from procmaps.secret_names import Names, is_random
from procmaps.secret_patterns import MASK, ends_in_key, mask_text
from procmaps.secret_runners import Runner, runner_of
from procmaps.secret_tools import ORACLE_TOOLS, READERS, tool_of

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
    (
        b"set",
        b"config",
        b"modify",
        b"mod",
        b"update",
        b"put",
        b"write",
        b"set-env",
        b"SET",
        b"CONFIG",
        b"+set",
        b"+seta",
        b"+sets",
        b"env:set",
    )
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
_UNSAID = compiled(rb"@|-\Z")  # a file, or standard input
_ASSIGNED = compiled(rb"[a-z_][\w.-]*=")
_LOGIN = compiled(rb"(\A(?:[\w.-]{1,128}/)?[\w.$-]{1,128}:)(?!//).*?(?=@[\w.:-]{0,256}\Z|\Z)", re.DOTALL)
_PORT = compiled(rb"\d{1,5}\Z")
# an option whose name stands for two values, the user and then the secret
_USER_AND_SECRET = compiled(rb"--?(?:[a-z]+-){0,4}user[-_]?(?:and[-_]?)?pass\Z", re.IGNORECASE)
_USER = compiled(rb"[\w.@\\$-]{1,64}\Z")
_INTERPRETER = compiled(rb"(?:python|perl|ruby|node|php|java)[\d.]*\Z")
_GROUP = compiled(rb"[a-z_-]+\Z|\d+\Z")
_SHORT_USERS = frozenset((b"-u", b"-U", b"--user", b"--username", b"--login", b"-l"))
_SHORT_SECRETS = frozenset((b"-p", b"-P", b"-pw"))
_NO_SHORT_SECRET = compiled(rb"-|[./~]|\d{1,5}\Z|(?:[\w.-]+:)?\d{1,5}(?:[:/]\w+)*\Z|[a-z]+://")
# programs whose -p after a user is something else
_OTHER_MEANING = frozenset(
    b"ps pgrep pkill lsof id cp rsync install mkdir psql pg_dump celery nginx sudo".split()
)
_BEFORE_AT: Final = b"\0@"
_HEADED = compiled(rb"([\w-]{1,64}[=:])([^\s\"'=]+)\Z")
_SYSTEM_PATH = compiled(rb"/(?:etc|run|dev|proc)/[\w./-]+\Z")


_ANY_TOOL: Final = Tool()  # one of which only the names of flags are known


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
        self._tool = _ANY_TOOL
        self._runner = Runner()
        self._before = 0  # remaining arguments of the runner before the program
        self._open = 1  # remaining arguments that may be the program
        self._follows = b""  # separator of user and secret in the next argument; MASK if all is a secret
        self._secrets: tuple[int, ...] = ()  # positions of the arguments, without flags, that are secrets
        self._of_flag = False  # whether a flag said so, and the next one ends them
        self._literal = False  # whether each NAME=VALUE has a secret value
        self._paired = False  # whether names and values follow one another
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
        if follows != MASK:
            return self._in_part(follows, argument)
        if self._stays(previous, argument):
            return self.argument(argument)
        if _USER_AND_SECRET.match(previous) and _USER.match(argument):
            self._secrets, self._at, self._of_flag = (0,), 0, True
        return MASK

    def _in_part(self, separator: bytes, argument: bytes) -> bytes:
        """An announced value of which a part is secret."""
        if separator == _BEFORE_AT:
            return _before_at(argument)
        if self._bearer:
            return MASK
        tool = self._tool
        previous = self._last[1]
        user, found, secret = argument.partition(separator)
        if not found or not secret:
            return MASK if is_random(argument) and previous not in tool.cookies else self.argument(argument)
        # of an unknown tool it may also be a user and a group, or a URL
        of_tool = previous in tool.users | tool.cookies or self._clustered(tool.users, previous)
        if not of_tool and (_GROUP.match(secret) or b"//" in secret):
            return self.argument(argument)
        return user + found + MASK

    def _stays(self, name: bytes, value: bytes) -> bool:
        if self._is_flag(name):
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
            self._name, self._tool = name, tool or _ANY_TOOL
            self._runner = runner or Runner()
            self._before = self._runner.places
            ahead = runner is not None or argument.endswith(
                (b":", b"]")
            )  # in a title the program comes later
            self._open = RUNNER_LIMIT_ARGUMENTS if ahead else 0
            self._secrets, self._at, self._met = self._tool.position, 0, not self._tool.needs
            self._of_flag = self._literal = self._bearer = self._paired = False
            return True
        return False

    def _positions(self, argument: bytes) -> bool:
        """Whether this is one of the words and letters after which arguments without a name are secrets."""
        if argument in self._tool.needs:  # what follows belongs to the tool and is not a program
            self._met = True
            if self._last[1] not in _RUNNING and not self._last[1].startswith(b"-"):
                self._open = 0
        tool = self._tool
        if tool is _ANY_TOOL:
            return False
        pair = self._last[1] + b" " + argument
        self._literal = self._literal or (bool(tool.literals) and pair.startswith(tool.literals))
        self._paired = self._paired or pair in tool.pairs
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
        reads = self._name in READERS and b"set" not in self._last
        if argument in tool.resources or (reads and not argument.startswith(b"--")):
            return b""
        part = b"" if tool is _ANY_TOOL else self._announced_part(argument)
        if part:
            return part
        if self._is_flag(argument) or self._says_secret(argument) or self._completes(argument):
            return MASK
        return b":" if argument in _SHORT_USERS and self._is_unknown() else b""

    def _announced_part(self, argument: bytes) -> bytes:
        """How the next argument is parted if the tool takes such after this one, or b""."""
        tool = self._tool
        if argument in tool.cookies:
            return b"="
        if argument in tool.leading:
            return _BEFORE_AT
        is_user = argument in tool.users or self._clustered(tool.users, argument) == argument[-1:]
        return tool.separator if self._met and is_user else b""

    def _completes(self, argument: bytes) -> bool:
        """Whether it announces the secret of what is before it: `-u USER -p`, `set NAME --value`."""
        if argument == b"--value":
            return self._known.secret(self._last[1])
        if argument not in _SHORT_SECRETS or self._last[0] not in _SHORT_USERS:
            return False
        user = self._last[1]
        return bool(_USER.match(user)) and not user.isdigit() and self._is_unknown()

    def _is_unknown(self) -> bool:
        """Whether nothing is known of the program's flags."""
        if self._tool is not _ANY_TOOL:
            return self._tool.ports or not (self._tool.attached or self._tool.needs)
        runs = runner_of(self._name) is not None and not _INTERPRETER.match(self._name)
        return not runs and self._name not in _OTHER_MEANING

    def _is_flag(self, argument: bytes) -> bool:
        """Whether the tool takes a secret after it."""
        flags = self._tool.flags
        if not flags:
            return False
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
        return (
            (self._paired or bool(_SETS & set(self._last)))
            and b"=" not in argument
            and known.secret(argument)
        )

    def _clustered(self, flags: frozenset[bytes], argument: bytes) -> bytes:
        """The part of an argument from a flag's letter on, if only switches precede it; or b""."""
        if not flags:
            return b""
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
        """A flag of the tool with its value after =, or a user with a secret; None for others."""
        login = self._login(argument)
        if login is not None:
            return login
        flag, equals, value = argument.partition(b"=")
        if not value:
            return None
        tool = self._tool
        if flag in tool.resources or (self._literal and _UNSAID.match(value)):
            return argument
        masked = self._of_tool(flag, value)
        return None if masked is None else flag + equals + masked

    def _login(self, argument: bytes) -> bytes | None:
        """USER/SECRET@PLACE, DOMAIN/USER:SECRET@PLACE or SECRET@PLACE of the tool; None for others."""
        if self._name in ORACLE_TOOLS and _ORACLE.search(argument):
            return _ORACLE.sub(rb"\1" + MASK, argument, count=1)
        tool = self._tool
        if argument.startswith(b"-"):
            return None
        if tool.logins and self._met and _LOGIN.match(argument):
            return _LOGIN.sub(rb"\1" + MASK, argument, count=1)
        return _before_at(argument) if b"" in tool.leading and b"@" in argument else None

    def _of_tool(self, flag: bytes, value: bytes) -> bytes | None:
        """The masked value of a flag or name, if the tool says that it is a secret; None for others."""
        tool = self._tool
        if (
            (flag == b"--value" and self._known.secret(self._last[1]))
            or (self._literal and not flag.startswith(b"-"))
            or (flag in tool.flags and len(flag) > 2)
            or (self._bearer and flag in tool.users)
        ):
            return MASK
        if flag in tool.leading:
            return _before_at(value)
        cookie = flag in tool.cookies and flag.startswith(b"--")
        if not cookie and not (self._met and flag in tool.users):
            return None
        user, found, secret = value.partition(b"=" if cookie else tool.separator)
        return user + found + MASK if secret else None

    def _attached(self, argument: bytes) -> bytes | None:
        """A flag with its secret in one argument: -pSECRET, -p=SECRET, -uUSER:SECRET, -sSuUSER:SECRET."""
        tool = self._tool
        if tool is _ANY_TOOL:
            return None
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
        if self._tool is not _ANY_TOOL and runner_of(self._name) is None:
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


def _before_at(argument: bytes) -> bytes:
    """SECRET@PLACE, masked; without the sign there is no secret."""
    secret, at, place = argument.rpartition(b"@")
    return MASK + at + place if secret else argument


def _letters(flags: bytes) -> tuple[bytes, ...]:
    return tuple(bytes((letter,)) for letter in flags)
