"""Names that say that their value is a secret, and values of such names that cannot be one."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from procmaps.lazy_pattern import compiled

# where a word of a name begins and ends: DB_PWD, dbPwd, not cpwd. A capital after a small letter begins one
_BEGIN: Final = rb"(?:(?<![a-z])|(?-i:(?<=[a-z])(?=[A-Z])))"
_END: Final = rb"(?:(?![a-z])|(?-i:(?<=[a-z])(?=[A-Z])))"
# their value is a secret unless it is a switch, a reference or a plain path
_STRONG: Final = (
    rb"(?<!com)(?<!by)pass(?!ive|enger|port|ing(?![a-z])|[-_]?through|age|es(?![a-z])|log|less)"
    rb"|" + _BEGIN + rb"pwd|supw|bind[-_]?pw|(?:db|root|admin|user)pwd?(?![a-z])|refresh-token|secret"
    rb"|token(?!iz)"
    rb"|authori[sz]ation|bearer|jwt|mnemonic|(?:set|erlang)[-_]?cookie|passwort|kennwort|senha|wachtwoord"
    rb"|mot[-_]?de[-_]?passe|has(?:lo|\xc5\x82o)|heslo|geslo|lozinka|salasana|parol(?:a|\xc4\x83)|parool|jelsz(?:o|\xc3\xb3)|l(?:o|\xc3\xb6)senord|adgangskode"
    rb"|pasword|seed[-_]?phrase|geheim|segret[oa]|segredo|\xd0\x9f\xd0\xb0\xd1\x80\xd0\xbe\xd0\xbb\xd1\x8c"
    rb"|kata[-_]?sandi|mat[-_]?khau|slapta(?:z|\xc5\xbe)odis|\xce\xba\xcf\x89\xce\xb4\xce\xb9\xce\xba\xcf\x8c\xcf\x82"
    rb"|" + _BEGIN + rb"(?:clave|(?:s|\xc5\x9f)ifre|(?:s|\xc5\xa1)ifra)" + _END + rb"|\xc5\x9fifre"
    rb"|\xe5\x8f\xa3\xe4\xbb\xa4|\xe4\xbb\xa4\xe7\x89\x8c|\xe6\x9a\x97\xe8\xa8\xbc\xe7\x95\xaa\xe5\x8f\xb7|\xe5\xaf\x86\xe9(?:\x92\xa5|\x91\xb0)"
    rb"|(?:pin|unlock|activation|recovery|backup|access|auth|mfa|[2t]fa|token|pairing|invitation)[-_]?codes?(?![a-z])"
    rb"|contrase(?:n|\xc3\xb1)a|\xd0\xbf\xd0\xb0\xd1\x80\xd0\xbe\xd0\xbb\xd1\x8c|\xe5\xaf\x86[\xe7\xe7](?:\xa0\x81|\xa2\xbc)"
    rb"|\xe3\x83\x91\xe3\x82\xb9\xe3\x83\xaf\xe3\x83\xbc\xe3\x83\x89|\xeb\xb9\x84\xeb\xb0\x80\xeb\xb2\x88\xed\x98\xb8"
    rb"|"
    + _BEGIN
    + rb"(?:[uo]?pw|pswd?|psk|creds?|privkey|salt)"
    + _END
    + rb"|masterauth|super[-_]?digest|(?<=--)community(?![\w-])|(?:snmp|auth|ro|rw)[-_.]?community"
    rb"|set[-_]?steam[-_]?account"
    rb"|(?:api|access|private|priv|secret|signing|encrypt(?:ion)?|decrypt(?:ion)?|account|shared|pre-?shared|master"
    rb"|session|libsodium|cipher|crypto?|licen[cs]e|instrumentation|activation|recovery|backup|security"
    rb"|client|hmac|aes|ssh|storage|service|subscription|setup|certificate|wandb|auth|host|app|admin)[-_.]?key"
)
# these count only at the end of a name, and a plain word as a value is a mode, not a secret
_WEAK: Final = (
    rb"(?:auth|cookie|credential|signature|(?<![a-z])sig|login|username|userpass|userinfo"
    rb"|(?:proxy|http)[-_]?user|(?<=[-_])basic|htaccess|(?<![a-z])keys?)s?\d?"
)
# for these even a number is a secret
_DIGITS: Final = rb"(?<![a-z])(?:otp|pin|puk|(?:security|verification|sms)[-_]?code)"
# words for a place, a sort or a measure of a secret, not the secret itself
_NOT_ITSELF: Final = compiled(
    rb"(?:file(?:name)?|path|dir|region|s?manager[-_]\w+|ttl|timeout|enabled|disabled|length|mode|type|policy|class|provider|name|id|url|uri"
    rb"|endpoint|algorithm|expiry|expiration|issuer|required|check|domain|expire|samesite|httponly|refresh|version"
    rb"|source|sync|count|limit|preference|encryption|plugin|config|consent|encoder|hash(?:er)?|store|namespace|server"
    rb"|port|header|claim|manager|reset|regex|max|min|size|dim|less|format|level|cache|host|address|sample|secure"
    rb"|identity|from[-_](?:env|file|stdin|vault|prompt)|stdin|fd|prompt|rate|ref|age|interval|service|rotation|audience|scope|realm|method|ns|only|duration|lifetime|retr(?:y|ies)|cleaner)s?\Z",
    re.IGNORECASE,
)
# words of a model's vocabulary, or for an object that has the secret
_ANOTHER: Final = compiled(
    rb"(?:\A|[-_.])(?:(?:eos|bos|pad|end|unk|sep|cls|mask|special|gen|initial-cluster)[-_]token|existing[-_]?\w{0,16}secret"
    # about asking for a secret, or whether one is needed
    rb"|(?:ask|prompt(?:[-_]for)?|no|without)[-_](?:[a-z]{1,16}[-_])?pass|askpass\Z"
    rb"|(?:require[sd]?|allow|skip)[-_](?:[a-z]{1,16}[-_]){0,2}(?:pass|secret|token|auth)"
    # keys that name, sort or find something
    rb"|(?:gpg|pgp|recv|cache|routing|idempotency|primary|foreign|sort|partition|group|redis|public|trusted|message"
    rb"|print|parse|object|row|range|unique|index|order|map)[-_.]keys?\Z)",
    re.IGNORECASE,
)
_IDENTIFIER: Final = compiled(rb"(?:secret|root[-_]token)[-_]?id\Z", re.IGNORECASE)
_ON_OR_OFF: Final = compiled(rb"(?:on|off)\Z")
# a command that prints the secret, which is one itself only if it is in the command
_COMMANDED: Final = compiled(rb"(?:command|cmd|eval)\Z", re.IGNORECASE)
_PRINTED: Final = compiled(rb"(?:/(?:usr/)?bin/)?(?:echo|printf)(?:\s|\Z)")
_SWITCHED: Final = compiled(
    rb"(?:true|false|none|yes|no|on|off|simple|basic|optional|always|never|auto|null|nil|enabled|disabled|strict)\Z",
    re.IGNORECASE,
)
# for these names even a word such as `none` or a number is a secret
_PROPER: Final = compiled(
    rb"(?:passw(?:or)?d\d?s?|passphrase|pass|pwd|secret|pin|otp|puk|\A[-/+]{0,2}token|(?:pin|token|mfa|[2t]fa|auth|security|access|unlock|recovery|backup)[-_]?code)\Z",
    re.IGNORECASE,
)
_NUMBER: Final = compiled(rb"\d{1,9}\Z")
_KEY: Final = compiled(rb"keys?\Z", re.IGNORECASE)
_PLACE_DIGITS: Final = 3  # KEY=1 of make and KEY=115 are the place of a key, or a button
_RUN_OF_PASSES: Final = compiled(rb"[1-3]\Z")
_PLAIN_PATH: Final = compiled(
    rb"@?(?:file:/{0,2})?/(?:(?:etc|run|var|usr|opt|root|proc|dev|secrets|config|keys|certs)"
    rb"|(?:home|srv|tmp|mnt|data|app|vault)(?=/[\w@-]{1,64}/|/[\w@-]{1,64}\.[a-z]{1,8}\Z))"
    rb"(?:/[\w.@-]{1,64}){1,16}/?\Z"
)
_REFERENCE: Final = compiled(
    rb"/[\w./-]{1,256}\.(?:key|pem|crt|p12|pfx|jks|pw|pwd|txt|json|ya?ml|conf|cfg|ini|env|secret|token|cookie|jwt|hex)\Z|(?:env|file|fd|stdin|prompt|keyring):[\w./@-]{0,256}\Z|(?:env|file|fd|stdin|prompt|ask)\Z"
    rb"|\$\{?[A-Z][A-Z0-9_]*\}?\Z|\$\((?!echo|printf)[^()]{1,256}\)\Z|</?[a-z_|]{1,16}>\Z|\[[A-Z]{1,8}\]\Z|\{\{[^}]{1,64}\}\}\Z",
)
_WORD: Final = compiled(
    rb"[A-Za-z_][A-Za-z_.-]*\d{0,3}\Z|[\w.-]+(?:,[\w.-]+)+\Z|[\w.-]+:\d{1,5}\Z|\w+://|/|[\d.]+\Z|[\w.-]{1,7}\Z"
    rb"|[a-z][a-z-]+:[a-z_-]+\Z|refs/"
)
# a user and a word, unless it is a module and its object
_PAIR: Final = compiled(rb"[a-z][\w.-]*:[\w-]+\Z", re.IGNORECASE)
_LOGS_IN: Final = compiled(
    rb"-.*(?:auth|creds?|credentials?|login|userpass|userinfo|user|basic|htaccess)\Z", re.IGNORECASE
)
_RANDOM: Final = compiled(rb"(?=[^\d]*\d)(?=[^A-Za-z]*[A-Za-z])[\w.=+/~:-]{16,}\Z")
_SIGN: Final = rb"(?:\\{0,3}[\"'])?\]?[ \t]{0,4}(?:=>|=|:(?!//|:))[ \t]{0,4}"


@dataclass(frozen=True, slots=True)
class Names:
    """The names that count: the built-in ones, and the site's own words."""

    keyed: re.Pattern[bytes]  # a name and the sign before its value; groups: strong, what follows it, weak
    named: re.Pattern[bytes]  # the same without the sign, at the end

    def secret(self, name: bytes) -> bool:
        """Whether the value of a flag or key of this name is a secret, unless it is plain."""
        found = self.named.search(name)
        return found is not None and not excused(name, found)

    def strong(self, name: bytes) -> bool:
        """The same for names that leave no doubt."""
        found = self.named.search(name)
        return found is not None and bool(found["strong"]) and not excused(name, found)

    def stays(self, name: bytes, value: bytes) -> bool:
        """Whether a value of such a name is a switch, a path, a reference or a small number: not a secret."""
        value = value.strip(b"\"'")
        if not value or any(form.match(value) for form in (_REFERENCE, _PLAIN_PATH, _ON_OR_OFF)):
            return True
        if _COMMANDED.search(name):
            return not _PRINTED.match(value)
        if _PROPER.search(name):
            return bool(_RUN_OF_PASSES.match(value)) and name.endswith(b"pass")
        found = self.named.search(name)
        if _NUMBER.match(value):  # a measure of secrets, unless the name is that of the secret itself
            is_place = bool(_KEY.search(name)) and len(value) <= _PLACE_DIGITS
            return bool(found and (found["rest"] or (is_place and found["weak"]))) or name.lower().endswith(
                b"login"
            )
        if _LOGS_IN.match(name) and _PAIR.match(value):
            return False
        return bool(_SWITCHED.match(value) or (_WORD.match(value) and not (found and found["strong"])))


