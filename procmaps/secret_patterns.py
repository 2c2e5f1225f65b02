"""What a secret looks like in a text: named as one, in a URL, in a header, or of a well-known form.

Every repetition is bounded or consumes what it matches, so that time grows with the length of the text: it is
a stranger's.
"""

import re
from typing import Final

MASK: Final = b"***"

_NAME = (
    rb"(?<!com)(?<!by)pass(?!ive|enger|[-_]?through|age|es(?![a-z]))|(?<![a-z])pwd|secret|(?<!(?:eos|bos|pad|end|unk|sep)[-_])(?<!special[-_])token(?!iz)|credential|(?<![a-z])creds?(?![a-z])"
    rb"|cookie|auth(?!or|ent|-worker|:[a-z_]+\Z)|authorization|bearer|jwt|mnemonic|(?<![a-z])(?:pw|psk|privkey)(?![a-z])|superdigest|sonar\.login|mysqld\.username|kennwort|senha|wachtwoord"
    rb"|contrase(?:n|\xc3\xb1)a|\xd0\xbf\xd0\xb0\xd1\x80\xd0\xbe\xd0\xbb\xd1\x8c|\xe5\xaf\x86\xe7\xa0\x81|signature|(?<![a-z])(?:sig|otp)(?![a-z])"
    rb"|(?:api|access|private|secret|signing|encrypt(?:ion)?|account|shared|master|session|license|client"
    rb"|hmac|aes|ssh|storage|service|subscription)[-_.]?key"
)
_NAMED = re.compile(rb"(?:" + _NAME + rb")([\w.\-]{0,64})\Z", re.IGNORECASE)
# up to the sign before the value; a colon alone is one, that of a URL is not
_KEYED = re.compile(
    rb"(?:" + _NAME + rb")([\w.\-\[\]]{0,64})[\"']?[ \t]{0,4}(?:=|:(?!//))[ \t]{0,4}", re.IGNORECASE
)
_BARE = re.compile(
    rb"(?:(?:add-)?authtoken|aws_(?:secret_access_key|session_token)|(?:re)?set-[a-z-]{0,32}password|pass(?:word|wd|phrase)?|secret|token|auth|requirepass|masterauth)\Z",
    re.IGNORECASE,
)
_IDENTIFIER = re.compile(rb"(?:secret|root[-_]token)[-_]?id\Z", re.IGNORECASE)
_PLAIN = re.compile(
    rb"/(?:etc|run|var|usr|opt|home|root|srv|tmp|dev|proc|mnt|data|secrets|config)(?:/[\w.@-]{1,64}){0,16}/?\Z",
    re.IGNORECASE,
)
_SWITCHED = re.compile(rb"(?:true|false|none|yes|no|on|off)\Z", re.IGNORECASE)
# of these names even a word such as `none` is a secret
_PROPER = re.compile(rb"(?:passw(?:or)?ds?|passphrase|pass|pwd|secret|key|\A-{0,2}token)\Z", re.IGNORECASE)
_MEASURE = re.compile(rb"(?:tokens|passes|-pass|syncs|version|count|limit)\Z", re.IGNORECASE)
_NUMBER = re.compile(rb"\d{1,9}\Z")
# what names a place, a sort or a measure of a secret, and not the secret
_NOT_ITSELF = re.compile(
    rb"(?:file|path|dir|ttl|timeout|enabled|disabled|length|mode|type|policy|class|provider|name|id|url|uri"
    rb"|endpoint|algorithm|expiry|expiration|issuer|required|check|domain|expire|samesite|httponly|refresh|version|source|sync|count|limit"
    rb"|preference|encryption|plugin|config|consent)s?\Z",
    re.IGNORECASE,
)
_LEADING_NAME = re.compile(rb"[\w.\-/\[\]@+]*")
_VALUE = re.compile(rb"\"[^\"]*\"?|'[^']*'?|[^\s&;\"']+")
_HEADER = re.compile(
    rb"\A((?:proxy-)?authorization|cookie|x-[a-z-]{0,64}(?:token|key|auth|secret)[a-z-]{0,32})(\s{0,4}:\s{0,4}).+",
    re.IGNORECASE | re.DOTALL,
)
# (pattern, what takes its place)
_PLACES: Final = (
    (re.compile(rb"(://[^\s/?#:@]{0,256}:)[^\s/?#]{1,1024}@"), rb"\1" + MASK + b"@"),
    (re.compile(rb"(://)[^\s/?#:@]{20,1024}@"), rb"\1" + MASK + b"@"),  # a token in the user's place
    # cut before the sign that ends it; digits are a port
    (re.compile(rb"(://[^\s/?#:@\[]{1,256}:)(?!\d+\Z)[^\s/?#@${},]+\Z"), rb"\1" + MASK),
    (
        re.compile(rb"(jdbc:oracle:\w{1,16}:[^\s/@]{0,128}/)[^\s@]{1,256}@", re.IGNORECASE),
        rb"\1" + MASK + b"@",
    ),
    (
        re.compile(rb"(\b(?:bearer|basic|negotiate)[ \t]{1,4})[\w.~+/=-]{6,}", re.IGNORECASE),
        rb"\1" + MASK,
    ),
    (
        re.compile(
            rb"\b(?:(?:AKIA|ASIA)[A-Z0-9]{16}\b|gh[opsur]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}"
            rb"|xox[abeprs]-[\w-]{10,}|sk-[\w-]{20,}|(?<![\w-])eyJ[\w-]{8,2048}\.[\w-]{8,}(?:\.[\w-]*)?|AIza[\w-]{30,}"
            rb"|hvs\.[\w-]{20,}|npm_\w{30,}|[sr]k_(?:live|test)_\w{16,}|SG\.[\w-]{16,64}\.[\w-]{16,}|do[opr]_v1_\w{32,}|hf_\w{20,}"
            rb"|pypi-[\w-]{16,}|xapp-[\w-]{10,}|AGE-SECRET-KEY-\w{20,})"
        ),
        MASK,
    ),
    (re.compile(rb"-----BEGIN[ A-Z]{0,40}PRIVATE KEY(?: BLOCK)?-----.*", re.DOTALL), MASK),
    (re.compile(rb"\A.*-----END[ A-Z]{0,40}PRIVATE KEY(?: BLOCK)?-----", re.DOTALL), MASK),
    (
        re.compile(rb"(hooks\.slack\.com/services/|discord(?:app)?\.com/api/webhooks/\d+/)[\w/-]+"),
        rb"\1" + MASK,
    ),
    (re.compile(rb"(api\.telegram\.org/bot\d{1,20}:)[\w-]+"), rb"\1" + MASK),
    (re.compile(rb"(rtmps?://[^\s/]{1,256}/\w{1,64}/)[\w-]{16,}"), rb"\1" + MASK),
    (re.compile(rb"((?:\A|[=\s\"'])[\w.-]{1,64}:)[^\s@]{1,256}@(?=\w{0,8}\()"), rb"\1" + MASK + b"@"),
    (
        re.compile(rb"((?<![a-z])key=)(?:[0-9a-f]{32,}|[\w+/]{28,}=+|[\w+]{38,})(?![\w.])", re.IGNORECASE),
        rb"\1" + MASK,
    ),
    (re.compile(rb"(IDENTIFIED BY\s{1,4})(?:'[^']*'?|\"[^\"]*\"?)", re.IGNORECASE), rb"\1" + MASK),
    (re.compile(rb"(<(?:password|secret|token)>)[^<]+", re.IGNORECASE), rb"\1" + MASK),
    (
        re.compile(rb"(\becho\s{1,4}(?:-n\s{1,4})?)[^|]{1,256}(?=\|\s{0,4}sudo\s[^|]{0,64}-S)"),
        rb"\1" + MASK + b" ",
    ),
)


