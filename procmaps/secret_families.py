"""Tools that take secrets alike, by the way they do, from their documentation."""

from dataclasses import replace
from typing import Final

from procmaps.secret_grammar import (
    BROWSERS,
    CLOUD_SECRETS,
    COINS,
    CREDENTIAL,
    CRYPT,
    ENCRYPT,
    IMPACKET,
    LOGIN,
    MINERS,
    MYSQL,
    PW,
    RAR,
    REGISTRY,
    SAMBA,
    SNMP,
    TPM,
    UPPER_P,
    USER,
    WEB,
    K,
    P,
    T,
    Tool,
    W,
    after,
    flags_of,
)

FAMILIES: Final = (
    (
        MYSQL,
        (
            b"mysql mysqldump mysqladmin mysqlimport mysqlcheck mysqlshow mysqlslap mysqlbinlog"
            b" mysqlsh mysqlpump singlestore-client singlestore memsql skeema"
        ),
    ),
    (MYSQL, b"mariadb mariadb-dump mariadb-admin mariadb-check mariadb-import xtrabackup mariabackup"),
    (MYSQL, b"7z 7za 7zr 7zz innobackupex mysql_upgrade"),
    (RAR, b"rar unrar"),
    (
        P,
        b"sshpass mongo mongosh mongodump mongorestore mongoexport mongoimport mongostat mongotop mongofiles",
    ),
    (
        P,
        (
            b"cqlsh beeline mydumper myloader check_mysql check_pgsql check_mssql twine rabbitmqadmin"
            b" hydra medusa ncrack cypher-shell"
        ),
    ),
    (
        P,
        (
            b"elasticsearch-users cbbackupmgr couchbase-cli cbq cbimport cbexport poetry rdesktop"
            b" ncftpput ncftpget ncftpls"
        ),
    ),
    (
        P,
        (
            b"racadm ipmipower ipmi-sensors ipmi-sel ipmiconsole ipmi-chassis bmc-info pcs xmrig"
            b" mcrcon useradd usermod"
        ),
    ),
    (
        P,
        (
            b"dsbulk sstableloader sqoop impala-shell presto snowsql nzsql ttisql hdbsql doveadm steghide"
            b" arcconf megacli"
        ),
    ),
    (
        P,
        (
            b"youtube-dl yt-dlp gallery-dl smbmap bloodhound-python vncdo vncdotool openfortivpn cntlm"
            b" turnadmin spotifyd librespot zmprov zmmailbox zmcontrol wsadmin.sh add-user.sh ilorest"
            b" redfishtool"
        ),
    ),
    (
        P,
        (
            b"dsetool cbtransfer cbbackup cbrestore cbworkloadgen ipa-replica-manage"
            b" ipa-csreplica-manage hash.sh"
            b" lsar unar aescrypt rcon register_new_matrix_user f5fpc mutool supabase jira veracrypt"
            b" truecrypt"
            b" rspamadm fs_cli hash_password brook lnxrouter rcon-cli openttd fab ovsx vsce certipy"
        ),
    ),
    (
        UPPER_P,
        (
            b"sqsh rspamc iwctl fisql iisql defncopy datacopy mosquitto_ctrl microsocks gobuster"
            b" check_esxi_hardware.py ipmiutil kdb5_util gpg-preset-passphrase yubico-piv-tool"
        ),
    ),
    (
        IMPACKET,
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
        IMPACKET,
        (
            b"impacket-secretsdump impacket-psexec impacket-smbexec impacket-wmiexec impacket-atexec"
            b" impacket-dcomexec impacket-smbclient impacket-mssqlclient impacket-getTGT impacket-getST"
            b" impacket-GetUserSPNs impacket-GetNPUsers impacket-GetADUsers impacket-lookupsid"
            b" impacket-rpcdump"
            b" impacket-samrdump impacket-reg impacket-services impacket-ticketer impacket-addcomputer"
            b" impacket-changepasswd impacket-smbpasswd"
        ),
    ),
    (COINS, b"bitcoin-cli litecoin-cli dogecoin-cli dash-cli zcash-cli namecoin-cli"),
    (MINERS, b"cgminer bfgminer sgminer cpuminer minerd ccminer"),
    (
        TPM,
        (
            b"tpm2_create tpm2_createprimary tpm2_changeauth tpm2_load tpm2_unseal tpm2_sign tpm2_nvread"
            b" tpm2_nvwrite tpm2_nvdefine tpm2_import tpm2_evictcontrol tpm2_rsadecrypt tpm2_clear"
        ),
    ),
    (CRYPT, b"mcrypt mdecrypt outguess"),
    (
        UPPER_P,
        (
            b"sqlcmd osql bcp tsql ipmitool zip zipcloak mosquitto_pub mosquitto_sub mosquitto_rr"
            b" knife p4 mssql-cli"
        ),
    ),
    (UPPER_P, b"unzip"),
    (flags_of(b"-p", b"-H"), b"nxc crackmapexec netexec evil-winrm"),
    (flags_of(b"-N", b"-P"), b"ssh-keygen"),
    (
        W,
        (
            b"ldapsearch ldapadd ldapmodify ldapdelete ldapwhoami ldapcompare ldapmodrdn ldapexop"
            b" kadmin ipa-client-install dsconf dsctl dsidm"
        ),
    ),
    (replace(W, flags=frozenset((b"-w", b"-s", b"-a")), switches=b"xZvnCMIQNWAS"), b"ldappasswd"),
    (flags_of(b"-a", b"-p"), b"ipa-server-install"),
    (flags_of(b"-p", b"-w"), b"ipa-replica-install"),
    (flags_of(b"-s"), b"slappasswd"),
    (replace(PW, apart=True), b"plink pscp psftp nodetool putty klink xe"),
    (flags_of(b"-w"), b"irssi vsql ldapvi pcp_node_info pcp_attach_node"),
    (flags_of(b"-P", b"-w"), b"ipa-getkeytab"),
    (flags_of(b"-a"), b"ipa-adtrust-install jmeter sipsak"),
    (flags_of(b"-W", b"-w"), b"turnutils_uclient turnutils_oauth"),
    (flags_of(b"-W", b"-K"), b"pk12util"),
    (flags_of(b"-W"), b"gsql ksql gs_dump gs_restore"),
    (
        replace(flags_of(b"-pas", b"-pass", b"-password", b"-pw"), apart=True),
        b"gbak gfix gsec gstat isql-fb nbackup",
    ),
    (flags_of(b"-a"), b"onvif-cli espota.py"),
    (flags_of(b"-a", b"--authenticate"), b"memtier_benchmark"),
    (flags_of(b"-c"), b"snmpcheck snmp-check onesixtyone"),
    (flags_of(b"-k"), b"ossutil obsutil rsconnect"),
    (Tool(users=frozenset((b"-C",))), b"lwp-request GET POST HEAD"),
    (after((b"add", (1,)), (b"passwd", (1,))), b"kamctl opensipsctl"),
    (
        flags_of(
            b"--security-unlock",
            b"--security-set-pass",
            b"--security-disable",
            b"--security-erase",
            b"--security-erase-enhanced",
        ),
        b"hdparm",
    ),
    (Tool(attached=(b"-g",)), b"arj"),
    (flags_of(b"-ap"), b"swaks sipp"),
    (flags_of(b"-xp"), b"sendemail sendEmail"),
    (
        K,
        (
            b"ss-server ss-local ss-redir ss-tunnel ss-manager sslocal ssserver ssmanager ssr-local"
            b" chisel iperf-auth"
        ),
    ),
    (T, b"k3s doctl codecov influx rke2 telegram-send fly flyctl drone anaconda vercel frps frpc"),
    (replace(T, needs=frozenset((b"login", b"publish"))), b"glab k6"),
    (flags_of(b"-r"), b"gitlab-runner"),
    (flags_of(b"-K"), b"swift ccrypt ccencrypt ccdecrypt"),
    (flags_of(b"-v"), b"iscsiadm transmission-daemon"),
    (
        SNMP,
        (
            b"snmpget snmpgetnext snmpwalk snmpbulkwalk snmpbulkget snmpset snmptrap snmpinform"
            b" snmptable snmpdf snmpstatus"
        ),
    ),
    (flags_of(b"-A", b"-X", b"-C"), b"check_snmp"),
    (LOGIN, b"docker podman buildah skopeo oc az nerdctl regctl crane argocd ibmcloud cf"),
    (REGISTRY, b"helm oras"),
    (USER, b"turnserver lftp ctr solr"),
    (SAMBA, b"net smbclient rpcclient smbcacls smbget smbtree winexe wmic smbcquotas samba-tool"),
    (CREDENTIAL, b"ttyd gotty"),
    (WEB, b"http https xh xhs check_http hey"),
    (Tool(users=frozenset((b"-A", b"-P")), cookies=frozenset((b"-C",))), b"ab"),
    (Tool(users=frozenset((b"-id",))), b"nikto"),
    (Tool(users=frozenset((b"-P",))), b"proxytunnel"),
    (Tool(users=frozenset((b"-A", b"--proxy-auth"))), b"siege"),
    (Tool(users=frozenset((b"-n", b"--auth"))), b"transmission-remote"),
    (ENCRYPT, b"nomad serf"),
    (CLOUD_SECRETS, b"aws gcloud"),
    (BROWSERS, b"chrome chromium google-chrome code electron brave msedge slack"),
    (
        Tool(
            attached=(b"/p:", b"/gp:", b"/pth:"),
            flags=frozenset((b"-p",)),
            ports=True,
        ),
        b"freerdp xfreerdp xfreerdp3 wlfreerdp sdl-freerdp wfreerdp",
    ),
)
