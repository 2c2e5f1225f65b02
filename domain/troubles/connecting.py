"""From the name of a host to the log-in: what can go wrong."""

from typing import Final

from domain.records import Stage
from domain.troubles.trouble import CONNECTED, Trouble

NETWORK: Final = (
    Trouble(
        "dns_not_found",
        (Stage.DNS,),
        "no address belongs to the name",
        "correct the name, or give ansible_host in the inventory",
    ),
    Trouble(
        "dns_unavailable",
        (Stage.DNS,),
        "the resolver of this machine gave no answer about the name for now (EAI_AGAIN)",
        "check the resolver of this machine (/etc/resolv.conf), or give an address in ansible_host",
        is_retried=True,
        may_pass=True,
    ),
    Trouble(
        "dns_timeout",
        (Stage.DNS,),
        "the name was not looked up within limits.dns_s",
        "check the resolver of this machine (/etc/resolv.conf), or give an address in ansible_host",
    ),
    Trouble(
        "tcp_refused",
        (Stage.TCP,),
        "the host is up, and nothing listens on the port",
        "check ansible_port, and that sshd listens there",
        may_pass=True,
    ),
    Trouble(
        "tcp_timeout",
        (Stage.TCP,),
        "nothing answered within limits.tcp_s",
        "check that the host is up and no firewall drops the connection",
        may_pass=True,
    ),
    Trouble(
        "tcp_unreachable",
        (Stage.TCP,),
        "there is no route to the address",
        "check the route to the host (ip route get)",
        may_pass=True,
    ),
    Trouble(
        "tcp_failed",
        (Stage.TCP,),
        "the connection failed for a reason that the detail names",
        "check that the host is up, its port, and the firewalls on the way",
    ),
    Trouble(
        "too_many_open_files",
        (Stage.TCP,),
        "this machine has no file left for a connection",
        "raise the limit of open files (ulimit -n), or lower --concurrency",
        may_pass=True,
    ),
    Trouble(
        "proxy_failed",
        (Stage.TCP,),
        "the command that should carry the connection ended",
        "execute that command by hand: it has to connect to the host",
    ),
)
GREETING: Final = (
    Trouble(
        "throttled",
        (Stage.BANNER,),
        "the server closed the connection before its greeting, as sshd does when it has too many",
        "sshd closes connections before greeting: see MaxStartups and PerSourcePenalties there,"
        " or lower --concurrency",
        is_retried=True,
        may_pass=True,
    ),
    Trouble(
        "not_ssh",
        (Stage.BANNER,),
        "what answers on the port is not an SSH server",
        "check ansible_port: what answers there is not an SSH server",
    ),
    Trouble(
        "banner_timeout",
        (Stage.BANNER,),
        "the port is open, and no greeting came within limits.banner_s",
        "check that sshd answers there (ssh-keyscan), and the load of the host;"
        " raise limits.banner_s if it is slow",
        may_pass=True,
    ),
    Trouble(
        "kex_timeout",
        (Stage.KEX, Stage.BANNER),
        "the key exchange did not end within limits.kex_s",
        "check the load of the host and the path's MTU; raise limits.kex_s if the link is slow",
        may_pass=True,
    ),
    Trouble(
        "peer_too_old",
        (Stage.KEX, Stage.BANNER),
        "the server offers only algorithms that are no longer safe; the detail names them",
        "update the SSH server of the host, or allow it a newer algorithm",
    ),
    Trouble(
        "peer_too_strict",
        (Stage.KEX,),
        "the server offers only algorithms that mapsweep does not have; the detail names both lists",
        "allow one of mapsweep's algorithms in the server's configuration beside its own",
    ),
    Trouble(
        "protocol_error",
        CONNECTED,
        "the server broke the SSH protocol",
        "log in with `ssh -vvv`; if that works, report it with the detail",
    ),
    Trouble(
        "connection_lost",
        CONNECTED,
        "the connection ended, and the server did not say why",
        "see the log of sshd on the host, and firewalls that end connections",
        is_retried=True,
        may_pass=True,
    ),
)
HOST_KEYS: Final = (
    Trouble(
        "hostkey_unknown",
        (Stage.HOSTKEY,),
        "no known_hosts file has a key of this host",
        "compare the fingerprint with the host's own (ssh-keygen -lf there) and add the key to known_hosts"
        " (ssh-keyscan), or keep the first key that each new host shows: --accept-new-host-keys"
        " (ssh.host_key_policy: accept-new)",
    ),
    Trouble(
        "hostkey_type_unknown",
        (Stage.HOSTKEY,),
        "known_hosts has this host, with other types of keys",
        "known_hosts has other types of keys for this host: add one of the offered type",
    ),
    Trouble(
        "hostkey_changed",
        (Stage.HOSTKEY,),
        "the host has another key than known_hosts says",
        "if the host was reinstalled, remove the old key from known_hosts (ssh-keygen -R)"
        " and add the new one; otherwise somebody may be intercepting the connection",
    ),
    Trouble(
        "hostkey_revoked",
        (Stage.HOSTKEY,),
        "known_hosts marks the host's key as revoked",
        "known_hosts marks this key as revoked: give the host a new one",
    ),
    Trouble(
        "hostkey_not_kept",
        (Stage.HOSTKEY,),
        "a new key could not be written down",
        "let this account write the file of accepted keys (ssh.accepted_keys)",
    ),
)
LOG_IN: Final = (
    Trouble(
        "auth_rejected",
        (Stage.AUTH,),
        "the server refused each key; the detail names the account and the keys",
        "add the public key to authorized_keys of that account, or correct ansible_user"
        " (mapsweep hosts --origin says where it stands); if both are right, the log of sshd there says why:"
        " a locked account, say, or a home folder that others may write",
    ),
    Trouble(
        "auth_method",
        (Stage.AUTH,),
        "the server takes no keys from this account",
        "allow keys in sshd_config there (PubkeyAuthentication yes, AuthenticationMethods publickey)",
    ),
    Trouble(
        "auth_incomplete",
        (Stage.AUTH,),
        "the key was right, and the server asks for something more",
        "the server asks for a second factor: exempt this account and key (AuthenticationMethods)",
    ),
    Trouble(
        "too_many_keys",
        (Stage.AUTH,),
        "the server ended the log-in while keys were being offered",
        "name the host's one key (ansible_ssh_private_key_file), or raise MaxAuthTries there",
    ),
    Trouble(
        "auth_timeout",
        (Stage.AUTH,),
        "the log-in did not end within limits.auth_s",
        "see what delays log-ins on the host (PAM, LDAP, DNS), and whether the agent asks for a confirmation;"
        " raise limits.auth_s if it is slow",
        may_pass=True,
    ),
    Trouble("no_account", (Stage.AUTH,), "nothing says as whom to log in", "give ansible_user"),
    Trouble(
        "no_key",
        (Stage.AUTH,),
        "there is no key to offer",
        "give ansible_ssh_private_key_file, or load a key into the agent",
    ),
    Trouble(
        "key_unreadable",
        (Stage.AUTH,),
        "the key file is missing, damaged or of an unsupported type",
        "check the file that the detail names, and the passphrase if it has one; mapsweep hosts --origin says"
        " whether ansible_ssh_private_key_file or ssh_config names it",
    ),
    Trouble(
        "key_exposed",
        (Stage.AUTH,),
        "other accounts may read or write the key file, so it is not used, as by ssh",
        "keep it for this account alone (chmod 600), and consider it known to others: make a new one",
    ),
    Trouble(
        "key_encrypted",
        (Stage.AUTH,),
        "the key file is locked with a passphrase",
        "load the key into an agent (ssh-add), or give its passphrase in MAPSWEEP_KEY_PASSPHRASE or in a file"
        " (ssh.passphrase_file)",
    ),
    Trouble(
        "key_timeout",
        (Stage.AUTH,),
        "the key file could not be read in time",
        "the file system of the key does not answer: check the mount, or name another file",
        may_pass=True,
    ),
    Trouble(
        "certificate_unreadable",
        (Stage.AUTH,),
        "the certificate beside the key is damaged or of another key",
        "sign a new certificate for the key (ssh-keygen -s), or remove it:"
        " then the key is offered without a certificate",
    ),
    Trouble(
        "agent_timeout",
        (Stage.AUTH,),
        "the agent did not answer in time",
        "restart the agent that SSH_AUTH_SOCK names, or set ssh.use_agent: false",
        may_pass=True,
    ),
    Trouble(
        "agent_refused",
        (Stage.AUTH,),
        "the agent lists the key and does not sign with it",
        "unlock the agent or confirm its question (ssh-add -c asks one), or name a key file",
    ),
)
