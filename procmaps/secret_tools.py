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
    values: frozenset[bytes] = frozenset()  # flags with a value in the next argument, which has no position
    literals: tuple[
        bytes, ...
    ] = ()  # words, or their beginning, after which each NAME=VALUE has a secret value
    pairs: frozenset[bytes] = frozenset()  # words after which names and values follow one another
    cookies: frozenset[bytes] = frozenset()  # flags whose value is a file or NAME=SECRET
    leading: frozenset[bytes] = (
        frozenset()
    )  # flags whose value is SECRET@PLACE; b"" for arguments without one
    logins: bool = False  # whether any argument may be DOMAIN/USER:SECRET@PLACE
    assigns: bool = False  # whether NAME=VALUE has no position
    apart: bool = False  # whether values are never attached to flags, which are words after one dash
    bearers: bool = False  # whether the flags of users take a token after a word that ends in `bearer`
    ports: bool = False  # whether a number after a flag is a port


def _flags(*flags: bytes) -> Tool:
    return Tool(flags=frozenset(flags))


def _after(*words: tuple[bytes, tuple[int, ...]]) -> Tool:
    return Tool(after=words)


_MYSQL: Final = Tool(attached=(b"-p",))
_RAR: Final = Tool(attached=(b"-hp", b"-p"))
_P: Final = _flags(b"-p")
_PORT_OR_PASSWORD: Final = replace(_P, ports=True)
_UPPER_P: Final = _flags(b"-P")
_W: Final = Tool(flags=frozenset((b"-w",)), switches=b"xLZvncCAMIQNWutar")
_PW: Final = _flags(b"-pw")
_K: Final = _flags(b"-k")
_T: Final = _flags(b"-t")
_SNMP: Final = _flags(b"-A", b"-X", b"-c")
_LOGIN: Final = replace(_P, needs=frozenset((b"login",)))
_REGISTRY: Final = replace(_P, needs=frozenset((b"login", b"pull", b"push")))
# every literal of a secret is a secret, whatever its name
_LITERALS: Final = Tool(
    users=frozenset((b"--from-literal",)), separator=b"=", needs=frozenset((b"secret", b"secrets"))
)
_USER: Final = Tool(users=frozenset((b"-u", b"--user")))
_SAMBA: Final = Tool(users=frozenset((b"-U", b"--user")), separator=b"%")
_CREDENTIAL: Final = Tool(users=frozenset((b"-c", b"--credential")))
_ENCRYPT: Final = _flags(b"-encrypt", b"--encrypt")
_WEB: Final = Tool(users=frozenset((b"-a", b"--auth")), bearers=True)
_IMPACKET: Final = replace(
    _flags(b"-hashes", b"-aesKey", b"-nthash", b"-computer-pass"), logins=True, apart=True
)
_MINERS: Final = Tool(flags=frozenset((b"-p", b"--pass")), users=frozenset((b"-O", b"--userpass")))
_COINS: Final = _after(
    (b"walletpassphrase", (0,)),
    (b"walletpassphrasechange", (0, 1)),
    (b"encryptwallet", (0,)),
    (b"importprivkey", (0,)),
    (b"signmessagewithprivkey", (0,)),
)
_TPM: Final = _flags(b"-p", b"-P", b"--key-auth", b"--parent-auth", b"--hierarchy-auth")
_CRYPT: Final = _flags(b"-k", b"-K", b"--key", b"--keyfile-password")
_CLOUD_SECRETS: Final = Tool(
    flags=frozenset((b"--value",)), resources=frozenset((b"--secret-id", b"--secret"))
)
_BROWSERS: Final = Tool(resources=frozenset((b"--password-store",)))

