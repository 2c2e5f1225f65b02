"""The ssh arguments in an inventory: which of them matter to a sweep that does not run ssh."""

import re
import shlex
from dataclasses import dataclass

from procmaps.masking import mask_line

# Options about the ssh process or its timeouts, not about which host is reached or as whom.
_WITHOUT_MEANING_HERE = {
    "addkeystoagent",
    "addressfamily",
    "batchmode",
    "compression",
    "connectionattempts",
    "connecttimeout",
    "controlmaster",
    "controlpath",
    "controlpersist",
    "escapechar",
    "forwardagent",
    "forwardx11",
    "gssapiauthentication",
    "identitiesonly",
    "kbdinteractiveauthentication",
    "loglevel",
    "passwordauthentication",
    "permitlocalcommand",
    "preferredauthentications",
    "pubkeyauthentication",
    "requesttty",
    "sendenv",
    "serveralivecountmax",
    "serveraliveinterval",
    "setenv",
    "tcpkeepalive",
}
_HOST_KEYS = {
    "checkhostip",
    "globalknownhostsfile",
    "hashknownhosts",
    "stricthostkeychecking",
    "updatehostkeys",
    "userknownhostsfile",
    "verifyhostkeydns",
    "visualhostkey",
}
# Algorithms: they do not decide which host is reached, but their operator may count on them.
_ALGORITHMS = {
    "casignaturealgorithms",
    "ciphers",
    "hostbasedacceptedalgorithms",
    "hostkeyalgorithms",
    "kexalgorithms",
    "macs",
    "pubkeyacceptedalgorithms",
    "pubkeyacceptedkeytypes",
    "requiredrsasize",
}
_JUMP = re.compile(r"-J|-o\s*proxy(?:jump|command)\b", re.IGNORECASE)
_SWITCHES_WITHOUT_MEANING = set("46ACTaqtvxXY")


@dataclass(frozen=True, slots=True)
class Judgement:
    """The ssh arguments of a line that matter: unsupported ones, and those that are not used."""

    unsupported: tuple[str, ...]
    host_keys: tuple[str, ...]
    algorithms: tuple[str, ...]

    @property
    def jumps(self) -> bool:
        """Whether they lead over another host, or through a program."""
        return any(map(_JUMP.match, self.unsupported))


def judge(line: str) -> Judgement:
    """The arguments that matter, without their secrets. Unknown ones count as unsupported."""
    try:
        words = shlex.split(line)
    except ValueError:
        return Judgement((_shown(line),), (), ())
    unsupported: list[str] = []
    host_keys: list[str] = []
    algorithms: list[str] = []
    while words:
        word = words.pop(0)
        if word.startswith("-o"):
            option = word[2:] or (words.pop(0) if words else "")
            name = option.replace("=", " ").split(" ")[0].lower()
            if name in _HOST_KEYS:
                host_keys.append(f"-o {option}")
            elif name in _ALGORITHMS:
                algorithms.append(f"-o {option}")
            elif name not in _WITHOUT_MEANING_HERE:
                unsupported.append(f"-o {option}")
        elif not (len(word) > 1 and word[0] == "-" and set(word[1:]) <= _SWITCHES_WITHOUT_MEANING):
            unsupported.append(word)
    return Judgement(*(tuple(map(_shown, each)) for each in (unsupported, host_keys, algorithms)))


def _shown(argument: str) -> str:
    """Masks an argument, because cron mails the warnings, and a proxy's command may have a password."""
    name, equals, command = argument.partition("=")
    bare = command.lstrip("'\"")
    quotes = command[: len(command) - len(bare)]
    return mask_line(name + equals + quotes + mask_line(bare))
