"""Patterns of secrets in a text: after a name, in a URL, in a header, or of a well-known form.

Every repetition is bounded or consumes what it matches, so that time grows linearly with the length of the
text, which a stranger chooses.
"""

import re
from typing import Final

from procmaps.lazy_pattern import compiled
from procmaps.secret_names import Names, excused, names

MASK: Final = b"***"

_INERT = compiled(rb"[\w.-]{0,15}\Z")  # too short for a form, and without a separator
_NO_VALUE = compiled(rb"[a-z_]+\Z|refs/|v?\d+\.\d+[\w.-]*(?:@sha\d|\Z)")  # an object, a branch, a version
_LEADING_NAME = compiled(rb"[\w.\-/\[\]@+]*")
_BLOCK = compiled(rb"[|>][+-]?[ \t]*\n(?:[ \t]+[^\n]*\n?)+")
_VALUE = compiled(
    rb"\"(?:[^\"\\]|\\.)*\"?|'(?:[^'\\]|\\.)*'?|(?P<quote>\\{1,7}[\"'])|[^\s&;\"'\\]+(?:\\.[^\s&;\"'\\]*)*",
    re.DOTALL,
)
# of a list, up to the sign that also stands before its name: Uid=u;Pwd=a&b; and user=u,password=a;b,
_LISTED: Final = {
    b";": compiled(rb"[^\s;\"'\\]+"),
    b",": compiled(rb"[^\s\"'\\]+"),  # a comma may be in it, so to the end
}
_NAME_BEFORE = compiled(rb"[\w.-]*\Z")
_BRACED = compiled(rb"\{(?![\"'{\[\s\\}])(?:[^}]|\}\})*\}?")  # of a connection string: }} stands for }
_BRACKETS = compiled(rb"[{}\[\]]")
_INVISIBLE = compiled(rb"\xe2\x80[\x8b-\x8f\xaa-\xae]|\xe2\x81[\xa0-\xaf]|\xef\xbb\xbf|\xc2\xad")
_HEADER = compiled(
    rb"\A(-H)?((?:proxy-)?authorization|cookie|(?:x-)?[a-z-]{0,64}(?:token|key|auth|secret)[a-z-]{0,32})(\s{0,4}:(?!//|:)\s{1,4}|(?<=\w):(?=[\w.+/=-]{12,}\Z)).+",
    re.IGNORECASE | re.DOTALL,
)
_USER_INFO = compiled(rb"://[^\s/?#:@\[]{0,256}:")
_USER_PERCENT = compiled(rb"(://[^\s/?#:@%]{1,64}%)(?![0-9A-Fa-f]{2})[^\s/@]{1,256}@")
# a quote ends it unless it stands in the password: `'` in https://u:pa'ss@host
_URL_END = compiled(rb"[\s<>]|[\"'](?![^\s<>/?#,:;=&(){}\[\]]{1,256}@)|,\w{1,16}://")
_AUTHORITY_END = compiled(rb"[/?#]")
_PORT = compiled(rb"\d{1,5}(?:[/?#,;:)\]}]|\Z)")
_FORMS: Final = (
    rb"(?:AKIA|ASIA)[A-Z0-9]{16}\b|gh[opsur]_\w{20,}|github_pat_\w{20,}|gl[a-z]{2,5}-[\w-]{16,}"
    rb"|xox[abeprs]-[\w-]{10,}|sk-[\w-]{20,}|(?<![\w-])eyJ[\w-]{8,2048}\.[\w-]{8,}(?:\.[\w-]*)?|AIza[\w-]{30,}"
    rb"|hv[sbr]\.[\w-]{20,}|npm_\w{30,}|[a-z]{2,6}_(?:live|test|prod|api|oauth)_\w{16,}|SG\.[\w-]{16,64}\.[\w-]{16,}|do[opr]_v1_\w{32,}|hf_\w{20,}"
    rb"|pypi-[\w-]{16,}|xapp-[\w-]{10,}|AGE-SECRET-KEY-\w{20,}|tskey-[\w-]{12,}|ya29\.[\w-]{16,}|shp(?:at|ca|pa|ss)_\w{20,}"
    rb"|sq0(?:csp|atp|idp)-[\w-]{16,}|dapi[0-9a-f]{32}|ATATT[\w=-]{20,}|sntry[su]_[\w=+/-]{16,}|gls[ar]_\w{20,}|glc_[\w=+/]{20,}"
    rb"|nvapi-[\w-]{20,}|gsk_\w{20,}|tfp_\w{20,}|(?<!\w)\w{10,20}\.atlasv1\.[\w-]{20,}|SWMTKN-[\w-]{20,}|sq[pua]_\w{20,}|key-[0-9a-f]{32}"
    rb"|dckr_pat_[\w-]{16,}|PMAK-[\w-]{20,}|GOCSPX-[\w-]{16,}|whsec_[\w+/=]{16,}|NRAK-\w{16,}|sha256~[\w-]{16,}|LS0tLS1CRUdJTi\S+|\d{8,10}:AA[\w-]{30,}"
)
_FORM: Final = compiled(rb"(?<!\w)(?:" + _FORMS + rb")")
# (text in every match, pattern, replacement)
_PLACES: Final = (
    (b"://", compiled(rb"(://)[^\s/?#:@]{20,4096}@"), rb"\1" + MASK + b"@"),  # a token in place of the user
    # a shorter one, if letters and digits alternate more than in a user's name
    (
        b"://",
        compiled(
            rb"(://)(?:(?=[A-Za-z]{0,16}(?:\d{1,16}[A-Za-z]{1,16}){2}\d)[\w.~+=-]{8,64}|(?=[a-f]{0,16}\d)[0-9a-f]{16,64})@"
        ),
        rb"\1" + MASK + b"@",
    ),
    # cut before the sign that ends it; digits are a port
    (b"://", compiled(rb"(://[^\s/?#:@\[]{1,256}:)(?!\d+[)\]}]*\Z)[^\s/?#@${},]+\Z"), rb"\1" + MASK),
    (
        b"@",
        compiled(rb"(jdbc:oracle:\w{1,16}:[^\s/@]{0,128}/)[^\s@]{1,256}@", re.IGNORECASE),
        rb"\1" + MASK + b"@",
    ),
    (
        b" ",
        compiled(rb"(\b(?:bearer|basic|negotiate)[ \t]{1,4})[\w.~+/=-]{6,}", re.IGNORECASE),
        rb"\1" + MASK,
    ),
    (b"", _FORM, MASK),
    (b"$", compiled(rb"\$(?:[156y]|2[aby]|apr1|argon2\w{1,2})\$[^\s:\"']{8,}"), MASK),
    (b"-----", compiled(rb"-----BEGIN[ A-Z]{0,40}PRIVATE KEY(?: BLOCK)?-----.*", re.DOTALL), MASK),
    (b"-----", compiled(rb"\A.*-----END[ A-Z]{0,40}PRIVATE KEY(?: BLOCK)?-----", re.DOTALL), MASK),
    (
        b"/",
        compiled(rb"(\.\w{2,8}/(?:api/)?(?:webhooks?|services/(?=T\w{4,}/))/?(?:\d{1,24}/)?)[\w@/-]{16,}"),
        rb"\1" + MASK,
    ),
    (b"?", compiled(rb"([?&](?:sig|signature)=)[^&\s#\"']+", re.IGNORECASE), rb"\1" + MASK),
    (b"slack", compiled(rb"(hooks\.slack\.com/services/)[\w/-]+"), rb"\1" + MASK),
    (b"telegram", compiled(rb"(api\.telegram\.org/bot\d{1,20}:)[\w-]+"), rb"\1" + MASK),
    (b"rtmp", compiled(rb"(rtmps?://[^\s/]{1,256}/\w{1,64}/)[\w-]{16,}"), rb"\1" + MASK),
    (b"@", compiled(rb"((?:\A|[=\s\"'])[\w.-]{1,64}:)\S{1,256}@(?=\w{0,8}\()"), rb"\1" + MASK + b"@"),
    (
        b"@",
        compiled(
            rb"(\A[A-Za-z_]\w{0,64}:)(?!//)(?![^\s/@]{0,256}@sha\d)[^\s/@]{1,256}@(?=[\w.-]+(?:[:/]|\Z))"
        ),
        rb"\1" + MASK + b"@",
    ),
    (
        b"=",
        compiled(rb"((?<![a-z])key=)(?:[0-9a-f]{32,}|[\w+/]{28,}=+|[\w+]{38,})(?![\w.])", re.IGNORECASE),
        rb"\1" + MASK,
    ),
    (
        b"p=",
        compiled(rb"((?:\A|[\s\"'])(?:[A-Za-z]=[^,\s]{0,256},){0,8}(?<=[,\s\"'])p=)[^,\s]+"),
        rb"\1" + MASK,
    ),
    (b"p=", compiled(rb"(\Ap=)[^,]+(?=,[A-Za-z]=)"), rb"\1" + MASK),
    (b"secret,", compiled(rb"(\bsecret,\S{0,256}?\bdata=)[^,\s]+"), rb"\1" + MASK),
    (
        b" ",
        compiled(
            rb"(\b(?:IDENTIFIED\s{1,4}(?:WITH\s{1,4}\S{1,64}\s{1,4})?(?:BY|AS)|PASSWORD)\s{1,4})(?:'[^']*'?|\"[^\"]*\"?)",
            re.IGNORECASE,
        ),
        rb"\1" + MASK,
    ),
    (
        b"=",
        compiled(
            rb"(\bSET\s{1,4}PASSWORD\s{1,4}(?:FOR\s{1,4}[^=]{1,256})?=\s{0,4}(?:\w{1,16}\()?)(?:'[^']*'?|\"[^\"]*\"?)",
            re.IGNORECASE,
        ),
        rb"\1" + MASK,
    ),
    (
        b"%",
        compiled(rb"(\buser(?:name)?=[^\s,%]{1,64}%)(?![0-9A-Fa-f]{2})[^\s,]{4,}"),
        rb"\1" + MASK,
    ),  # of Samba
    (b"<", compiled(rb"(<(?:\w{0,32})(?:password|secret|token)>)[^<]+", re.IGNORECASE), rb"\1" + MASK),
    (
        b".auth(",
        compiled(rb"(\.auth\(\s{0,4}[\"'][^\"']{0,64}[\"']\s{0,4},\s{0,4})(?:'[^']*'?|\"[^\"]*\"?)"),
        rb"\1" + MASK,
    ),
    (
        b"assword",
        compiled(rb"(assword[^\n]{0,64}?\bsend\s{1,4}(?:--\s{1,4})?)\"[^\"]*\"?"),
        rb"\1" + MASK,
    ),  # expect
    # of one word, unless it is a well-known answer or command
    (
        b"spawn",
        compiled(
            rb"(\b(?:exp_)?send\s{1,4}(?:-(?:[a-z]|raw|-)\s{1,4}){0,3})"
            rb"(?!\\{0,3}[\"{]?(?:y|n|yes|no|q|ls|pwd|exit|quit|logout)?(?:\\{1,4}[rnt0-9x]{1,4}){0,4}\\{0,3}[\"}]?(?:[\s;}]|\Z))"
            rb"(?!\\{0,3}[\"{]?\\{0,3}\$)"
            rb"(?:\\{0,3}\"(?:[^\"\\\s]|\\{1,7}[^\"\\\s])+\s{0,4}\\{0,3}(?:\"|\Z)|\{[^{}\s]+(?:\}|\Z)|[^\s\"{};\\-](?:[^\s\"{};\\]|\\[^\s\"])*)"
        ),
        rb"\1" + MASK,
    ),
    # text that is piped into a program that reads a secret from standard input
    (
        b"|",
        compiled(
            rb"(\b(?:echo|printf|yes)\s{1,4}(?:-\w{1,3}\s{1,4})?)[^|]{1,256}(?=\|\s{0,4}(?:sudo\s[^|]{0,64}-S|[^|]{0,128}-stdin|(?:sudo\s{1,4})?"
            rb"(?:chpasswd|passwd\b|cryptsetup|kinit|smbpasswd|vncpasswd|su\s|htpasswd|ssh-add|wg\s|[^|]{0,128}--passphrase-fd|[^|]{0,64}(?:fd:|stdin\b))))"
        ),
        rb"\1" + MASK + b" ",
    ),
    (b">", compiled(rb"(\A|\s)>[^\s>=&|(/][^\s]{5,}(?=\Z|\s[~&+-])"), rb"\1>" + MASK),
)
_PLAIN_NAMES: Final = names()


