"""What a secret looks like in a text: named as one, in a URL, in a header, or of a well-known form.

Every repetition is bounded or consumes what it matches, so that time grows with the length of the text: it is
a stranger's.
"""

import re
from typing import Final

MASK: Final = b"***"

_NAME = (
    rb"(?<!com)(?<!by)pass(?!ive|enger|through|age)|(?<![a-z])pwd|secret|token(?!iz)|credential|(?<![a-z])creds?(?![a-z])"
    rb"|cookie|auth(?!or|ent)|authorization|bearer|jwt|mnemonic|signature|(?<![a-z])(?:sig|otp)(?![a-z])"
    rb"|(?:api|access|private|secret|signing|encrypt(?:ion)?|account|shared|master|session|license|client"
    rb"|hmac|aes|ssh|storage|service|subscription)[-_.]?key"
)
_NAMED = re.compile(rb"(?:" + _NAME + rb")([\w.\-]{0,64})\Z", re.IGNORECASE)
# up to the sign before the value; a colon alone is one, that of a URL is not
_KEYED = re.compile(
    rb"(?:" + _NAME + rb")([\w.\-\[\]]{0,64})[\"']?[ \t]{0,4}(?:=|:(?!//))[ \t]{0,4}", re.IGNORECASE
)
_BARE = re.compile(rb"(?:pass(?:word|wd|phrase)?|secret|token|auth|requirepass|masterauth)\Z", re.IGNORECASE)
# what names a place, a sort or a measure of a secret, and not the secret
_NOT_ITSELF = re.compile(
    rb"(?:file|path|dir|ttl|timeout|enabled|disabled|length|mode|type|policy|class|provider|name|id|url|uri"
    rb"|endpoint|algorithm|expiry|expiration|issuer|required|check)s?\Z",
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
            rb"|hvs\.[\w-]{20,}|npm_\w{30,})"
        ),
        MASK,
    ),
    (re.compile(rb"-----BEGIN[ A-Z]{0,40}PRIVATE KEY-----.*", re.DOTALL), MASK),
)


def names_secret(name: bytes) -> bool:
    """Whether the value of a flag or key of this name is a secret."""
    found = _NAMED.search(name)
    return bool(found) and not _NOT_ITSELF.search(found[1] if found else b"")


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
        if key.start() < done or _NOT_ITSELF.search(key[1]):
            continue
        if key.start() <= leading_end and len(text) > key.end():
            return text[: key.end()] + MASK
        value = _VALUE.match(text, key.end())
        if value:
            pieces += (text[done : key.end()], MASK)
            done = value.end()
    return b"".join((*pieces, text[done:]))