_FAMILIES: Final = (
    (
        _MYSQL,
        (
            b"mysql mysqldump mysqladmin mysqlimport mysqlcheck mysqlshow mysqlslap mysqlbinlog"
            b" mysqlsh mysqlpump singlestore-client singlestore memsql skeema"
        ),
    ),
    (_MYSQL, b"mariadb mariadb-dump mariadb-admin mariadb-check mariadb-import xtrabackup mariabackup"),
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
            b"dsbulk sstableloader sqoop impala-shell presto snowsql nzsql ttisql hdbsql doveadm steghide"
            b" arcconf megacli"
        ),
    ),
    (
        _P,
        (
            b"youtube-dl yt-dlp gallery-dl smbmap bloodhound-python vncdo vncdotool openfortivpn cntlm"
            b" turnadmin spotifyd librespot zmprov zmmailbox zmcontrol wsadmin.sh add-user.sh ilorest"
            b" redfishtool"
        ),
    ),
    (
        _P,
        (
            b"dsetool cbtransfer cbbackup cbrestore cbworkloadgen ipa-replica-manage"
            b" ipa-csreplica-manage hash.sh"
            b" lsar unar aescrypt rcon register_new_matrix_user f5fpc mutool supabase jira veracrypt"
            b" truecrypt"
            b" rspamadm fs_cli hash_password brook lnxrouter rcon-cli openttd fab ovsx vsce certipy"
        ),
    ),
    (
        _UPPER_P,
        (
            b"sqsh rspamc iwctl fisql iisql defncopy datacopy mosquitto_ctrl microsocks gobuster"
            b" check_esxi_hardware.py ipmiutil kdb5_util gpg-preset-passphrase yubico-piv-tool"
        ),
    ),
    (
        _IMPACKET,
        (
            b"secretsdump.py psexec.py smbexec.py wmiexec.py atexec.py dcomexec.py smbclient.py"
            b" mssqlclient.py"
            b" getTGT.py getST.py GetUserSPNs.py GetNPUsers.py GetADUsers.py lookupsid.py rpcdump.py"
            b" samrdump.py"
            b" reg.py services.py ticketer.py ntlmrelayx.py addcomputer.py rbcd.py dacledit.py"
            b" findDelegation.py"
            b" changepasswd.py smbpasswd.py rdp_check.py netview.py goldenPac.py raiseChild.py owneredit.py"
        ),
    ),
    (
        _IMPACKET,
        (
            b"impacket-secretsdump impacket-psexec impacket-smbexec impacket-wmiexec impacket-atexec"
            b" impacket-dcomexec impacket-smbclient impacket-mssqlclient impacket-getTGT impacket-getST"
            b" impacket-GetUserSPNs impacket-GetNPUsers impacket-GetADUsers impacket-lookupsid"
            b" impacket-rpcdump"
            b" impacket-samrdump impacket-reg impacket-services impacket-ticketer impacket-addcomputer"
            b" impacket-changepasswd impacket-smbpasswd"
        ),
    ),
    (_COINS, b"bitcoin-cli litecoin-cli dogecoin-cli dash-cli zcash-cli namecoin-cli"),
    (_MINERS, b"cgminer bfgminer sgminer cpuminer minerd ccminer"),
    (
        _TPM,
        (
            b"tpm2_create tpm2_createprimary tpm2_changeauth tpm2_load tpm2_unseal tpm2_sign tpm2_nvread"
            b" tpm2_nvwrite tpm2_nvdefine tpm2_import tpm2_evictcontrol tpm2_rsadecrypt tpm2_clear"
        ),
    ),
    (_CRYPT, b"mcrypt mdecrypt outguess"),
    (
        _UPPER_P,
        (
            b"sqlcmd osql bcp tsql ipmitool zip zipcloak mosquitto_pub mosquitto_sub mosquitto_rr"
            b" knife p4 mssql-cli"
        ),
    ),
    (_UPPER_P, b"unzip"),
    (_flags(b"-p", b"-H"), b"nxc crackmapexec netexec evil-winrm"),
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
    (replace(_PW, apart=True), b"plink pscp psftp nodetool putty klink xe"),
    (_flags(b"-w"), b"irssi vsql ldapvi pcp_node_info pcp_attach_node"),
    (_flags(b"-P", b"-w"), b"ipa-getkeytab"),
    (_flags(b"-a"), b"ipa-adtrust-install jmeter sipsak"),
    (_flags(b"-W", b"-w"), b"turnutils_uclient turnutils_oauth"),
    (_flags(b"-W", b"-K"), b"pk12util"),
    (_flags(b"-W"), b"gsql ksql gs_dump gs_restore"),
    (
        replace(_flags(b"-pas", b"-pass", b"-password", b"-pw"), apart=True),
        b"gbak gfix gsec gstat isql-fb nbackup",
    ),
    (_flags(b"-a"), b"onvif-cli espota.py"),
    (_flags(b"-a", b"--authenticate"), b"memtier_benchmark"),
    (_flags(b"-c"), b"snmpcheck snmp-check onesixtyone"),
    (_flags(b"-k"), b"ossutil obsutil rsconnect"),
    (Tool(users=frozenset((b"-C",))), b"lwp-request GET POST HEAD"),
    (_after((b"add", (1,)), (b"passwd", (1,))), b"kamctl opensipsctl"),
    (
        _flags(
            b"--security-unlock",
            b"--security-set-pass",
            b"--security-disable",
            b"--security-erase",
            b"--security-erase-enhanced",
        ),
        b"hdparm",
    ),
    (Tool(attached=(b"-g",)), b"arj"),
    (_flags(b"-ap"), b"swaks sipp"),
    (_flags(b"-xp"), b"sendemail sendEmail"),
    (
        _K,
        (
            b"ss-server ss-local ss-redir ss-tunnel ss-manager sslocal ssserver ssmanager ssr-local"
            b" chisel iperf-auth"
        ),
    ),
    (_T, b"k3s doctl codecov influx rke2 telegram-send fly flyctl drone anaconda vercel frps frpc"),
    (replace(_T, needs=frozenset((b"login", b"publish"))), b"glab k6"),
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
    (_LOGIN, b"docker podman buildah skopeo oc az nerdctl regctl crane argocd ibmcloud cf"),
    (_REGISTRY, b"helm oras"),
    (_USER, b"turnserver lftp ctr solr"),
    (_SAMBA, b"net smbclient rpcclient smbcacls smbget smbtree winexe wmic smbcquotas samba-tool"),
    (_CREDENTIAL, b"ttyd gotty"),
    (_WEB, b"http https xh xhs check_http hey"),
    (Tool(users=frozenset((b"-A", b"-P")), cookies=frozenset((b"-C",))), b"ab"),
    (Tool(users=frozenset((b"-id",))), b"nikto"),
    (Tool(users=frozenset((b"-P",))), b"proxytunnel"),
    (Tool(users=frozenset((b"-A", b"--proxy-auth"))), b"siege"),
    (Tool(users=frozenset((b"-n", b"--auth"))), b"transmission-remote"),
    (_ENCRYPT, b"nomad serf"),
    (_CLOUD_SECRETS, b"aws gcloud"),
    (_BROWSERS, b"chrome chromium google-chrome code electron brave msedge slack"),
    (
        Tool(
            attached=(b"/p:", b"/gp:", b"/pth:"),
            flags=frozenset((b"-p",)),
            ports=True,
        ),
        b"freerdp xfreerdp xfreerdp3 wlfreerdp sdl-freerdp wfreerdp",
    ),
)