def ends_in_key(text: bytes, known: Names = _PLAIN_NAMES) -> bool:
    """Whether the text ends with a secret's name and a separator, so that the value comes next."""
    if not text.endswith((b"=", b":", b"=>")):
        return False
    return any(
        key.end() == len(text) and not excused(key[0].rstrip(b"=:>\"' "), key)
        for key in known.keyed.finditer(text)
    )


def mask_forms(text: bytes) -> bytes:
    """The text with keys and tokens masked that are recognised by their form."""
    return _FORM.sub(MASK, text)


def mask_text(text: bytes, known: Names = _PLAIN_NAMES) -> bytes:
    """The text with its secrets masked. A key at its start names all of the rest."""
    if _INERT.match(text):
        return text
    if _INVISIBLE.search(text):
        seen = _INVISIBLE.sub(b"", text)
        masked = _mask_seen(seen, known)
        return text if masked == seen else masked
    return _mask_seen(text, known)


def _mask_seen(text: bytes, known: Names) -> bytes:
    text = _HEADER.sub(rb"\1\2\3" + MASK, text)
    if b"://" in text:
        text = _mask_urls(text)
    for part, pattern, masked in _PLACES:
        if part in text:
            text = pattern.sub(masked, text)
    return _mask_keyed(text, known)


