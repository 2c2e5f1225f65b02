"""Tools whose secrets no name tells: which flags and arguments of each have one, from its documentation."""

from dataclasses import replace
from typing import Final

from procmaps.secret_families import FAMILIES
from procmaps.secret_grammar import (
    CLOUD_SECRETS,
    ENCRYPT,
    LITERALS,
    LOGIN,
    MYSQL,
    PORT_OR_PASSWORD,
    SAMBA,
    SNMP,
    TPM,
    UPPER_P,
    K,
    P,
    T,
    Tool,
    after,
    flags_of,
)

_SPECIAL: Final[dict[bytes, Tool]] = {
    b"curl": Tool(
        users=frozenset((b"-u", b"--user", b"-U", b"--proxy-user", b"-E", b"--cert", b"--proxy-cert")),
        cookies=frozenset((b"-b", b"--cookie")),
        switches=b"sSkfLvigIGNOnqaRBj0123456#Z",
    ),
    b"lftp": Tool(users=frozenset((b"-u", b"--user", b"open")), separator=b","),
    b"docker": replace(LOGIN, resources=frozenset((b"--secret",))),
    b"podman": replace(LOGIN, resources=frozenset((b"--secret",))),
    b"buildah": replace(LOGIN, resources=frozenset((b"--secret",))),
    b"buildctl": Tool(resources=frozenset((b"--secret",))),
    b"pulumi": Tool(
        after=((b"--secret", (1,)),),
        values=frozenset((b"-s", b"--stack")),
        resources=frozenset((b"--secret",)),
    ),
    b"caddy": flags_of(b"--plaintext", b"-p"),
    b"mkpasswd": Tool(position=(0,), places=((b"m", (1,)),)),
    b"az": Tool(
        flags=frozenset((b"-p", b"--value", b"--sas")),
        needs=frozenset((b"login", b"create", b"update", b"import", b"export")),
        resources=frozenset((b"--secret-id",)),
    ),
    b"etcd": Tool(resources=frozenset((b"--auth-token", b"--initial-cluster-token"))),
    b"duplicity": Tool(resources=frozenset((b"--encrypt-key", b"--sign-key", b"--encrypt-secret-keyring"))),
    b"redis-cli": Tool(
        flags=frozenset((b"-a",)),
        after=((b"auth", (0, 1)), (b"AUTH", (0, 1)), (b"auth2", (1,)), (b"AUTH2", (1,))),
    ),
    b"redis-sentinel": after((b"auth-pass", (1,))),
    b"redis-server": after((b"auth-pass", (1,))),
    b"mc": replace(
        after((b"alias set", (2, 3)), (b"host add", (2, 3)), (b"user add", (2,))),
        flags=frozenset((b"--enc-c", b"--encrypt-key")),
    ),
    b"db2": after((b"using", (0,)), (b"USING", (0,))),
    b"op": after((b"signin", (2, 3))),
    b"bw": replace(after((b"unlock", (0,)), (b"login", (1,))), values=frozenset((b"--method", b"--code"))),
    b"poetry": Tool(flags=frozenset((b"-p",)), after=((b"http-basic", (1,)),)),
    b"composer": after(
        (b"http-basic", (1,)), (b"github-oauth", (0,)), (b"gitlab-token", (0,)), (b"bearer", (0,))
    ),
    b"steamcmd": after((b"+login", (1, 2))),
    b"samba-tool": replace(SAMBA, after=((b"user create", (1,)), (b"user add", (1,)))),
    b"VBoxManage": after((b"setcredentials", (1,))),
    b"doveadm": Tool(flags=frozenset((b"-p",)), after=((b"auth test", (1,)), (b"auth login", (1,)))),
    b"kubeadm": after((b"token create", (0,))),
    b"cloudflared": after((b"service install", (0,))),
    b"vault": Tool(
        after=(
            (b"unseal", (0,)),
            (b"login", (0,)),
            (b"token lookup", (0,)),
            (b"token revoke", (0,)),
            (b"token renew", (0,)),
            (b"token capabilities", (0,)),
            (b"unwrap", (0,)),
            (b"operator rekey", (0,)),
            (b"operator generate-root", (0,)),
        ),
        values=frozenset(b"-accessor -address -namespace -ns -method -path -field -format -mount".split()),
        literals=(b"kv put", b"kv patch", b"write secret/", b"write kv/", b"write cubbyhole/"),
        assigns=True,
    ),
    b"consul": replace(
        ENCRYPT, after=((b"set-agent-token", (1,)), (b"-install", (0,)), (b"-use", (0,)), (b"-remove", (0,)))
    ),
    b"nomad": replace(ENCRYPT, after=((b"-install", (0,)), (b"install", (0,)), (b"-use", (0,)))),
    b"serf": replace(ENCRYPT, after=((b"-install", (0,)), (b"-use", (0,)), (b"-remove", (0,)))),
    b"etcdctl": Tool(users=frozenset((b"-u", b"--user", b"add"))),  # user add NAME:SECRET
    b"airflow": replace(P, needs=frozenset((b"create",))),
    b"radtest": Tool(position=(1, 4), values=frozenset((b"-t", b"-d", b"-P", b"-6"))),
    b"radclient": Tool(position=(2,), values=frozenset(b"-c -d -D -f -F -i -n -p -P -r -t".split())),
    b"nuget": replace(
        after((b"setapikey", (0,)), (b"setApiKey", (0,)), (b"push", (1,))),
        values=frozenset((b"-Source", b"-s", b"-ConfigFile", b"-Timeout", b"-SymbolSource")),
    ),
    b"dotnet": Tool(
        flags=frozenset((b"-k", b"-p")),
        needs=frozenset((b"push", b"source", b"dev-certs")),
        after=((b"user-secrets set", (1,)),),
    ),
    b"drush": after((b"upwd", (1,)), (b"user:password", (1,))),
    b"wandb": after((b"login", (0,))),
    b"cargo": replace(after((b"login", (0,))), values=frozenset((b"--registry", b"--config", b"-Z"))),
    b"snyk": after((b"auth", (0,)), (b"set", (0,))),
    b"multipass": after((b"authenticate", (0,)), (b"auth", (0,))),
    b"virsh": replace(
        flags_of(b"--base64"), after=((b"set-user-password", (2,)), (b"secret-set-value", (1,)))
    ),
    b"b2": after((b"authorize-account", (1,)), (b"authorize_account", (1,)), (b"account authorize", (1,))),
    b"cf": replace(LOGIN, after=((b"auth", (1,)), (b"create-user", (1,)))),
    b"rclone": replace(
        after((b"obscure", (0,)), (b"config password", (2,))),
        pairs=frozenset((b"config create", b"config update")),
    ),
    b"rabbitmqctl": after(
        (b"change_password", (1,)),
        (b"add_user", (1,)),
        (b"authenticate_user", (1,)),
        (b"hash_password", (0,)),
        (b"encode", (1,)),
    ),
    b"mosquitto_ctrl": replace(
        UPPER_P,
        after=((b"setClientPassword", (1,)), (b"setPassword", (1,)), (b"createClient", (3,))),
    ),
    b"emqx": after((b"admins add", (1,)), (b"admins passwd", (1,)), (b"users add", (1,))),
    b"emqx_ctl": after((b"admins add", (1,)), (b"admins passwd", (1,)), (b"users add", (1,))),
    b"ejabberdctl": after(
        (b"register", (2,)), (b"change_password", (2,)), (b"check_password", (2,)), (b"set_password", (2,))
    ),
    b"prosodyctl": after((b"register", (2,))),
    b"openvpn": after((b"--http-proxy-user-pass", (1,)), (b"--auth-user-pass", (1,))),
    b"create_ap": Tool(
        position=(3,),
        places=((b"n", (2,)),),
        values=frozenset(
            b"-c -w -d -m -g -e --isolate-clients --ieee80211n --ht_capab --country --freq-band --driver"
            b" --virt-prefix --mac --dns --daemon-pidfile --pidfile".split()
        ),
    ),
    b"wpa_cli": replace(
        after(
            (b"password", (1,)),
            (b"passphrase", (1,)),
            (b"pin", (1,)),
            (b"otp", (1,)),
            (b"new_password", (1,)),
        ),
        values=frozenset((b"-i", b"-p", b"-a", b"-s", b"-g", b"-G", b"-P")),
    ),
    b"zerotier-cli": Tool(attached=(b"-T",)),
    b"netbird": K,
    b"netlify": Tool(flags=frozenset((b"-a",)), needs=frozenset((b"deploy",))),
    b"uv": Tool(flags=frozenset((b"-t", b"-p")), needs=frozenset((b"publish",))),
    b"hatch": Tool(flags=frozenset((b"-a",)), needs=frozenset((b"publish",))),
    b"filebrowser": Tool(
        flags=frozenset((b"-p",)), needs=frozenset((b"users",)), after=((b"users add", (1,)),)
    ),
    b"gitea": Tool(flags=frozenset((b"-p",)), needs=frozenset((b"change-password",))),
    b"forgejo": Tool(flags=frozenset((b"-p",)), needs=frozenset((b"change-password",))),
    b"openai": Tool(flags=frozenset((b"-k",))),
    b"choco": K,
    b"jboss-cli.sh": Tool(flags=frozenset((b"-p",))),
    b"sqlcmd": flags_of(b"-P", b"-Z", b"-z"),
    b"splunk": Tool(users=frozenset((b"-auth",))),
    b"tpm2_changeauth": replace(
        TPM, position=(0,), values=frozenset((b"-c", b"-C", b"-p", b"-r", b"-u", b"-T"))
    ),
    b"bundle": Tool(needs=frozenset((b"config",)), logins=True),
    b"bundler": Tool(needs=frozenset((b"config",)), logins=True),
    b"sqlpackage": Tool(attached=(b"/tp:", b"/sp:", b"/TargetPassword:", b"/SourcePassword:")),
    b"osslsigncode": Tool(flags=frozenset((b"-pass",)), apart=True),
    b"vmrun": Tool(flags=frozenset((b"-gp", b"-vp", b"-p")), apart=True),
    b"mvn": Tool(flags=frozenset((b"-ep", b"-emp", b"--encrypt-password", b"--encrypt-master-password"))),
    b"keytool": Tool(flags=frozenset((b"-new",)), apart=True),
    b"signtool": Tool(flags=frozenset((b"/p",)), apart=True),
    b"mycli": Tool(attached=(b"-p",), flags=frozenset((b"-p", b"--pass"))),
    b"cbq": Tool(flags=frozenset((b"-p",)), users=frozenset((b"-c", b"-credentials", b"--credentials"))),
    b"bteq": Tool(users=frozenset((b".LOGON", b".logon")), separator=b","),
    b"emctl": after((b"setpasswd", (0,))),
    b"hdbuserstore": Tool(position=(4,)),
    b"authelia": after((b"hash-password", (0,))),
    b"htdbm": Tool(places=((b"nb", (1,)), (b"b", (2,)))),
    b"dbmmanage": after((b"add", (1,)), (b"adduser", (1,)), (b"update", (1,))),
    b"kerbrute": replace(
        after((b"passwordspray", (1,)), (b"bruteuser", (1,))),
        values=frozenset((b"-d", b"--domain", b"--dc", b"-t", b"--threads", b"-o", b"--output")),
    ),
    b"zkCli.sh": after((b"addauth digest", (0,))),
    b"nifi.sh": after((b"set-single-user-credentials", (1,)), (b"set-sensitive-properties-key", (0,))),
    b"confluent": after((b"api-key store", (1,))),
    b"hadoop": Tool(flags=frozenset((b"-value",)), needs=frozenset((b"credential",)), apart=True),
    b"icinga2": flags_of(b"--ticket"),
    b"braa": Tool(leading=frozenset((b"",))),
    b"ecryptfs-add-passphrase": Tool(position=(0,)),
    b"sedutil-cli": after(
        (b"--setSIDPassword", (0, 1)),
        (b"--setAdmin1Pwd", (0, 1)),
        (b"--setPassword", (0, 2)),
        (b"--initialSetup", (0,)),
        (b"--listLockingRanges", (0,)),
        (b"--setLockingRange", (2,)),
        (b"--enableLockingRange", (1,)),
        (b"--setMBRDone", (1,)),
        (b"--setMBREnable", (1,)),
        (b"--loadPBAimage", (0,)),
        (b"--revertTPer", (0,)),
        (b"--PSIDrevert", (0,)),
    ),
    b"ipmicfg": after((b"setpwd", (1,))),
    b"coscmd": Tool(flags=frozenset((b"-s",)), needs=frozenset((b"config",))),
    b"qshell": after((b"account", (1,))),
    b"civo": after((b"apikey save", (1,)), (b"apikey add", (1,))),
    b"conan": Tool(flags=frozenset((b"-p",)), needs=frozenset((b"user", b"login"))),
    b"llm": Tool(flags=frozenset((b"--value",)), needs=frozenset((b"keys",))),
    b"signal-cli": after((b"setPin", (0,))),
    b"gotify": Tool(flags=frozenset((b"-t",))),
    b"orchestrator-client": Tool(users=frozenset((b"-b",))),
    b"rancher": Tool(flags=frozenset((b"-t",)), needs=frozenset((b"login",))),
    b"cfgmaker": Tool(leading=frozenset((b"",))),
    b"mpc": Tool(leading=frozenset((b"-h", b"--host"))),
    b"wbinfo": Tool(users=frozenset((b"-a", b"-K", b"--authenticate", b"--krb5auth")), separator=b"%"),
    b"snmpusm": replace(SNMP, after=((b"passwd", (0, 1)),)),
    b"lsnrctl": after((b"password", (0,))),
    b"doppler": Tool(literals=(b"secrets set",)),
    b"fly": replace(T, literals=(b"secrets set", b"secrets import")),
    b"flyctl": replace(T, literals=(b"secrets set", b"secrets import")),
    b"supabase": replace(P, literals=(b"secrets set",)),
    b"infisical": Tool(literals=(b"secrets set",)),
    b"act": Tool(users=frozenset((b"-s", b"--secret")), separator=b"="),
    b"gh": Tool(flags=frozenset((b"-b", b"--body")), needs=frozenset((b"secret",))),
    b"ansible-vault": replace(
        after((b"encrypt_string", (0,))),
        values=frozenset(
            b"-n --name --stdin-name --vault-id --vault-password-file --vault-pass-file --output"
            b" --encrypt-vault-id".split()
        ),
    ),
    b"salt": replace(
        after(
            (b"shadow.set_password", (1,)),
            (b"user.chpass", (1,)),
            (b"mysql.user_create", (2,)),
            (b"mysql.user_chpass", (2,)),
            (b"postgres.user_create", (1,)),
        ),
        values=frozenset((b"-b", b"-t", b"-c", b"--out", b"--batch", b"--timeout")),
    ),
    b"salt-call": after((b"shadow.set_password", (1,))),
    b"pkcs11-tool": Tool(flags=frozenset((b"-p",))),
    b"ykman": Tool(flags=frozenset((b"-P", b"-p", b"-n", b"-m"))),
    b"check_nt": flags_of(b"-s"),
    b"check_redis.pl": flags_of(b"-x", b"--password"),
    b"check_redis": flags_of(b"-x", b"--password"),
    b"gsutil": Tool(flags=frozenset((b"-p",)), needs=frozenset((b"signurl",))),
    b"zmprov": replace(
        P,
        after=(
            (b"userPassword", (0,)),
            (b"ca", (1,)),
            (b"createAccount", (1,)),
            (b"sp", (1,)),
            (b"setPassword", (1,)),
        ),
    ),
    b"deluge-console": after((b"connect", (2,))),
    b"turnadmin": Tool(flags=frozenset((b"-p", b"-s"))),
    b"register_new_matrix_user": Tool(flags=frozenset((b"-p", b"-k"))),
    b"crictl": Tool(flags=frozenset((b"--auth",))),
    b"k0s": after((b"worker", (0,)), (b"controller", (0,))),
    b"gcloud": replace(CLOUD_SECRETS, after=((b"activate-refresh-token", (1,)),)),
    b"check_ldap": UPPER_P,
    b"check_ldaps": UPPER_P,
    b"kubectl": LITERALS,
    b"oc": replace(LITERALS, flags=frozenset((b"-p",)), needs=LITERALS.needs | LOGIN.needs),
    b"qpdf": after((b"--encrypt", (0, 1))),
    b"iw": after((b"key", (0,)), (b"keys", (0,))),
    b"iwconfig": after((b"key", (0,))),
    b"xl2tpd-control": after((b"connect", (2,))),
    b"openssl": Tool(
        flags=frozenset((b"-k", b"-K", b"-hmac")),
        attached=(b"pass:", b"hexpass:", b"key:", b"hexkey:", b"secret:", b"hexsecret:"),
        after=((b"passwd", (0,)),),
        values=frozenset((b"-salt", b"-in", b"-rand")),
        apart=True,
    ),
    b"wpa_passphrase": Tool(position=(1,)),
    b"isql": Tool(flags=frozenset((b"-P",)), position=(2,)),
    b"iusql": Tool(position=(2,)),
    b"smbpasswd": Tool(position=(1,), values=frozenset((b"-r", b"-D", b"-s", b"-c", b"-R"))),
    b"smbclient": replace(
        SAMBA,
        position=(1,),
        values=frozenset(b"-c -W -I -p -d -s -D -n -O -t -m -b -l -A -M -i -T".split()),
    ),
    b"mosquitto_passwd": Tool(places=((b"b", (2,)),)),
    b"htpasswd": Tool(
        places=((b"nb", (1,)), (b"b", (2,))), values=frozenset((b"-C", b"-r")), switches=b"cbinvmBdspD25"
    ),
    b"unzip": replace(UPPER_P, switches=b"abcfjlnopqtuvxzCDKLMU:"),
    b"zip": replace(UPPER_P, switches=b"rejqvymTuog0123456789"),
    b"ipmitool": replace(UPPER_P, flags=frozenset((b"-P", b"-k", b"-y")), after=((b"set password", (1,)),)),
    b"net": replace(SAMBA, after=((b"rpc password", (1,)), (b"user add", (1,)), (b"ads password", (1,)))),
    b"redis-benchmark": flags_of(b"-a"),
    b"keydb-cli": flags_of(b"-a"),
    b"valkey-cli": flags_of(b"-a"),
    b"valkey-benchmark": flags_of(b"-a"),
}

TOOLS: Final[dict[bytes, Tool]] = {
    **{name: tool for tool, names in FAMILIES for name in names.split()},
    **_SPECIAL,
}
_BY_PREFIX: Final = (
    (b"check_snmp", flags_of(b"-A", b"-X", b"-C")),
    (b"check_if", flags_of(b"-C")),
    (b"fence_", P),
    (b"check_", PORT_OR_PASSWORD),
    (b"mysql", MYSQL),
    (b"mariadb", MYSQL),
)
# programs of which any argument may be USER/SECRET@PLACE
ORACLE_TOOLS: Final = frozenset(
    b"sqlplus exp imp expdp impdp sqlldr rman sqlcl sql orapwd dgmgrl clpplus disql".split()
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