def names_secret(name: bytes) -> bool:
    """Whether the value of a flag or key of this name is a secret."""
    found = _NAMED.search(name)
    return bool(found) and not (found and _excused(name, found[1]))


def _excused(name: bytes, rest: bytes) -> bool:
    return bool(_NOT_ITSELF.search(rest)) and not _IDENTIFIER.search(name)


def is_plain(name: bytes, value: bytes) -> bool:
    """Whether the value is a switch's, a path or, of a name that measures, a number: no secret."""
    return bool(
        _PLAIN.match(value)
        or (_SWITCHED.match(value) and not _PROPER.search(name))
        or (_NUMBER.match(value) and _MEASURE.search(name))
    )


def is_secret_word(word: bytes) -> bool:
    """Whether the word alone says that a secret follows, as `requirepass` does."""
    return bool(_BARE.match(word))


def ends_in_key(text: bytes) -> bool:
    """Whether the text ends in the sign behind a secret's name, so that its value comes next."""
    return text.endswith((b"=", b":")) and any(key.end() == len(text) for key in _KEYED.finditer(text))


def mask_text(text: bytes) -> bytes:
    """The text with the secrets in it masked. What a key at its very start names is all the rest."""
    text = _HEADER.sub(rb"\1\2" + MASK, text)
    for pattern, masked in _PLACES:
        text = pattern.sub(masked, text)
    return _mask_keyed(text)


def _mask_keyed(text: bytes) -> bytes:
    """`key=value`, `key: value`, `"key": "value"` with the value masked."""
    pieces: list[bytes] = []
    done = 0
    leading = _LEADING_NAME.match(text)
    leading_end = leading.end() if leading else 0
    for key in _KEYED.finditer(text):
        if key.start() < done or _excused(name := key[0].rstrip(b"=: \t\"'"), key[1]):
            continue
        if key.start() <= leading_end and len(text) > key.end():
            if is_plain(name, text[key.end() :]):
                return b"".join((*pieces, text[done:]))
            return text[: key.end()] + MASK
        value = _VALUE.match(text, key.end())
        if value and not is_plain(name, value[0]):
            pieces += (text[done : key.end()], MASK)
            done = value.end()
    return b"".join((*pieces, text[done:]))
