"""The first stages of a connection: the greeting, the exchange of keys, and the check of the host's own."""

import threading

from collector.connection import Connection
from collector.ssh import faults, negotiation
from collector.ssh.known_host_lines import HostKey
from collector.ssh.known_hosts import SSH_PORT, KeyCheck, Verdict
from collector.trouble import HostTrouble, one_line
from domain.records import Host, Stage


def known_as(host: Host) -> tuple[str, int]:
    """The address and port by which known_hosts has a host; an alias is without a port, as in ssh."""
    return (host.host_key_alias, SSH_PORT) if host.host_key_alias else (host.address, host.port)


def greet(connection: Connection) -> None:
    """From the greeting to the end of the key exchange."""
    transport, limits = connection.transport, connection.limits
    known_hosts, name = connection.session.known_hosts, known_as(connection.host)
    known = known_hosts.types(*name)
    transport.wants_certificate = bool(known_hosts.authorities(*name))
    options = transport.get_security_options()
    options.key_types = negotiation.ordered(options.key_types, known)
    # mapsweep has its own deadlines, so that of paramiko only has to be later
    transport.banner_timeout = limits.banner_s + limits.total_s
    connection.enter(Stage.BANNER, limits.banner_s + limits.kex_s, "kex")
    done = threading.Event()
    transport.start_client(event=done)
    if not _is_greeted(connection, done):
        raise _silence(connection)
    connection.wait(done)
    connection.stage = Stage.KEX
    if not transport.is_active():
        raise EOFError("closed during the key exchange")
    connection.stages.ended("kex", "%s", negotiation.Algorithms(transport))


def admit(connection: Connection) -> Verdict:
    """Checks the host's key; HostTrouble unless it is accepted."""
    connection.stage = Stage.HOSTKEY
    offered = connection.transport.get_remote_server_key()
    key = HostKey(offered.get_name(), offered.asbytes())
    try:
        certificate = connection.transport.certificate
        verdict = connection.session.known_hosts.admit(*known_as(connection.host), key, certificate)
    except OSError as error:  # accept-new could not write the file
        detail = f"{error.filename} ({error.strerror})"
        raise HostTrouble(Stage.HOSTKEY, "hostkey_not_kept", detail) from None
    if verdict.check is not KeyCheck.KNOWN:
        detail = "; ".join(filter(None, (f"it offers {key.type} {key.fingerprint}", verdict.detail)))
        raise HostTrouble(Stage.HOSTKEY, verdict.check, detail)
    told = f"{key.type} {key.fingerprint}"
    connection.session.on_host_key(connection.host.name, told, verdict.detail)
    connection.stages.ended("hostkey", "%s is %s", negotiation.KeyName(offered), verdict.how)
    return verdict


def _is_greeted(connection: Connection, done: threading.Event) -> bool:
    """Whether the greeting came in time; the library goes on to the key exchange by itself."""
    transport, banner_s = connection.transport, connection.limits.banner_s
    if not connection.stages.are_told:
        return done.wait(banner_s) or bool(transport.remote_version)
    greeting = negotiation.greeting(transport, done, banner_s)
    connection.stages.ended("banner", "%s", one_line(greeting, 80) or "none")
    return bool(greeting) or done.is_set()


def _silence(connection: Connection) -> HostTrouble:
    """No greeting came in time: the server is slow, or another service answers there."""
    heard = connection.transport.heard
    if faults.is_another_service(heard):
        return HostTrouble(Stage.BANNER, "not_ssh", f"it said: {one_line(heard, 80)}")
    return HostTrouble(Stage.BANNER, "banner_timeout", f"no greeting in {connection.limits.banner_s:g} s")
