"""What ssh_config says of the hosts of an inventory: it fills in what the inventory does not give.

As with Ansible, which gives its own values to ssh as options, those of the inventory win. A key file in the
inventory stays the only one.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from collector.inventory.connection_variables import Place
from collector.inventory.reach import Reached
from collector.inventory.warned import Warned
from collector.ssh_config.client_config import Answer, ClientConfig
from domain.records import Connection, Host

_SSH_PORT = 22
_FIELDS = {"host_name": "address"}  # where a field of the answer and of the host have different names


def applied(reached: Reached, config: ClientConfig, port_is_given: Callable[[], bool]) -> Reached:
    """A host with the values of ssh_config; `port_is_given` tells whether a port 22 is written somewhere."""
    host = reached.host
    if host.connection is not Connection.SSH or not config:
        return reached
    answer = _answer(host, config, port_is_given)
    filled = replace(
        host,
        address=answer.host_name or host.address,
        port=answer.port or host.port,
        user=host.user or answer.user,
        key_files=() if host.key_file else answer.key_files,
        certificate_files=answer.certificate_files,
        identities_only=answer.identities_only,
        host_key_alias=answer.host_key_alias,
    )
    warnings = (*reached.warnings, *(Warned("", each) for each in answer.warnings))
    return Reached(filled, (*reached.obstacles, *answer.obstacles), warnings)


def places(given: Mapping[str, Place | None], host: Host, config: ClientConfig) -> Mapping[str, Place | None]:
    """Where each field of a host is from, with the lines of ssh_config; `host` is as the inventory has it."""
    if host.connection is not Connection.SSH or not config:
        return given
    found = dict(given)
    for field, setting in _answer(host, config, lambda: given["port"] is not None).origins.items():
        if field != "key_files" or not host.key_file:
            file, _, line = setting.place.rpartition(":")
            found[_FIELDS.get(field, field)] = Place(file, (setting.keyword,), int(line))
    return found


def _answer(host: Host, config: ClientConfig, port_is_given: Callable[[], bool]) -> Answer:
    """What ssh would find for the address, with the account and the port of the inventory as options."""
    answer = config.answer(host.address, host.user, host.port if host.port != _SSH_PORT else None)
    if answer.port is not None and port_is_given():
        return config.answer(host.address, host.user, host.port)  # also in tokens
    return answer
