"""Secrets in command lines are masked before anything is written: the value alone gives way to the mask.

Rather too much than too little: a value that a name calls a secret is masked whatever it looks like. The
names of flags and the number of arguments stay.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

from procmaps.arguments import base_name
from procmaps.secret_patterns import MASK, ends_in_key, is_plain, is_secret_word, mask_text, names_secret

# the bounds of what is kept; more is dropped, since time is spent on each byte and the bytes are a stranger's
ARGUMENT_LIMIT_BYTES: Final = 4096
PROCESS_LIMIT_BYTES: Final = 32_768
ARGUMENTS_LIMIT: Final = 1024
LOOKAHEAD_BYTES: Final = 1024  # read beyond the bound, so that a secret across it is known as one
NESTING_LIMIT_QUOTES: Final = 3
REMEMBERED_LIMIT_BYTES: Final = 4096
REMEMBERED_COMMAND_LINES: Final = 4096  # with the limit above, 16 MiB at most

_WORDS = re.compile(rb"\s+|(?:\"[^\"]*\"|'[^']*'|[^\s\"'])+|[\"']")
_PARTED = re.compile(rb"[\s&;,:=/]")
_BLANK = re.compile(rb"\s")
_OPTION = re.compile(rb"--[A-Za-z][A-Za-z-]*(?:=.*)?\Z|-[A-Za-z]\Z|-[a-z][a-z-]{0,24}\Z", re.DOTALL)

# short flags by the tool that they belong to, since a letter means other things to others: with the
# secret attached (-pSECRET), or as the next argument as well
_ATTACHED: Final = dict.fromkeys(
    (
        *(b"mysql", b"mysqldump", b"mysqladmin", b"mysqlimport", b"mysqlcheck", b"mysqlshow", b"mysqlslap"),
        *(b"mysqlbinlog", b"mysqlsh", b"mysqlpump", b"mariadb", b"mariadb-dump", b"mariadb-admin", b"mycli"),
        *(
            b"mariadb-check",
            b"mariadb-import",
            b"xtrabackup",
            b"mariabackup",
            b"unrar",
            b"7z",
            b"7za",
            b"7zr",
            b"rar",
        ),
    ),
    b"p",
)
_EITHER: Final = {
    **dict.fromkeys((b"sshpass", b"mongo", b"mongosh", b"mongodump", b"mongorestore", b"mongoexport"), b"p"),
    **dict.fromkeys(
        (
            b"cqlsh",
            b"beeline",
            b"mydumper",
            b"myloader",
            b"check_mysql",
            b"twine",
            b"fence_ipmilan",
            b"fence_ilo",
            b"fence_vmware_soap",
        ),
        b"p",
    ),
    **dict.fromkeys((b"mosquitto_pub", b"mosquitto_sub", b"mosquitto_rr"), b"P"),
    **dict.fromkeys((b"ss-server", b"ss-local", b"ss-redir", b"ss-tunnel"), b"k"),
    b"ldappasswd": b"wsa",
    b"iscsiadm": b"v",
    b"redis-benchmark": b"a",
    **dict.fromkeys(
        (b"docker", b"podman", b"buildah", b"skopeo", b"helm", b"oc", b"az", b"rabbitmqadmin"), b"p"
    ),
    **dict.fromkeys((b"ldapsearch", b"ldapadd", b"ldapmodify", b"ldapdelete", b"ldapwhoami"), b"w"),
    **dict.fromkeys((b"sqlcmd", b"isql", b"osql", b"bcp", b"ipmitool", b"zip", b"unzip"), b"P"),
    **dict.fromkeys((b"snmpget", b"snmpwalk", b"snmpbulkwalk", b"snmpset", b"snmptrap"), b"AXc"),
    b"redis-cli": b"a",
}
# flags whose value is USER and SECRET: the user stays
_WITH_USER: Final[dict[bytes, tuple[frozenset[bytes], bytes]]] = {
    b"curl": (frozenset((b"-u", b"--user", b"-U", b"--proxy-user")), b":"),
    **dict.fromkeys((b"http", b"https", b"xh"), (frozenset((b"-a", b"--auth")), b":")),
    **dict.fromkeys((b"etcdctl", b"turnserver"), (frozenset((b"-u", b"--user")), b":")),
    b"ttyd": (frozenset((b"-c", b"--credential")), b":"),
    b"net": (frozenset((b"-U", b"--user")), b"%"),
    b"smbclient": (frozenset((b"-U", b"--user")), b"%"),
    b"rpcclient": (frozenset((b"-U", b"--user")), b"%"),
    b"lftp": (frozenset((b"-u", b"--user")), b","),
}
# flags of one dash and several letters, or of a letter that takes no value attached
_LONG: Final = {
    (b"plink", b"-pw"),
    (b"pscp", b"-pw"),
    (b"nodetool", b"-pw"),
    (b"consul", b"-encrypt"),
    (b"nomad", b"-encrypt"),
    (b"openssl", b"-k"),
    (b"vault", b"unseal"),
}
# words after which so many arguments come before the secret
_BEFORE: Final = {
    (b"rabbitmqctl", b"change_password"): 1,
    (b"rabbitmqctl", b"add_user"): 1,
    (b"mc", b"set"): 3,
    (b"htpasswd", b"-b"): 2,
}
_TOOLS: Final = {
    *_ATTACHED,
    *_EITHER,
    *_WITH_USER,
    *(tool for tool, _ in (*_LONG, *_BEFORE)),
    b"wpa_passphrase",
    b"sqlplus",
}
_ORACLE = re.compile(rb"(\w{1,64}/)[^/@\s]{1,256}(?=@|\Z)")
_KEY_FORM = re.compile(rb"(?:[0-9a-fA-F]{32,}|[\w+/]{27,}=+)\Z")
_PORTS = re.compile(rb"(?:[\d.]+:)?[\d-]+:[\d-]+(?:/\w+)?\Z")
_WHOLE: Final = b"whole"  # the next argument is a secret from end to end


def mask_argv(argv: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """The same arguments with what looks like a secret masked; what exceeds the bounds is dropped."""
    return tuple(_bounded(_masked(_affordable(argv[:ARGUMENTS_LIMIT]))))


def mask_cmdline(cmdline: bytes) -> bytes:
    """The content of /proc/PID/cmdline, NUL between the arguments, with its secrets masked."""
    if len(cmdline) <= REMEMBERED_LIMIT_BYTES:
        return _mask_remembered(cmdline)
    return b"\0".join(mask_argv(_split(cmdline)))


@lru_cache(maxsize=REMEMBERED_COMMAND_LINES)
def _mask_remembered(cmdline: bytes) -> bytes:
    """The hosts of a fleet run the same command lines, and masking costs more than all else of a host."""
    return b"\0".join(mask_argv(_split(cmdline)))


def _split(cmdline: bytes) -> tuple[bytes, ...]:
    return tuple(cmdline.split(b"\0", ARGUMENTS_LIMIT)[:ARGUMENTS_LIMIT])


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
    window = ARGUMENT_LIMIT_BYTES + LOOKAHEAD_BYTES
    if len(argument) <= window:
        return argument
    start = argument[:window]
    ends = [found.end() for found in _PARTED.finditer(start)]
    return start[: ends[-1]] if ends else start[:0] + MASK


def _masked(arguments: Iterable[bytes], depth: int = 0) -> Iterator[bytes]:
    tool = follows = previous = b""
    before = -1
    for whole in arguments:
        argument = _cut(whole)
        if not argument:
            yield argument
            continue
        if follows and not _OPTION.match(argument) and not _stays(tool, previous, argument):
            user, separator, _ = argument.partition(follows)
            yield MASK if follows is _WHOLE or not separator else user + separator + MASK
            follows = b""
            continue
        if before == 0:
            yield MASK
            before = -1
            continue
        before = max(before - 1, -1)
        name = base_name(argument)
        if name in _TOOLS:
            tool = name
        if name == b"wpa_passphrase":
            before = 1
        before = _BEFORE.get((tool, argument), before)
        if previous == b"--key" and _KEY_FORM.match(argument):
            yield MASK
            previous = argument
            continue
        # the program of that name takes an account, not a secret
        is_program = not previous and name == b"passwd"
        follows = b"" if is_program else _announced(tool, argument)
        previous = argument
        yield _argument(tool, argument, depth)


def _stays(tool: bytes, name: bytes, value: bytes) -> bool:
    """Whether what follows a name is no secret all the same."""
    return is_plain(name, value) or (tool in {b"docker", b"podman"} and bool(_PORTS.match(value)))


def _announced(tool: bytes, argument: bytes) -> bytes:
    """What the next argument is: b"" nothing special, _WHOLE a secret, else what parts user and secret."""
    flags, separator = _WITH_USER.get(tool, (frozenset(), b""))
    if (tool, argument) in _LONG:
        return _WHOLE
    if argument in flags:
        return separator
    if not argument.startswith(b"-"):
        return _WHOLE if is_secret_word(argument) or ends_in_key(argument) else b""
    if len(argument) == 2 and argument[1:] in _letters(_EITHER.get(tool, b"")):
        return _WHOLE
    return _WHOLE if names_secret(argument) else b""


def _letters(flags: bytes) -> tuple[bytes, ...]:
    return tuple(bytes((letter,)) for letter in flags)


def _argument(tool: bytes, argument: bytes, depth: int) -> bytes:
    """One argument, masked within."""
    attached = _ATTACHED.get(tool, b"") + _EITHER.get(tool, b"")
    if len(argument) > 2 and argument[:1] == b"-" and argument[1:2] in _letters(attached):
        return argument[:2] + MASK
    flags, separator = _WITH_USER.get(tool, (frozenset(), b""))
    if len(argument) > 2 and argument[:2] in flags and argument[2:3] != b"=" and separator in argument[2:]:
        return argument.partition(separator)[0] + separator + MASK
    if tool == b"sqlplus" and _ORACLE.match(argument):
        return _ORACLE.sub(rb"\1" + MASK, argument, count=1)
    flag, equals, value = argument.partition(b"=")
    if equals and flag in flags:
        return flag + equals + value.partition(separator)[0] + separator + MASK
    # the whole first: a header's value may have a blank in it
    argument = mask_text(argument)
    if depth < NESTING_LIMIT_QUOTES and _BLANK.search(argument):
        return _command_line(argument, depth + 1)
    return argument


def _command_line(argument: bytes, depth: int) -> bytes:
    """An argument with blanks, as a command line of its own: of sh -c, or a title a process gave itself."""
    quote = argument[:1]
    if quote in {b"'", b'"'} and argument.endswith(quote) and argument.count(quote) == 2:
        return quote + _argument(b"", argument[1:-1], depth) + quote
    words: list[bytes] = _WORDS.findall(argument)
    masked = _masked((word for word in words if not word.isspace()), depth)
    return b"".join(word if word.isspace() else next(masked) for word in words)