def _mask_urls(text: bytes) -> bytes:
    """`scheme://user:PASSWORD@host`, the password up to the last @ if it is not escaped."""
    text = _USER_PERCENT.sub(rb"\1" + MASK + b"@", text)
    pieces: list[bytes] = []
    done = end = 0
    at = -1
    for start in _USER_INFO.finditer(text):
        if start.end() < done:
            continue
        if start.end() >= end:
            found = _URL_END.search(text, start.end())
            end = found.start() if found else len(text)
            at = text.rfind(b"@", start.end(), end)
        if at < start.end():
            continue
        slash = _AUTHORITY_END.search(text, start.end(), end)
        before = text.rfind(b"@", start.end(), slash.start()) if slash else at
        if before < 0 and _PORT.match(text, start.end(), end):
            continue
        stop = before if before >= 0 else at
        pieces += (text[done : start.end()], MASK)
        done = stop
    return b"".join((*pieces, text[done:]))


def _mask_keyed(text: bytes, known: Names) -> bytes:
    """`key=value`, `key: value`, `"key": "value"` with the value masked."""
    pieces: list[bytes] = []
    done = 0
    leading = _LEADING_NAME.match(text)
    leading_end = leading.end() if leading else 0
    for key in known.keyed.finditer(text):
        before = text[max(done, key.start() - 32) : key.start()]
        name = before + key[0][: -len(key["sign"])]
        name = name.rpartition(b"=")[2].rpartition(b" ")[2]
        if key.start() < done or excused(name, key) or key.end() == len(text):
            continue
        if key.start() <= leading_end and key["sign"].strip() in {b"=", b":"}:
            if _stays(known, name, key, text[key.end() :]):
                continue
            return b"".join((*pieces, text[done : key.end()], MASK))
        stop = max(_value_end(text, key.end()), _listed_end(text, key.end(), before))
        if stop > key.end() and not _stays(known, name, key, text[key.end() : stop]):
            pieces += (text[done : key.end()], MASK)
            done = stop
    return b"".join((*pieces, text[done:]))


