"""A fleet whose hosts, owners and commands have names that stand nowhere else, in every place a run has."""

from dataclasses import replace
from pathlib import Path

from archive import codec
from archive.run import MANIFEST, Run
from domain.records import Asker, Failure, Manifest, Mute, Scope, Stage
from reports.closing.settle import settle
from tests.reports.fleet import (
    CLOSED_AT,
    GIB,
    MIB,
    STARTED_AT,
    Answered,
    Found,
    Process,
    heap,
    run_of,
    runs_in,
    stacks,
)

HOSTS = ("quokka-01.zoo.example", "quokka-02.zoo.example", "Numbat-7", "wombat-03.zoo.example", "ox")
GONE = "bilby-09.zoo.example"  # only the earlier run has it
ADDRESSES = ("203.0.113.71", "2001:db8::77")
OF_HOSTS = (  # as they can be written, in lower case
    *("quokka-01", "quokka-02", "numbat-7", "wombat-03", "bilby-09", "zoo.example", *ADDRESSES),
    *("keeperteam", "feedingzone", "muted-for-keeper", "key-of-wombat", "jumpaccount", "b0071d"),
    *("ops-burrow", "4294111222", "rootkeeper", "4294111333", "loginkeeper", "pts/4294", "4294111444"),
    *("sudokeeper", "203.0.113.99", "keeperschedule"),
)
ASKER = Asker(
    *("ops-burrow", 4294111222, "rootkeeper", 4294111333, "loginkeeper", "pts/4294"),
    *(4294111444, "sudokeeper", "203.0.113.99", "keeperschedule"),
)
ARGUMENTS = ("/srv/feed/Platypus.jar", "--enclosure=burrow", "com.acme.EchidnaMain", "banksia-worker")


def fleet() -> tuple[Answered, ...]:
    return tuple(_host(place, name) for place, name in enumerate(HOSTS[:3]))


def _host(place: int, name: str) -> Answered:
    short = name.partition(".")[0]
    grows = Process(
        100,
        service=f"backup-{short.upper()}@x.service",
        exe=f"/srv/{name}/bin/java",
        arguments=f"java -jar {ARGUMENTS[0]} {ARGUMENTS[1]}",
        blocks=(heap((place + 1) * 300 * MIB), stacks(40, 40 * MIB)),
        rss_anon_bytes=8 * GIB,
        largest_guess=f"heap of {short}",
        doubted_bytes=GIB,
    )
    runs = Process(
        200,
        comm="banksia",
        service=f"java {ARGUMENTS[2]} {ARGUMENTS[3]} {ADDRESSES[0]}",
        arguments=f"java {ARGUMENTS[2]} {ARGUMENTS[3]}",
        unit=f"session-{short}.scope",
        trouble=f"torn on {ADDRESSES[1]}",
        blocks=(heap(200 * MIB),),
    )
    said = f"{short} at {ADDRESSES[0]}"
    found = Found(200, 4200, short, "many_arenas", "warning", said, said, said, said)
    arguments = Found(100, 4200, "java", "many_arenas", "alarm", said, said, said, said)
    labels = (("feedingzone", "east"), ("owner", "keeperteam"))
    return Answered(
        name,
        (grows, runs),
        denied=1 if place == 1 else 0,
        problem=f"sh on {name}: {ARGUMENTS[1]}",
        findings=(found, arguments),
        labels=labels,
        boot_id="b0071d",
    )


def _with_addresses(manifest: Manifest) -> Manifest:
    hosts = tuple(replace(host, address=ADDRESSES[0], host_key_alias=ADDRESSES[1]) for host in manifest.hosts)
    command = f"mapsweep collect --hosts 'quokka-*' -i /etc/{HOSTS[0]}/inventory.yaml {ARGUMENTS[1]}"
    return replace(manifest, hosts=hosts, command=command, asker=ASKER)


def run_in(folder: Path, *, hosts_a_part: int = 2) -> Run:
    """Two nights of it: hosts grew, failed, came and went; findings, mutes, labels, history."""
    runs, scope = runs_in(folder), Scope("nightly-quokka-01", "quokka-*:numbat-7")
    first = [
        replace(host, processes=tuple(replace(one, rss_anon_bytes=2 * GIB) for one in host.processes))
        for host in fleet()
    ]
    gone = replace(first[0], name=GONE)
    came = [replace(first[0], name=name) for name in HOSTS[3:]]
    earlier = {"run_id": "20261121T050000Z-nightly-quokka-01-0001", "started_at": "2026-11-21T05:00:00Z"}
    run_of(runs, *first, gone, *came, scope=scope, **earlier)  # type: ignore[arg-type]
    failures = tuple(
        Failure(
            *(name, Stage.AUTH, "auth_rejected", f"{name} took no key-of-wombat: {ARGUMENTS[1]}"),
            f"ssh jumpaccount@{ADDRESSES[0]} {name} {ARGUMENTS[1]}",
            *(1, STARTED_AT, 0.4),
        )
        for name in HOSTS[3:]
    )
    mutes = tuple(
        Mute("many_arenas", service, "quokka-*", reason="muted-for-keeper", until="2026-12-24")
        for service in ("backup-quokka-01*", "nothing")
    )
    run = run_of(
        runs,
        *fleet(),
        failures=failures,
        run_id="20261122T050000Z-nightly-quokka-01-0001",
        scope=scope,
        mutes=mutes,
        close=False,
    )
    told = Run(run.store, _with_addresses(run.manifest), run.generation)
    told.store.replace(MANIFEST, [codec.encode(told.manifest)])
    told.close(settle(told, runs, CLOSED_AT, hosts_a_part=hosts_a_part))
    return told
