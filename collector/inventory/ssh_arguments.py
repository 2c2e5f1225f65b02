"""The ssh arguments in an inventory: which of them matter to a sweep that does not run ssh."""

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
_SWITCHES_WITHOUT_MEANING = set("46ACTaqtvxXY")


@dataclass(frozen=True, slots=True)
class Judgement:
    """The unsupported ssh arguments of a line, and those about host keys."""

    unsupported: tuple[str, ...]
    host_keys: tuple[str, ...]


def judge(line: str) -> Judgement:
    """The arguments that matter, without their secrets. Unknown ones count as unsupported."""
    try:
        words = shlex.split(line)
    except ValueError:
        return Judgement((_shown(line),), ())
    unsupported: list[str] = []
    host_keys: list[str] = []
    while words:
        word = words.pop(0)
        if word.startswith("-o"):
            option = word[2:] or (words.pop(0) if words else "")
            name = option.replace("=", " ").split(" ")[0].lower()
            if name in _HOST_KEYS:
                host_keys.append(f"-o {option}")
            elif name not in _WITHOUT_MEANING_HERE:
                unsupported.append(f"-o {option}")
        elif not (len(word) > 1 and word[0] == "-" and set(word[1:]) <= _SWITCHES_WITHOUT_MEANING):
            unsupported.append(word)
    return Judgement(tuple(map(_shown, unsupported)), tuple(map(_shown, host_keys)))


def _shown(argument: str) -> str:
    """Masks an argument, because cron mails the warnings, and a proxy's command may have a password."""
    name, equals, command = argument.partition("=")
    bare = command.lstrip("'\"")
    quotes = command[: len(command) - len(bare)]
    return mask_line(name + equals + quotes + mask_line(bare))