_SPECIAL: Final[dict[bytes, Tool]] = {
    b"curl": Tool(
        users=frozenset((b"-u", b"--user", b"-U", b"--proxy-user", b"-E", b"--cert", b"--proxy-cert")),
        cookies=frozenset((b"-b", b"--cookie")),
        switches=b"sSkfLvigIGNOnqaRBj0123456#Z",
    ),
    b"lftp": Tool(users=frozenset((b"-u", b"--user", b"open")), separator=b","),
    b"docker": replace(_LOGIN, resources=frozenset((b"--secret",))),
    b"podman": replace(_LOGIN, resources=frozenset((b"--secret",))),
    b"buildah": replace(_LOGIN, resources=frozenset((b"--secret",))),
    b"buildctl": Tool(resources=frozenset((b"--secret",))),
    b"pulumi": Tool(
        after=((b"--secret", (1,)),),
        values=frozenset((b"-s", b"--stack")),
        resources=frozenset((b"--secret",)),
    ),
    b"caddy": _flags(b"--plaintext", b"-p"),
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
    b"redis-sentinel": _after((b"auth-pass", (1,))),
    b"redis-server": _after((b"auth-pass", (1,))),
    b"mc": replace(
        _after((b"alias set", (2, 3)), (b"host add", (2, 3)), (b"user add", (2,))),
        flags=frozenset((b"--enc-c", b"--encrypt-key")),
    ),
    b"db2": _after((b"using", (0,)), (b"USING", (0,))),
    b"op": _after((b"signin", (2, 3))),
    b"bw": replace(_after((b"unlock", (0,)), (b"login", (1,))), values=frozenset((b"--method", b"--code"))),
    b"poetry": Tool(flags=frozenset((b"-p",)), after=((b"http-basic", (1,)),)),
    b"composer": _after(
        (b"http-basic", (1,)), (b"github-oauth", (0,)), (b"gitlab-token", (0,)), (b"bearer", (0,))
    ),
    b"steamcmd": _after((b"+login", (1, 2))),
    b"samba-tool": replace(_SAMBA, after=((b"user create", (1,)), (b"user add", (1,)))),
    b"VBoxManage": _after((b"setcredentials", (1,))),
    b"doveadm": Tool(flags=frozenset((b"-p",)), after=((b"auth test", (1,)), (b"auth login", (1,)))),
    b"kubeadm": _after((b"token create", (0,))),
    b"cloudflared": _after((b"service install", (0,))),
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
        _ENCRYPT, after=((b"set-agent-token", (1,)), (b"-install", (0,)), (b"-use", (0,)), (b"-remove", (0,)))
    ),
    b"nomad": replace(_ENCRYPT, after=((b"-install", (0,)), (b"install", (0,)), (b"-use", (0,)))),
    b"serf": replace(_ENCRYPT, after=((b"-install", (0,)), (b"-use", (0,)), (b"-remove", (0,)))),
    b"etcdctl": Tool(users=frozenset((b"-u", b"--user", b"add"))),  # user add NAME:SECRET
    b"airflow": replace(_P, needs=frozenset((b"create",))),
    b"radtest": Tool(position=(1, 4), values=frozenset((b"-t", b"-d", b"-P", b"-6"))),
    b"radclient": Tool(position=(2,), values=frozenset(b"-c -d -D -f -F -i -n -p -P -r -t".split())),
    b"nuget": replace(
        _after((b"setapikey", (0,)), (b"setApiKey", (0,)), (b"push", (1,))),
        values=frozenset((b"-Source", b"-s", b"-ConfigFile", b"-Timeout", b"-SymbolSource")),
    ),
    b"dotnet": Tool(
        flags=frozenset((b"-k", b"-p")),
        needs=frozenset((b"push", b"source", b"dev-certs")),
        after=((b"user-secrets set", (1,)),),
    ),
    b"drush": _after((b"upwd", (1,)), (b"user:password", (1,))),
    b"wandb": _after((b"login", (0,))),
    b"cargo": replace(_after((b"login", (0,))), values=frozenset((b"--registry", b"--config", b"-Z"))),
    b"snyk": _after((b"auth", (0,)), (b"set", (0,))),
    b"multipass": _after((b"authenticate", (0,)), (b"auth", (0,))),
    b"virsh": replace(_flags(b"--base64"), after=((b"set-user-password", (2,)), (b"secret-set-value", (1,)))),
    b"b2": _after((b"authorize-account", (1,)), (b"authorize_account", (1,)), (b"account authorize", (1,))),
    b"cf": replace(_LOGIN, after=((b"auth", (1,)), (b"create-user", (1,)))),
    b"rclone": replace(
        _after((b"obscure", (0,)), (b"config password", (2,))),
        pairs=frozenset((b"config create", b"config update")),
    ),
    b"rabbitmqctl": _after(
        (b"change_password", (1,)),
        (b"add_user", (1,)),
        (b"authenticate_user", (1,)),
        (b"hash_password", (0,)),
        (b"encode", (1,)),
    ),
    b"mosquitto_ctrl": replace(
        _UPPER_P,
        after=((b"setClientPassword", (1,)), (b"setPassword", (1,)), (b"createClient", (3,))),
    ),
    b"emqx": _after((b"admins add", (1,)), (b"admins passwd", (1,)), (b"users add", (1,))),
    b"emqx_ctl": _after((b"admins add", (1,)), (b"admins passwd", (1,)), (b"users add", (1,))),
    b"ejabberdctl": _after(
        (b"register", (2,)), (b"change_password", (2,)), (b"check_password", (2,)), (b"set_password", (2,))
    ),
    b"prosodyctl": _after((b"register", (2,))),
    b"openvpn": _after((b"--http-proxy-user-pass", (1,)), (b"--auth-user-pass", (1,))),
    b"create_ap": Tool(
        position=(3,),
        places=((b"n", (2,)),),
        values=frozenset(
            b"-c -w -d -m -g -e --isolate-clients --ieee80211n --ht_capab --country --freq-band --driver"
            b" --virt-prefix --mac --dns --daemon-pidfile --pidfile".split()
        ),
    ),
    b"wpa_cli": replace(
        _after(
            (b"password", (1,)),
            (b"passphrase", (1,)),
            (b"pin", (1,)),
            (b"otp", (1,)),
            (b"new_password", (1,)),
        ),
        values=frozenset((b"-i", b"-p", b"-a", b"-s", b"-g", b"-G", b"-P")),
    ),
    b"zerotier-cli": Tool(attached=(b"-T",)),
    b"netbird": _K,
    b"netlify": Tool(flags=frozenset((b"-a",)), needs=frozenset((b"deploy",))),
    b"uv": Tool(flags=frozenset((b"-t", b"-p")), needs=frozenset((b"publish",))),
    b"hatch": Tool(flags=frozenset((b"-a",)), needs=frozenset((b"publish",))),
    b"filebrowser": Tool(
        flags=frozenset((b"-p",)), needs=frozenset((b"users",)), after=((b"users add", (1,)),)
    ),
    b"gitea": Tool(flags=frozenset((b"-p",)), needs=frozenset((b"change-password",))),
    b"forgejo": Tool(flags=frozenset((b"-p",)), needs=frozenset((b"change-password",))),
    b"openai": Tool(flags=frozenset((b"-k",))),
    b"choco": _K,
    b"jboss-cli.sh": Tool(flags=frozenset((b"-p",))),
    b"sqlcmd": _flags(b"-P", b"-Z", b"-z"),
    b"splunk": Tool(users=frozenset((b"-auth",))),
    b"tpm2_changeauth": replace(
        _TPM, position=(0,), values=frozenset((b"-c", b"-C", b"-p", b"-r", b"-u", b"-T"))
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
    b"emctl": _after((b"setpasswd", (0,))),
    b"hdbuserstore": Tool(position=(4,)),
    b"authelia": _after((b"hash-password", (0,))),
    b"htdbm": Tool(places=((b"nb", (1,)), (b"b", (2,)))),
    b"dbmmanage": _after((b"add", (1,)), (b"adduser", (1,)), (b"update", (1,))),
    b"kerbrute": replace(
        _after((b"passwordspray", (1,)), (b"bruteuser", (1,))),
        values=frozenset((b"-d", b"--domain", b"--dc", b"-t", b"--threads", b"-o", b"--output")),
    ),
    b"zkCli.sh": _after((b"addauth digest", (0,))),
    b"nifi.sh": _after((b"set-single-user-credentials", (1,)), (b"set-sensitive-properties-key", (0,))),
    b"confluent": _after((b"api-key store", (1,))),
    b"hadoop": Tool(flags=frozenset((b"-value",)), needs=frozenset((b"credential",)), apart=True),
    b"icinga2": _flags(b"--ticket"),
    b"braa": Tool(leading=frozenset((b"",))),
    b"ecryptfs-add-passphrase": Tool(position=(0,)),
    b"sedutil-cli": _after(
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
    b"ipmicfg": _after((b"setpwd", (1,))),
    b"coscmd": Tool(flags=frozenset((b"-s",)), needs=frozenset((b"config",))),
    b"qshell": _after((b"account", (1,))),
    b"civo": _after((b"apikey save", (1,)), (b"apikey add", (1,))),
    b"conan": Tool(flags=frozenset((b"-p",)), needs=frozenset((b"user", b"login"))),
    b"llm": Tool(flags=frozenset((b"--value",)), needs=frozenset((b"keys",))),
    b"signal-cli": _after((b"setPin", (0,))),
    b"gotify": Tool(flags=frozenset((b"-t",))),
    b"orchestrator-client": Tool(users=frozenset((b"-b",))),
    b"rancher": Tool(flags=frozenset((b"-t",)), needs=frozenset((b"login",))),
    b"cfgmaker": Tool(leading=frozenset((b"",))),
    b"mpc": Tool(leading=frozenset((b"-h", b"--host"))),
    b"wbinfo": Tool(users=frozenset((b"-a", b"-K", b"--authenticate", b"--krb5auth")), separator=b"%"),
    b"snmpusm": replace(_SNMP, after=((b"passwd", (0, 1)),)),
    b"lsnrctl": _after((b"password", (0,))),
    b"doppler": Tool(literals=(b"secrets set",)),
    b"fly": replace(_T, literals=(b"secrets set", b"secrets import")),
    b"flyctl": replace(_T, literals=(b"secrets set", b"secrets import")),
    b"supabase": replace(_P, literals=(b"secrets set",)),
    b"infisical": Tool(literals=(b"secrets set",)),
    b"act": Tool(users=frozenset((b"-s", b"--secret")), separator=b"="),
    b"gh": Tool(flags=frozenset((b"-b", b"--body")), needs=frozenset((b"secret",))),
    b"ansible-vault": replace(
        _after((b"encrypt_string", (0,))),
        values=frozenset(
            b"-n --name --stdin-name --vault-id --vault-password-file --vault-pass-file --output"
            b" --encrypt-vault-id".split()
        ),
    ),
    b"salt": replace(
        _after(
            (b"shadow.set_password", (1,)),
            (b"user.chpass", (1,)),
            (b"mysql.user_create", (2,)),
            (b"mysql.user_chpass", (2,)),
            (b"postgres.user_create", (1,)),
        ),
        values=frozenset((b"-b", b"-t", b"-c", b"--out", b"--batch", b"--timeout")),
    ),
    b"salt-call": _after((b"shadow.set_password", (1,))),
    b"pkcs11-tool": Tool(flags=frozenset((b"-p",))),
    b"ykman": Tool(flags=frozenset((b"-P", b"-p", b"-n", b"-m"))),
    b"check_nt": _flags(b"-s"),
    b"check_redis.pl": _flags(b"-x", b"--password"),
    b"check_redis": _flags(b"-x", b"--password"),
    b"gsutil": Tool(flags=frozenset((b"-p",)), needs=frozenset((b"signurl",))),
    b"zmprov": replace(
        _P,
        after=(
            (b"userPassword", (0,)),
            (b"ca", (1,)),
            (b"createAccount", (1,)),
            (b"sp", (1,)),
            (b"setPassword", (1,)),
        ),
    ),
    b"deluge-console": _after((b"connect", (2,))),
    b"turnadmin": Tool(flags=frozenset((b"-p", b"-s"))),
    b"register_new_matrix_user": Tool(flags=frozenset((b"-p", b"-k"))),
    b"crictl": Tool(flags=frozenset((b"--auth",))),
    b"k0s": _after((b"worker", (0,)), (b"controller", (0,))),
    b"gcloud": replace(_CLOUD_SECRETS, after=((b"activate-refresh-token", (1,)),)),
    b"check_ldap": _UPPER_P,
    b"check_ldaps": _UPPER_P,
    b"kubectl": _LITERALS,
    b"oc": replace(_LITERALS, flags=frozenset((b"-p",)), needs=_LITERALS.needs | _LOGIN.needs),
    b"qpdf": _after((b"--encrypt", (0, 1))),
    b"iw": _after((b"key", (0,)), (b"keys", (0,))),
    b"iwconfig": _after((b"key", (0,))),
    b"xl2tpd-control": _after((b"connect", (2,))),
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
        _SAMBA,
        position=(1,),
        values=frozenset(b"-c -W -I -p -d -s -D -n -O -t -m -b -l -A -M -i -T".split()),
    ),
    b"mosquitto_passwd": Tool(places=((b"b", (2,)),)),
    b"htpasswd": Tool(
        places=((b"nb", (1,)), (b"b", (2,))), values=frozenset((b"-C", b"-r")), switches=b"cbinvmBdspD25"
    ),
    b"unzip": replace(_UPPER_P, switches=b"abcfjlnopqtuvxzCDKLMU:"),
    b"zip": replace(_UPPER_P, switches=b"rejqvymTuog0123456789"),
    b"ipmitool": replace(_UPPER_P, flags=frozenset((b"-P", b"-k", b"-y")), after=((b"set password", (1,)),)),
    b"net": replace(_SAMBA, after=((b"rpc password", (1,)), (b"user add", (1,)), (b"ads password", (1,)))),
    b"redis-benchmark": _flags(b"-a"),
    b"keydb-cli": _flags(b"-a"),
    b"valkey-cli": _flags(b"-a"),
    b"valkey-benchmark": _flags(b"-a"),
}

TOOLS: Final[dict[bytes, Tool]] = {
    **{name: tool for tool, names in _FAMILIES for name in names.split()},
    **_SPECIAL,
}
_BY_PREFIX: Final = (
    (b"check_snmp", _flags(b"-A", b"-X", b"-C")),
    (b"check_if", _flags(b"-C")),
    (b"fence_", _P),
    (b"check_", _PORT_OR_PASSWORD),
    (b"mysql", _MYSQL),
    (b"mariadb", _MYSQL),
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