@lru_cache(maxsize=8)
def names(words: tuple[str, ...] = ()) -> Names:
    """The names that count, including the site's own words."""
    own = b"".join(b"|" + re.escape(word.encode()) for word in words)
    strong = rb"(?P<strong>" + _STRONG + own + rb"|" + _DIGITS + rb"(?![a-z]))"
    weak = rb"(?P<weak>" + _WEAK + rb")"
    return Names(
        compiled(
            rb"(?:" + strong + rb"(?P<rest>[\w.\-\[\]]{0,64})|" + weak + rb")(?P<sign>" + _SIGN + rb")",
            re.IGNORECASE,
        ),
        compiled(rb"(?:" + strong + rb"(?P<rest>[\w.\-]{0,64})|" + weak + rb")\Z", re.IGNORECASE),
    )


def excused(name: bytes, found: re.Match[bytes]) -> bool:
    """Whether a name with such a word names something about the secret, not the secret itself."""
    if _ANOTHER.search(name):
        return True
    return bool(found["rest"] and _NOT_ITSELF.search(found["rest"])) and not _IDENTIFIER.search(name)


def is_random(value: bytes) -> bool:
    """Whether the value is not a word of a language: it is long, with letters and digits."""
    return bool(_RANDOM.match(value)) and b"://" not in value and not value.startswith(b"/")
