"""Flags of tools whose value is a secret although their name does not say so, from the tools' documentation.

A letter has different meanings in different tools, so flags are listed per tool.
"""

from dataclasses import dataclass, field, replace
from typing import Final


@dataclass(frozen=True, slots=True)
class Tool:
    """How one tool takes secrets."""

    attached: tuple[bytes, ...] = ()  # flags with the secret attached: -pSECRET
    flags: frozenset[bytes] = frozenset()  # flags with the secret in the next argument, attached, or after =
    users: frozenset[bytes] = frozenset()  # flags whose value is user and secret
    separator: bytes = b":"  # the separator between the two
    switches: bytes = b""  # letters without a value, which may precede a flag in one argument
    after: tuple[
        tuple[bytes, tuple[int, ...]], ...
    ] = ()  # words, and the positions of the secrets after them
    needs: frozenset[bytes] = frozenset()  # subcommands to which the flags belong
    resources: frozenset[bytes] = frozenset()  # flags that name the place of a secret
    position: tuple[int, ...] = ()  # positions of the arguments, without flags, that are secrets
    places: tuple[tuple[bytes, tuple[int, ...]], ...] = field(
        default=()
    )  # the same if these letters are given


def _flags(*flags: bytes) -> Tool:
    return Tool(flags=frozenset(flags))


def _after(*words: tuple[bytes, tuple[int, ...]]) -> Tool:
    return Tool(after=words)


_MYSQL: Final = Tool(attached=(b"-p",))
_RAR: Final = Tool(attached=(b"-hp", b"-p"))
_P: Final = _flags(b"-p")
_UPPER_P: Final = _flags(b"-P")
_W: Final = Tool(flags=frozenset((b"-w",)), switches=b"xLZvncCAMIQNWutar")
_PW: Final = _flags(b"-pw")
_K: Final = _flags(b"-k")
_T: Final = _flags(b"-t")
_SNMP: Final = _flags(b"-A", b"-X", b"-c")
_LOGIN: Final = replace(_P, needs=frozenset((b"login",)))
# every literal of a secret is a secret, whatever its name
_LITERALS: Final = Tool(
    users=frozenset((b"--from-literal",)), separator=b"=", needs=frozenset((b"secret", b"secrets"))
)
_USER: Final = Tool(users=frozenset((b"-u", b"--user")))
_SAMBA: Final = Tool(users=frozenset((b"-U", b"--user")), separator=b"%")
_CREDENTIAL: Final = Tool(users=frozenset((b"-c", b"--credential")))
_ENCRYPT: Final = _flags(b"-encrypt", b"--encrypt")
_WEB: Final = Tool(users=frozenset((b"-a", b"--auth")))
_CLOUD_SECRETS: Final = Tool(
    flags=frozenset((b"--value",)), resources=frozenset((b"--secret-id", b"--secret"))
)
_BROWSERS: Final = Tool(resources=frozenset((b"--password-store",)))

