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
_RESOURCE = compiled(rb"\barn:[a-z-]{1,16}(?::[\w.*-]{0,64}){3}:\Z")  # the name of a secret at AWS
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
_INSERTED = compiled(rb"\$?\([^()]*\)?")  # $(command), and a pair of values
_ASSIGNED = compiled(
    rb"(?:\"\$\{?[A-Za-z_]\w*\}?\"|\$\{?[A-Za-z_]\w*\}?|\$\((?!echo|printf)[^()]*\))(?=[\s;&|])"
)
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
    rb"|rubygems_[0-9a-f]{40,}|figd_[\w-]{20,}|cf(?:ut|at|k)_[A-Za-z0-9]{30,}|r8_[A-Za-z0-9]{30,}|pplx-\w{30,}|xai-\w{30,}|tvly-[\w-]{20,}"
    rb"|sbp_[0-9a-f]{32,}|pscale_\w{2,8}_[\w.=-]{20,}|dp\.(?:st|pt|ct|sa|scim|audit)\.[\w.-]{20,}|fm[12][ra]?_[\w+/=-]{20,}"
    rb"|ph[cx]_[A-Za-z0-9]{30,}|CCI(?:PAT|PRJ)_\w{20,}|bkua_[0-9a-f]{32,}|secret_(?=[A-Za-z]{0,64}\d)[A-Za-z0-9]{32,}|ntn_[A-Za-z0-9]{30,}|pat[A-Za-z0-9]{14}\.[0-9a-f]{40,}"
    rb"|lsv2_(?:pt|sk)_\w{20,}|pcsk_\w{30,}|dt0[a-z]\d\d\.\w{16,64}\.\w{32,}|sgp_(?=[A-Za-z_]{0,64}\d)\w{40,}|xkeysib-[0-9a-f]{40,}[\w-]*"
    rb"|pul-[0-9a-f]{40}|nfp_[A-Za-z0-9]{30,}|AT(?:BB|CTT3x)[\w=-]{20,}|ops_eyJ[\w-]{40,}|LTAI\w{12,20}\b|ABSK[\w+/=]{40,}|oy2[a-z0-9]{43}"
    rb"|EAA[A-Za-z0-9]{60,}|SK[0-9a-f]{32}\b|[0-9a-f]{32}-us\d{1,2}\b|jina_[A-Za-z0-9_]{40,}|sk_[A-Za-z0-9]{40,}|vc[apkir]_(?=[A-Za-z]{0,64}\d)[A-Za-z0-9]{20,}"
    rb"|dckr_pat_[\w-]{16,}|PMAK-[\w-]{20,}|GOCSPX-[\w-]{16,}|whsec_[\w+/=]{16,}|NRAK-\w{16,}|sha256~[\w-]{16,}|LS0tLS1CRUdJTi\S+|\d{8,10}:AA[\w-]{30,}"
)
# most words are too short for a form; what may hold other signs so early is told by its start
_FORM: Final = compiled(rb"(?<!\w)(?=[\w.~:-]{15}|whsec|sntry|glc_|fm[12]|ABSK)(?:" + _FORMS + rb")")
# (text in every match, pattern, replacement)
_PLACES: Final = (
    (b"://", compiled(rb"(://)[^\s/?#:@]{20,4096}@"), rb"\1" + MASK + b"@"),  # a token in place of the user
    # a shorter one, if letters and digits alternate more than in a user's name
    (
        b"://",
        compiled(
            rb"(://)(?:(?=[A-Za-z]{0,16}(?:\d{1,16}[A-Za-z]{1,16}){2}\d)[\w.~+=-]{8,64}|(?=[a-f]{0,16}\d)[0-9a-f]{16,64})(?=[:@])"
        ),
        rb"\1" + MASK,
    ),
    (
        b"server",
        compiled(rb"(:[pgk]server[^\s:]{0,64}:[^\s:@/]{1,64}:)[^\s@/]{1,256}@"),
        rb"\1" + MASK + b"@",
    ),
    (b"auth=", compiled(rb"([?&]auth=)(?!(?:true|false|none|basic|yes|no|\d)\b)[^\s&#\"']+"), rb"\1" + MASK),
    (b"//", compiled(rb"(\A//[^\s/:@]{1,64}:)[^\s@]{1,256}@"), rb"\1" + MASK + b"@"),
    # a service's whole address is the secret
    (b"://", compiled(rb"(\b(?:slack|tgram|discord|msteams|pover|pbul|gchat)://)\S+"), rb"\1" + MASK),
    # DOMAIN/USER:SECRET@HOST
    (
        b"@",
        compiled(
            rb"(\A[\w.-]{1,64}/[A-Za-z_][\w.$-]{0,64}:)(?![^\s/@]{0,256}@sha\d)[^\s/@]{1,256}@(?=[\w.-]+\Z)"
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
        compiled(
            rb"(\.\w{2,8}/(?:api/)?(?:webhooks?(?:b2)?|(?:services|workflows|triggers)/(?=[TE]\w{0,16}/))/?(?:\d{1,24}/)?)[\w@/-]{16,}"
        ),
        rb"\1" + MASK,
    ),
    (b"?", compiled(rb"([?&](?:sig|signature)=)[^&\s#\"']+", re.IGNORECASE), rb"\1" + MASK),
    (b"slack", compiled(rb"(hooks\.slack\.com/(?:services|workflows|triggers)/)[\w/-]+"), rb"\1" + MASK),
    (b"hc-ping", compiled(rb"(hc-ping\.com/)[\w-]{16,}"), rb"\1" + MASK),
    (
        b"://",
        compiled(rb"(/(?:with/key|token|api[-_]?key|secret)/)(?=[A-Za-z_-]{0,64}\d)[\w-]{16,}"),
        rb"\1" + MASK,
    ),
    (b"telegram", compiled(rb"(api\.telegram\.org/bot\d{1,20}:)[\w-]+"), rb"\1" + MASK),
    (b"facebook", compiled(rb"(rtmps?://[^\s/]{0,128}facebook\.com(?::\d{1,5})?/rtmp/)\S+"), rb"\1" + MASK),
    (b"rtmp", compiled(rb"(rtmps?://[^\s/]{1,256}/\w{1,64}/)[\w-]{16,}"), rb"\1" + MASK),
    (b"@", compiled(rb"((?:\A|[=\s\"'])[\w.-]{1,64}:)\S{1,256}@(?=\w{0,8}\(|/\w)"), rb"\1" + MASK + b"@"),
    (
        b"@",
        compiled(
            rb"(\A(?:--[a-z-]{1,32}=)?[A-Za-z_]\w{0,64}:)(?!//)(?![^\s/@]{0,256}@sha\d)[^\s/@]{1,256}@(?=[\w.-]+(?:[:/]|\Z))"
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
        b"user",
        compiled(rb"((?:\A|,)user(?:name)?=[A-Za-z][^\s,:=/]{0,63}:)(?!\d+(?:,|\Z))[^\s,]{3,}"),
        rb"\1" + MASK,
    ),
    (b"/gateway:", compiled(rb"(\A/gateway:(?:[a-z]{1,16}:[^,\s]{0,256},){0,8}p:)[^,\s]+"), rb"\1" + MASK),
    *(
        (part, compiled(pattern, re.IGNORECASE), rb"\1" + MASK)
        for pattern, *parts in (
            (
                rb"(\bpragma\s{1,4}(?:\w{1,32}\.)?(?:re)?key\s{0,4}=\s{0,4})(?:'[^']*'?|\"[^\"]*\"?)",
                b"pragma",
                b"PRAGMA",
            ),
            (
                rb"(\buser\s{1,4}\S{1,64}\s{1,4}using\s{1,4})(?:'[^']*'?|\"[^\"]*\"?)",
                b"using",
                b"USING",
            ),
            (rb"(\.logon\s{1,4}[^\s,]{1,128},)[^\s;]+", b".logon", b".LOGON"),
        )
        for part in parts
    ),
    (b"auth(", compiled(rb"([.:]auth\(\s{0,4})(?:'[^']*'?|\"[^\"]*\"?)(?=\s{0,4}(?:\)|\Z))"), rb"\1" + MASK),
    (
        b"SecureString",
        compiled(rb"(ConvertTo-SecureString\s{1,4}(?:-String\s{1,4})?)(?:'[^']*'?|\"[^\"]*\"?)"),
        rb"\1" + MASK,
    ),
    (
        b"<<<",
        compiled(
            rb"(\b(?:read|chpasswd|passwd|cryptsetup|kinit|smbpasswd|vncpasswd|htpasswd|(?:sudo|su)\s|\S{0,64}-stdin|\S{0,64}-fd)"
            rb"[^<\n|;]{0,64}<<<\s{0,2})(?:'[^']*'?|\"[^\"]*\"?|(?!\$)[^\s;|&\"']+)"
        ),
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
            rb"(?:chpasswd|passwd\b|saslpasswd2|zfs\s{1,4}load-key|anydesk|cryptsetup|kinit|smbpasswd|vncpasswd|su\s|htpasswd|ssh-add|wg\s|[^|]{0,128}--passphrase-fd|[^|]{0,64}(?:fd:|stdin\b))))"
        ),
        rb"\1" + MASK + b" ",
    ),
    (b">", compiled(rb"(\A|\s)>[^\s>=&|(/][^\s]{5,}(?=\Z|\s[~&+-])"), rb"\1>" + MASK),
)
_PLAIN_NAMES: Final = names()
# most arguments have no sign but these, and then only some of the patterns can match
_SIGNS = compiled(rb"[^\w.+=/-]")
_PLAIN_PLACES: Final = tuple(place for place in _PLACES if not re.search(rb"[^\w.+=/-]", place[0]))
_QUOTE: Final = rb"(?:\\{0,3}[\"'])?"
# {"name": "NAME", "value": "SECRET"}, and - name: NAME, of settings that are lists
_NAMED = compiled(
    rb"(?:name|key)"
    + _QUOTE
    + rb"\s{0,4}[:=]\s{0,4}"
    + _QUOTE
    + rb"([\w./-]{1,128})"
    + _QUOTE
    + rb"[\s,;]{1,16}(?:[\w.\[\]-]{0,64}[.\]])?"
    + _QUOTE
    + rb"(?:parameter)?value"
    + _QUOTE
    + rb"\s{0,4}[:=]\s{0,4}",
    re.IGNORECASE,
)
_STRING: Final = rb"\\{0,3}\"(?:[^\"\\]|\\[^\"])*+\"|\\{0,3}'(?:[^'\\]|\\[^'])*+'"
# a call that logs in: the strings after its first argument
_CALL = compiled(
    rb"(\b(?:log_?in|connect|authenticate|auth|(?:ldap_|simple_)?bind(?:_s)?|PDO|mysqli|(?:mysqli?|pg|oci|odbc|ftp|ssh2|sqlsrv)_\w{0,16}"
    rb"|create_?(?:super_?)?user|(?:drop|change|update)User\w{0,16}|(?:get|open|create)_?Connection|newInstance|set_?password|(?:HTTP)?(?:Basic|Digest|Proxy)_?(?:Auth|Credentials?)\w{0,16})\s{0,4}\(\s{0,4}"
    rb"(?:" + _STRING + rb"|[^\s,()\"']{1,256})\s{0,4},)((?:[^()\"'\\]|\\(?![\"'])|" + _STRING + rb")*+)",
    re.IGNORECASE,
)
_ANY_STRING = compiled(_STRING)


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
    if b"alue" in text or b"ALUE" in text:
        text = _mask_named(text, known)
    if b"(" in text:
        text = _CALL.sub(lambda call: call[1] + _ANY_STRING.sub(MASK, call[2]), text)
    if b"://" in text:
        text = _mask_urls(text)
    for part, pattern, masked in _PLACES if _SIGNS.search(text) else _PLAIN_PLACES:
        if part in text:
            text = pattern.sub(masked, text)
    return _mask_keyed(text, known)


def _mask_named(text: bytes, known: Names) -> bytes:
    """Values in lists of settings, of which the name stands before."""
    pieces: list[bytes] = []
    done = 0
    for named in _NAMED.finditer(text):
        if named.start() < done or not known.secret(named[1]):
            continue
        stop = _value_end(text, named.end())
        if stop > named.end() and not known.stays(named[1], text[named.end() : stop]):
            pieces += (text[done : named.end()], MASK)
            done = stop
    return b"".join((*pieces, text[done:]))


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
    if b"=" not in text and b":" not in text:
        return text
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
            # a shell's variable or the output of a command, and then the command that gets it
            if _stays(known, name, key, text[key.end() :]) or _ASSIGNED.match(text, key.end()):
                continue
            return b"".join((*pieces, text[done : key.end()], MASK))
        stop = max(_value_end(text, key.end()), _listed_end(text, key.end(), before))
        if stop > key.end() and not _stays(known, name, key, text[key.end() : stop]):
            pieces += (text[done : key.end()], MASK)
            done = stop
    return b"".join((*pieces, text[done:]))


def _stays(known: Names, name: bytes, key: re.Match[bytes], value: bytes) -> bool:
    """A colon without a blank may also separate a module from its object, or a host from its port."""
    if key["sign"] == b":" and _RESOURCE.search(key.string[max(0, key.start() - 128) : key.start()]):
        return True
    if key["sign"] == b":" and key["weak"] and key.string[key.start() - 1 : key.start()] == b"/":
        return True
    if (
        key["sign"] == b":"
        and not name.startswith((b"-", b"/"))
        and not name.isupper()
        and _NO_VALUE.match(value)
    ):
        return True
    return known.stays(name, value)


def _value_end(text: bytes, start: int) -> int:
    """The end of the value that starts here: quoted, bracketed, a block of lines, or up to a separator."""
    block = _BLOCK.match(text, start)
    if block:
        return block.end()
    inserted = _INSERTED.match(text, start)
    if inserted:
        return inserted.end()
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
