from pathlib import Path

from collector.inventory.inventory import load
from collector.inventory.patterns import select
from mapsweep.demo import demo_fleet


def test_the_recorded_hosts_are_trees_as_the_probe_reads_them(tmp_path: Path) -> None:
    names = demo_fleet.unpack(tmp_path)
    assert {"app-01", "app-05", "batch-01", "db-01", "edge-01", "web-01"} <= set(names)
    for name in names:
        root = tmp_path / name
        assert (root / "proc/meminfo").read_text().startswith("MemTotal:")
        processes = [path for path in (root / "proc").iterdir() if path.name.isdigit()]
        assert processes
        for process in processes:
            assert f"\nPid:\t{process.name}\n" in (process / "status").read_text()
            assert (process / "stat").read_text().startswith(f"{process.name} (")
            assert (process / "cgroup").read_text().startswith("0::/system.slice/")
            assert (process / "maps").read_bytes().endswith(b"\n")


def test_a_recorded_process_keeps_its_sizes(tmp_path: Path) -> None:
    for maps in (tmp_path / name / "proc" for name in demo_fleet.unpack(tmp_path)):
        for process in (path for path in maps.iterdir() if path.name.isdigit()):
            mapped = 0
            for line in (process / "maps").read_text().splitlines():
                start, end = line.split()[0].split("-")
                mapped += int(end, 16) - int(start, 16) if "[vsyscall]" not in line else 0
            (vm_size,) = [
                int(line.split()[1])
                for line in (process / "status").read_text().splitlines()
                if line.startswith("VmSize:")
            ]
            assert mapped == vm_size * 1024, process


def test_the_inventory_means_the_hosts_that_are_served() -> None:
    with demo_fleet.serving() as fleet:
        inventory = load(fleet.inventory)
        hosts = select(inventory, "all")
        assert len(hosts) == 12
        apps = {host.name for host in select(inventory, "app")}
        assert apps == {f"app-{number:02}" for number in range(1, 6)}
        assert {host.name for host in hosts if not host.root} == {
            demo_fleet.THIS_MACHINE,
            demo_fleet.REFUSES_THE_KEY,
            demo_fleet.NEVER_ANSWERS,
        }


def test_nothing_is_left_of_the_fleet() -> None:
    with demo_fleet.serving() as fleet:
        folder = fleet.inventory.parent
        assert (folder / "hosts").is_dir()
    assert not folder.exists()
