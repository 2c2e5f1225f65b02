"""The sample: bounded, of every kind of host, and the same one each time."""

from domain.records import Host
from mapsweep.commands import doctor as command
from mapsweep.doctor.sample import SAMPLE_HOSTS, SAMPLE_HOSTS_MAX, sample


def _hosts(group: str, count: int, *, become: bool = False) -> list[Host]:
    return [Host(f"{group}{number:03}", "::1", groups=(group,), become=become) for number in range(count)]


def test_each_group_is_in_it_however_large_the_first_is() -> None:
    hosts = [*_hosts("web", 1000), *_hosts("db", 2), *_hosts("cache", 1), *_hosts("web", 1, become=True)]
    chosen = sample(hosts, SAMPLE_HOSTS)
    assert len(chosen) == SAMPLE_HOSTS
    assert {host.groups for host in chosen} == {("web",), ("db",), ("cache",)}
    assert any(host.become for host in chosen)
    assert sample(hosts, SAMPLE_HOSTS) == chosen


def test_neighbours_are_not_preferred() -> None:
    names = [host.name for host in sample(_hosts("web", 101), 3)]
    assert names == ["web000", "web050", "web100"]


def test_there_are_never_more_than_asked_for() -> None:
    hosts = [host for number in range(100) for host in _hosts(f"group{number}-", 3)]
    assert len(sample(hosts, SAMPLE_HOSTS_MAX)) == SAMPLE_HOSTS_MAX
    assert [host.name for host in sample(hosts[:2], 8)] == ["group0-000", "group0-001"]
    assert sample([], 8) == ()


def test_the_option_has_the_bounds_of_the_sample() -> None:
    assert (command.SAMPLE_HOSTS, command.SAMPLE_HOSTS_MAX) == (SAMPLE_HOSTS, SAMPLE_HOSTS_MAX)
