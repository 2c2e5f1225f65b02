"""The argument signature: the program that a command line runs, and the names of its flags without values.

Processes with equal signatures count as one service, so a signature must not contain anything that differs
between its members: no value, no number, no path except the script's own name.
"""

from typing import Final

from procmaps.lazy_pattern import compiled

FLAGS_LIMIT_COUNT: Final = 12
SIGNATURE_LIMIT_BYTES: Final = 200

_INTERPRETER = compiled(
    rb"(python|pypy|node|nodejs|ruby|perl|php|php-fpm|bash|sh|dash|zsh|java|lua|Rscript)[0-9.]*(-real)?\Z"
)
_FLAG = compiled(rb"--?[A-Za-z][A-Za-z0-9_.-]*")
# options that take the next argument as their value
JAVA_TAKES_VALUE: Final = frozenset(
    (
        *(b"-cp", b"-classpath", b"--class-path", b"-p", b"--module-path", b"--upgrade-module-path"),
        *(b"--add-modules", b"--limit-modules", b"--add-opens", b"--add-exports", b"--add-reads"),
        *(b"--patch-module", b"--enable-native-access", b"--source", b"-d", b"--describe-module"),
    )
)
_TAKES_VALUE: Final = {
    b"java": JAVA_TAKES_VALUE,
    b"python": frozenset((b"-W", b"-X", b"--check-hash-based-pycs")),
    b"pypy": frozenset((b"-W", b"-X")),
    b"node": frozenset((b"-r", b"--require", b"--import", b"--loader", b"-C", b"--conditions")),
    b"nodejs": frozenset((b"-r", b"--require", b"--import", b"--loader")),
    b"ruby": frozenset((b"-r", b"-I", b"-C", b"-E")),
    b"perl": frozenset((b"-I",)),
    b"php": frozenset((b"-c", b"-d")),
}
_JAVA_MAIN: Final = frozenset((b"-jar", b"-m", b"--module"))
_PYTHONS: Final = frozenset((b"python", b"pypy"))
_SHELLS: Final = frozenset((b"bash", b"sh", b"dash", b"zsh"))
_SHELL_INLINE = compiled(rb"-[A-Za-z]*c\Z")  # -c, -ec, -lc
_NO_INLINE: Final = _SHELLS | {b"java"}
_INLINE: Final = frozenset((b"-c", b"-e", b"-E", b"--eval", b"-p", b"--print"))


def base_name(path: bytes) -> bytes:
    """The last component of a path."""
    return path.rsplit(b"/", 1)[-1]


def is_title(argv: tuple[bytes, ...]) -> bool:
    """Whether the process wrote a title over its arguments, such as `nginx: worker process`."""
    return bool(argv) and b" " in argv[0] and not any(argv[1:])


def signature(argv: tuple[bytes, ...]) -> bytes:
    """The main class, script or module, and the sorted names of the flags after it."""
    if not argv or is_title(argv):
        return b""
    interpreter = _INTERPRETER.match(base_name(argv[0]))
    main, rest = _main(interpreter[1], argv[1:]) if interpreter else (b"", argv[1:])
    flags = {found[0] for argument in rest if (found := _FLAG.match(argument))}
    return b" ".join(filter(None, (main, *sorted(flags)[:FLAGS_LIMIT_COUNT])))[:SIGNATURE_LIMIT_BYTES]


def _main(interpreter: bytes, arguments: tuple[bytes, ...]) -> tuple[bytes, tuple[bytes, ...]]:
    """The program that an interpreter runs, and the arguments after it; earlier ones are its own."""
    takes_value = _TAKES_VALUE.get(interpreter, frozenset())
    skip = False
    for at, argument in enumerate(arguments):
        has_next = at + 1 < len(arguments)
        if skip:
            skip = False
        elif interpreter == b"java" and argument in _JAVA_MAIN and has_next:
            named = arguments[at + 1]
            return (base_name(named) if argument == b"-jar" else named), arguments[at + 2 :]
        elif argument == b"-m" and interpreter in _PYTHONS and has_next:
            return b"-m " + arguments[at + 1], arguments[at + 2 :]
        elif argument in takes_value:
            skip = True
        elif interpreter in _SHELLS and _SHELL_INLINE.match(argument):
            return b"-c", ()
        elif argument in _INLINE and interpreter not in _NO_INLINE:
            return argument, ()
        elif not argument.startswith((b"-", b"@")):
            return base_name(argument), arguments[at + 1 :]
    return b"", ()