_FAMILIES: Final = (
    (
        _MYSQL,
        (
            b"mysql mysqldump mysqladmin mysqlimport mysqlcheck mysqlshow mysqlslap mysqlbinlog"
            b" mysqlsh mysqlpump"
        ),
    ),
    (_MYSQL, b"mariadb mariadb-dump mariadb-admin mariadb-check mariadb-import mycli xtrabackup mariabackup"),
    (_MYSQL, b"7z 7za 7zr 7zz innobackupex mysql_upgrade"),
    (_RAR, b"rar unrar"),
    (
        _P,
        b"sshpass mongo mongosh mongodump mongorestore mongoexport mongoimport mongostat mongotop mongofiles",
    ),
    (
        _P,
        (
            b"cqlsh beeline mydumper myloader check_mysql check_pgsql check_mssql twine rabbitmqadmin"
            b" hydra medusa ncrack cypher-shell"
        ),
    ),
    (
        _P,
        (
            b"elasticsearch-users cbbackupmgr couchbase-cli cbq cbimport cbexport poetry rdesktop"
            b" ncftpput ncftpget ncftpls"
        ),
    ),
    (
        _P,
        (
            b"racadm ipmipower ipmi-sensors ipmi-sel ipmiconsole ipmi-chassis bmc-info pcs xmrig"
            b" mcrcon useradd usermod"
        ),
    ),
    (
        _P,
        (
            b"dsbulk sstableloader sqoop impala-shell presto snowsql vsql nzsql ttisql hdbsql doveadm"
            b" arcconf megacli"
        ),
    ),
    (
        _UPPER_P,
        (
            b"sqlcmd osql bcp tsql ipmitool zip zipcloak mosquitto_pub mosquitto_sub mosquitto_rr"
            b" knife p4 mssql-cli"
        ),
    ),
    (_UPPER_P, b"unzip"),
    (_P, b"nxc crackmapexec evil-winrm"),
    (_flags(b"-N", b"-P"), b"ssh-keygen"),
    (
        _W,
        (
            b"ldapsearch ldapadd ldapmodify ldapdelete ldapwhoami ldapcompare ldapmodrdn ldapexop"
            b" kadmin ipa-client-install dsconf dsctl dsidm"
        ),
    ),
    (replace(_W, flags=frozenset((b"-w", b"-s", b"-a")), switches=b"xZvnCMIQNWAS"), b"ldappasswd"),
    (_flags(b"-a", b"-p"), b"ipa-server-install"),
    (_flags(b"-p", b"-w"), b"ipa-replica-install"),
    (_flags(b"-s"), b"slappasswd"),
    (_PW, b"plink pscp psftp nodetool putty klink"),
    (_flags(b"-ap"), b"swaks"),
    (_flags(b"-xp"), b"sendemail sendEmail"),
    (
        _K,
        (
            b"ss-server ss-local ss-redir ss-tunnel ss-manager sslocal ssserver ssmanager ssr-local"
            b" dotnet chisel iperf-auth"
        ),
    ),
    (_T, b"k3s doctl codecov influx rke2 telegram-send"),
    (_flags(b"-r"), b"gitlab-runner"),
    (_flags(b"-K"), b"swift ccrypt ccencrypt ccdecrypt"),
    (_flags(b"-v"), b"iscsiadm transmission-daemon"),
    (
        _SNMP,
        (
            b"snmpget snmpgetnext snmpwalk snmpbulkwalk snmpbulkget snmpset snmptrap snmpinform"
            b" snmptable snmpdf snmpstatus"
        ),
    ),
    (_flags(b"-A", b"-X", b"-C"), b"check_snmp"),
    (_LOGIN, b"docker podman buildah skopeo helm oc az nerdctl regctl oras crane argocd"),
    (_USER, b"turnserver lftp ctr"),
    (_SAMBA, b"net smbclient rpcclient smbcacls smbget smbtree winexe wmic smbcquotas samba-tool"),
    (_CREDENTIAL, b"ttyd gotty"),
    (_WEB, b"http https xh xhs check_http ab"),
    (Tool(users=frozenset((b"-A", b"--proxy-auth"))), b"siege"),
    (Tool(users=frozenset((b"-n", b"--auth"))), b"transmission-remote"),
    (_ENCRYPT, b"nomad serf"),
    (_CLOUD_SECRETS, b"aws gcloud"),
    (_BROWSERS, b"chrome chromium google-chrome code electron brave msedge slack"),
    (
        Tool(attached=(b"/p:", b"/gp:", b"/pth:")),
        b"freerdp xfreerdp xfreerdp3 wlfreerdp sdl-freerdp wfreerdp",
    ),
)

