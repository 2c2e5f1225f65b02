"""How a tool takes secrets on its command line, and the grammars that several tools share.

A letter has different meanings in different tools, so flags are listed per tool.
"""

from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True, slots=True)
class Tool:
    """How one tool takes secrets."""

    attached: tuple[bytes, ...] = ()  # flags with the secret attached: -pSECRET
    flags: frozenset[bytes] = frozenset()  # flags with the secret in the next argument, attached, or after =
    users: frozenset[bytes] = frozenset()  # flags whose value is user and secret
    separator: bytes = b":"  # the separator between the two
    switches: bytes = b""  # letters without a value, which may precede a flag in one argument
    # words, and the positions of the secrets after them
    after: tuple[tuple[bytes, tuple[int, ...]], ...] = ()
    needs: frozenset[bytes] = frozenset()  # subcommands to which the flags belong
    resources: frozenset[bytes] = frozenset()  # flags that name the place of a secret
    position: tuple[int, ...] = ()  # positions of the arguments, without flags, that are secrets
    # positions, if these letters are given
    places: tuple[tuple[bytes, tuple[int, ...]], ...] = ()
    values: frozenset[bytes] = frozenset()  # flags with a value in the next argument, which has no position
    # words, or their beginning, after which each NAME=VALUE has a secret value
    literals: tuple[bytes, ...] = ()
    pairs: frozenset[bytes] = frozenset()  # words after which names and values follow one another
    cookies: frozenset[bytes] = frozenset()  # flags whose value is a file or NAME=SECRET
    # flags whose value is SECRET@PLACE; b"" for arguments without one
    leading: frozenset[bytes] = frozenset()
    logins: bool = False  # whether any argument may be DOMAIN/USER:SECRET@PLACE
    assigns: bool = False  # whether NAME=VALUE has no position
    apart: bool = False  # whether values are never attached to flags, which are words after one dash
    bearers: bool = False  # whether the flags of users take a token after a word that ends in `bearer`
    ports: bool = False  # whether a number after a flag is a port


def flags_of(*flags: bytes) -> Tool:
    """Of a tool whose flags have the secret in the next argument, attached, or after =."""
    return Tool(flags=frozenset(flags))


def after(*words: tuple[bytes, tuple[int, ...]]) -> Tool:
    """Of a tool that takes secrets at these positions after its subcommands."""
    return Tool(after=words)


MYSQL: Final = Tool(attached=(b"-p",))
RAR: Final = Tool(attached=(b"-hp", b"-p"))
P: Final = flags_of(b"-p")
PORT_OR_PASSWORD: Final = replace(P, ports=True)
UPPER_P: Final = flags_of(b"-P")
W: Final = Tool(flags=frozenset((b"-w",)), switches=b"xLZvncCAMIQNWutar")
PW: Final = flags_of(b"-pw")
K: Final = flags_of(b"-k")
T: Final = flags_of(b"-t")
SNMP: Final = flags_of(b"-A", b"-X", b"-c")
LOGIN: Final = replace(P, needs=frozenset((b"login",)))
REGISTRY: Final = replace(P, needs=frozenset((b"login", b"pull", b"push")))
# every literal of a secret is a secret, whatever its name
LITERALS: Final = Tool(
    users=frozenset((b"--from-literal",)), separator=b"=", needs=frozenset((b"secret", b"secrets"))
)
USER: Final = Tool(users=frozenset((b"-u", b"--user")))
SAMBA: Final = Tool(users=frozenset((b"-U", b"--user")), separator=b"%")
CREDENTIAL: Final = Tool(users=frozenset((b"-c", b"--credential")))
ENCRYPT: Final = flags_of(b"-encrypt", b"--encrypt")
WEB: Final = Tool(users=frozenset((b"-a", b"--auth")), bearers=True)
IMPACKET: Final = replace(
    flags_of(b"-hashes", b"-aesKey", b"-nthash", b"-computer-pass"), logins=True, apart=True
)
MINERS: Final = Tool(flags=frozenset((b"-p", b"--pass")), users=frozenset((b"-O", b"--userpass")))
COINS: Final = after(
    (b"walletpassphrase", (0,)),
    (b"walletpassphrasechange", (0, 1)),
    (b"encryptwallet", (0,)),
    (b"importprivkey", (0,)),
    (b"signmessagewithprivkey", (0,)),
)
TPM: Final = flags_of(b"-p", b"-P", b"--key-auth", b"--parent-auth", b"--hierarchy-auth")
CRYPT: Final = flags_of(b"-k", b"-K", b"--key", b"--keyfile-password")
CLOUD_SECRETS: Final = Tool(
    flags=frozenset((b"--value",)), resources=frozenset((b"--secret-id", b"--secret"))
)
BROWSERS: Final = Tool(resources=frozenset((b"--password-store",)))