def _stays(known: Names, name: bytes, key: re.Match[bytes], value: bytes) -> bool:
    """A colon without a blank may also separate a module from its object, or a host from its port."""
    if key["sign"] == b":" and key["weak"] and key.string[key.start() - 1 : key.start()] == b"/":
        return True
    if key["sign"] == b":" and not name.startswith((b"-", b"/")) and _NO_VALUE.match(value):
        return True
    return known.stays(name, value)


def _value_end(text: bytes, start: int) -> int:
    """The end of the value that starts here: quoted, bracketed, a block of lines, or up to a separator."""
    block = _BLOCK.match(text, start)
    if block:
        return block.end()
    if text[start : start + 1] in {b"{", b"["}:
        braced = _BRACED.match(text, start)
        return braced.end() if braced else _bracketed_end(text, start)
    value = _VALUE.match(text, start)
    if not value:
        return start
    if value["quote"]:
        closing = text.find(value["quote"], value.end())
        return len(text) if closing < 0 else closing + len(value["quote"])
    return value.end()


def _listed_end(text: bytes, start: int, before: bytes) -> int:
    """The end of the value that starts here if the text before its name says that it is one of a list."""
    names = _NAME_BEFORE.search(before)
    sign = before[: names.start()][-1:] if names else b""
    value = _LISTED[sign].match(text, start) if sign in _LISTED else None
    return value.end() if value else start


def _bracketed_end(text: bytes, start: int) -> int:
    """The position after the bracket that closes the one at `start`, or the end of the text."""
    depth = 0
    for sign in _BRACKETS.finditer(text, start):
        depth += 1 if sign[0] in b"{[" else -1
        if depth <= 0:
            return sign.end()
    return len(text)