_SPECIAL: Final[dict[bytes, Tool]] = {
    b"curl": Tool(
        users=frozenset((b"-u", b"--user", b"-U", b"--proxy-user", b"-E", b"--cert", b"--proxy-cert")),
        flags=frozenset((b"-b",)),
        switches=b"sSkfLvigIGNOnqaRBj0123456#Z",
    ),
    b"lftp": Tool(users=frozenset((b"-u", b"--user", b"open")), separator=b","),
    b"docker": replace(_LOGIN, resources=frozenset((b"--secret",))),
    b"podman": replace(_LOGIN, resources=frozenset((b"--secret",))),
    b"buildah": replace(_LOGIN, resources=frozenset((b"--secret",))),
    b"buildctl": Tool(resources=frozenset((b"--secret",))),
    b"pulumi": Tool(after=((b"config set", (1,)),), resources=frozenset((b"--secret",))),
    b"caddy": _flags(b"--plaintext", b"-p"),
    b"mkpasswd": Tool(position=(0,), places=((b"m", (1,)),)),
    b"az": Tool(
        flags=frozenset((b"-p", b"--value")),
        needs=frozenset((b"login",)),
        resources=frozenset((b"--secret-id",)),
    ),
    b"etcd": Tool(resources=frozenset((b"--auth-token", b"--initial-cluster-token"))),
    b"duplicity": Tool(resources=frozenset((b"--encrypt-key", b"--sign-key", b"--encrypt-secret-keyring"))),
    b"redis-cli": Tool(flags=frozenset((b"-a",)), after=((b"auth", (0, 1)), (b"AUTH", (0, 1)))),
    b"redis-sentinel": _after((b"auth-pass", (1,))),
    b"redis-server": _after((b"auth-pass", (1,))),
    b"rabbitmqctl": _after((b"change_password", (1,)), (b"add_user", (1,)), (b"authenticate_user", (1,))),
    b"mc": _after((b"alias set", (2, 3)), (b"host add", (2, 3)), (b"user add", (2,))),
    b"db2": _after((b"using", (0,)), (b"USING", (0,))),
    b"op": _after((b"signin", (2, 3))),
    b"bw": _after((b"unlock", (0,)), (b"login", (1,))),
    b"poetry": Tool(flags=frozenset((b"-p",)), after=((b"http-basic", (1,)),)),
    b"composer": _after(
        (b"http-basic", (1,)), (b"github-oauth", (0,)), (b"gitlab-token", (0,)), (b"bearer", (0,))
    ),
    b"bitcoin-cli": _after((b"walletpassphrase", (0,)), (b"encryptwallet", (0,))),
    b"litecoin-cli": _after((b"walletpassphrase", (0,)), (b"encryptwallet", (0,))),
    b"steamcmd": _after((b"+login", (1,))),
    b"samba-tool": replace(_SAMBA, after=((b"user create", (1,)), (b"user add", (1,)))),
    b"virsh": _after((b"set-user-password", (2,))),
    b"VBoxManage": _after((b"setcredentials", (1,))),
    b"filebrowser": _after((b"users add", (1,))),
    b"doveadm": Tool(flags=frozenset((b"-p",)), after=((b"auth test", (1,)), (b"auth login", (1,)))),
    b"kubeadm": _after((b"token create", (0,))),
    b"cloudflared": _after((b"service install", (0,))),
    b"vault": _after((b"unseal", (0,)), (b"login", (0,)), (b"token lookup", (0,)), (b"unwrap", (0,))),
    b"consul": replace(_ENCRYPT, after=((b"set-agent-token", (1,)),)),
    b"etcdctl": Tool(users=frozenset((b"-u", b"--user", b"add"))),  # user add NAME:SECRET
    b"airflow": replace(_P, needs=frozenset((b"create",))),
    b"radtest": Tool(position=(1, 4)),
    b"nuget": _after((b"setapikey", (0,)), (b"push", (1,))),
    b"drush": _after((b"upwd", (1,)), (b"user:password", (1,))),
    b"wandb": _after((b"login", (0,))),
    b"cargo": _after((b"login", (0,))),
    b"k0s": _after((b"worker", (0,)), (b"controller", (0,))),
    b"gcloud": replace(_CLOUD_SECRETS, after=((b"activate-refresh-token", (1,)),)),
    b"check_ldap": _UPPER_P,
    b"kubectl": _LITERALS,
    b"oc": replace(_LITERALS, flags=frozenset((b"-p",)), needs=_LITERALS.needs | _LOGIN.needs),
    b"qpdf": _after((b"--encrypt", (0, 1))),
    b"iw": _after((b"key", (0,)), (b"keys", (0,))),
    b"iwconfig": _after((b"key", (0,))),
    b"xl2tpd-control": _after((b"connect", (2,))),
    b"openssl": Tool(flags=frozenset((b"-k", b"-K", b"-hmac")), after=((b"passwd", (0,)),)),
    b"wpa_passphrase": Tool(position=(1,)),
    b"isql": Tool(flags=frozenset((b"-P",)), position=(2,)),
    b"iusql": Tool(position=(2,)),
    b"smbpasswd": Tool(position=(1,)),
    b"smbclient": replace(_SAMBA, position=(1,)),
    b"mosquitto_passwd": Tool(places=((b"b", (2,)),)),
    b"htpasswd": Tool(places=((b"nb", (1,)), (b"b", (2,)))),
    b"unzip": _UPPER_P,
    b"zip": replace(_UPPER_P, switches=b"rejqvymTuog0123456789"),
    b"redis-benchmark": _flags(b"-a"),
    b"keydb-cli": _flags(b"-a"),
    b"valkey-cli": _flags(b"-a"),
    b"valkey-benchmark": _flags(b"-a"),
}

TOOLS: Final[dict[bytes, Tool]] = {
    **{name: tool for tool, names in _FAMILIES for name in names.split()},
    **_SPECIAL,
}
_BY_PREFIX: Final = ((b"fence_", _P), (b"check_", _P), (b"mysql", _MYSQL), (b"mariadb", _MYSQL))
# programs of which any argument may be USER/SECRET@PLACE
ORACLE_TOOLS: Final = frozenset(
    (b"sqlplus", b"exp", b"imp", b"expdp", b"impdp", b"sqlldr", b"rman", b"sqlcl", b"sql", b"orapwd")
)
# programs whose arguments are patterns, texts and files: words in them are not names
READERS: Final = frozenset(
    b"grep egrep fgrep zgrep rg ag ack sed awk gawk mawk find locate less more cat tail head vim"
    b" vi nano emacs man"
    b" git ls cp mv rm tar cc gcc g++ clang cc1 cc1plus ld rustc javac kubectl pytest make chmod"
    b" chown diff".split()
)


def tool_of(name: bytes) -> Tool | None:
    """How the program of this base name takes secrets; None if only names matter."""
    if name in TOOLS:
        return TOOLS[name]
    return next(
        (
            tool
            for prefix, tool in _BY_PREFIX
            if name.startswith(prefix) and not name.endswith((b"d", b"_exporter"))
        ),
        None,
    )
