import os
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from archive.places import holds_secret, store_at
from archive.runs import Runs
from archive.store import OBJECT_BYTES_MAX, Store
from domain.mistakes import OperatorError
from tests.archive import examples


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """A folder on disk, and fsspec's bucket in memory."""
    made = store_at(str(tmp_path / "runs") if request.param == "folder" else f"memory://{uuid4().hex}/runs")
    made.write_once("first", b"")
    made.remove("first")
    return made


def test_an_object_is_written_once_and_the_first_stays(store: Store) -> None:
    assert store.write_once("a/b.json", b"first")
    assert not store.write_once("a/b.json", b"second")
    assert store.read("a/b.json") == b"first"


def test_what_is_rendered_again_is_replaced(store: Store) -> None:
    store.replace("report/index.html", b"first")
    store.replace("report/index.html", b"second")
    assert store.read("report/index.html") == b"second"


@pytest.mark.parametrize("write", ["write_once", "replace"])
def test_an_object_is_on_the_disk_before_it_has_its_name_and_then_its_folder_is(
    write: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a power cut leaves the object or none, and no half of it."""
    store, name = store_at(str(tmp_path / "runs")), tmp_path / "runs/a/b.json"
    synced: list[tuple[Path, bool]] = []

    def fsync(descriptor: int) -> None:
        synced.append((Path(f"/proc/self/fd/{descriptor}").readlink(), name.exists()))

    store.make_root()
    monkeypatch.setattr(os, "fsync", fsync)
    getattr(store, write)("a/b.json", b"content")
    (root, _), (content, named_at_first), (folder, named_then) = synced
    assert (content.parent, content.suffix) == (name.parent, ".part")
    assert (root, folder) == (tmp_path / "runs", name.parent)
    assert (named_at_first, named_then) == (False, True)


def test_pieces_are_written_as_one_object_or_not_at_all(store: Store) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise ValueError("broken off")

    store.replace("report/hosts.csv", iter((b"a", b"", b"b")))
    assert store.read("report/hosts.csv") == b"ab"
    with pytest.raises(ValueError, match="broken off"):
        store.replace("report/hosts.csv", broken())
    assert store.read("report/hosts.csv") == b"ab"
    assert store.list("report") == ["hosts.csv"]


def test_a_listing_shows_what_another_wrote_meanwhile(store: Store) -> None:
    assert store.list("a") == []
    other = store_at(store.url)
    for name in ("c", "b"):
        other.write_once(f"a/{name}", b"")
        assert name in store.list("a")
    assert store.list("a") == ["b", "c"]
    assert store.list() == ["a"]
    other.remove("a/b")
    assert store.list("a") == ["c"]
    assert not store.exists("a/b")


def test_what_is_not_there_is_not_found(store: Store) -> None:
    assert not store.exists("nothing")
    with pytest.raises(FileNotFoundError):
        store.read("nothing")
    store.remove("nothing")


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc/passwd", "..", "a/.."])
def test_no_path_leads_out(store: Store, path: str) -> None:
    """Parts of some paths were read from files of the archive itself, which others may have written."""
    for use in (
        store.read,
        store.exists,
        store.remove,
        store.sizes,
        store.remove_tree,
        store.under,
        store.list,
    ):
        with pytest.raises(OperatorError, match="leads out of the folder"):
            use(path)
    with pytest.raises(OperatorError, match="leads out of the folder"):
        store.write_once(path, b"x")
    with pytest.raises(OperatorError, match="leads out of the folder"):
        store.replace(path, b"x")


def test_a_store_under_a_store_is_its_folder(store: Store) -> None:
    store.under("run").write_once("x", b"1")
    assert store.read("run/x") == b"1"
    assert store.place("run/x") == f"{store.url}/run/x"


def test_only_what_lies_in_a_folder_has_a_path(store: Store) -> None:
    store.write_once("a/b", b"1")
    path = store.local_path("a/b")
    if store.url.startswith("memory:"):
        assert path is None
    else:
        assert path is not None
        assert path.read_bytes() == b"1"


def test_a_folder_that_was_removed_is_not_made_again(tmp_path: Path) -> None:
    store = store_at(str(tmp_path / "runs/run"))
    store.write_once("manifest.json", b"{}")
    shutil.rmtree(tmp_path / "runs")
    for write in (store.write_once, store.replace):
        with pytest.raises(OperatorError, match="runs/run: was removed while"):
            write("dumps/web/a.dump", b"x")
    assert not (tmp_path / "runs").exists()
    assert store.write_once("manifest.json", b"{}")
    assert store.write_once("dumps/web/a.dump", b"x")


def test_of_many_writers_at_once_one_wins(tmp_path: Path) -> None:
    won: list[int] = []
    together = threading.Barrier(8)

    def write(number: int) -> None:
        together.wait()
        if store_at(str(tmp_path)).write_once("object", b"%d" % number):
            won.append(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert (tmp_path / "object").read_bytes() == b"%d" % won[0]
    assert os.listdir(tmp_path) == ["object"]  # noqa: PTH208 # no temporary file is left


def test_only_the_owner_can_read(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        store_at(str(tmp_path / "runs")).write_once("first", b"x")
        store_at(str(tmp_path / "runs")).write_once("run/dumps/a.dump", b"x")
        store_at(str(tmp_path / "runs")).replace("run/report/index.html", b"x")
    finally:
        os.umask(old)
    for path in (tmp_path / "runs").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
    assert stat.S_IMODE((tmp_path / "runs").stat().st_mode) == 0o700


def test_the_folder_of_the_runs_is_its_owners_alone_and_nobody_else_may_write_above_it(
    tmp_path: Path,
) -> None:
    """Whoever may write above it could put another folder in its place."""
    old = os.umask(0)
    try:
        Runs(str(tmp_path / "state/mapsweep/runs")).create(examples.manifest())
    finally:
        os.umask(old)
    modes = {
        place: stat.S_IMODE((tmp_path / place).stat().st_mode)
        for place in ("state", "state/mapsweep", "state/mapsweep/runs")
    }
    assert modes == {"state": 0o755, "state/mapsweep": 0o755, "state/mapsweep/runs": 0o700}


def test_a_file_in_place_of_the_folder_of_the_runs(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    with pytest.raises(OperatorError, match="is not a folder"):
        Runs(str(tmp_path / "runs")).create(examples.manifest())


@pytest.mark.parametrize("link", ["report", "results", "results/rules"])
def test_nothing_is_written_or_removed_or_read_through_a_link(tmp_path: Path, link: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "rules").mkdir(parents=True)
    for name in ("index.html", "rules/index.html"):
        (elsewhere / name).write_text("precious")
    place = tmp_path / "run" / link
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(elsewhere)
    store = store_at(str(tmp_path / "run"))
    for path in (f"{link}/new", f"{link}/below/new", f"{link}/index.html"):
        for write in (store.replace, store.write_once):
            if (store.local_path(path) or Path()).exists():
                continue
            with pytest.raises(OperatorError, match="is a link"):
                write(path, b"x")
    with pytest.raises((OSError, OperatorError), match="link"):
        store.read(f"{link}/index.html")
    assert store.list(link) == []
    store.remove(f"{link}/index.html")
    assert sorted(each.name for each in elsewhere.rglob("*")) == ["index.html", "index.html", "rules"]
    assert {each.read_text() for each in elsewhere.rglob("*.html")} == {"precious"}


def test_a_file_that_is_a_link_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("precious")
    (tmp_path / "run").mkdir()
    (tmp_path / "run/object").symlink_to(tmp_path / "secret")
    with pytest.raises((OSError, OperatorError), match="link"):
        store_at(str(tmp_path / "run")).read("object")


def test_an_unfinished_write_is_not_listed(tmp_path: Path) -> None:
    store = store_at(str(tmp_path))
    store.write_once("a/x", b"")
    (tmp_path / "a" / ".0123.part").write_bytes(b"half")
    assert store.list("a") == ["x"]


def test_a_try_to_write_leaves_nothing_and_names_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    with pytest.raises(FileNotFoundError) as raised:
        store_at(str(folder)).try_write()
    assert raised.value.filename == str(folder)
    folder.mkdir()
    store_at(str(folder)).try_write()
    assert list(folder.iterdir()) == []


def test_a_place_that_is_no_folder_raises() -> None:
    with pytest.raises(OSError, match=r"Not a directory|File exists"):
        store_at("/dev/full").write_once("x", b"1")


@pytest.mark.parametrize("url", ["", "a\0b", "nosuchscheme://bucket/runs"])
def test_a_place_that_cannot_be_is_the_operators_mistake(url: str) -> None:
    with pytest.raises(OperatorError):
        store_at(url)


@pytest.mark.parametrize(
    "url",
    [
        "reference://::data:application/json;n=.json;base64,e30=",
        "simplecache::s3://bucket/runs",
        "s3://bucket/runs::file:///etc",
        "file:///tmp::s3://bucket",
        "reference://x",
        "ftp://host/runs",
        "sftp://host/runs",
        "http://host/runs",
        "data://x",
        "S3://bucket",
        "://x",
    ],
)
def test_other_schemes_and_chains_are_refused_before_fsspec_is_imported(url: str) -> None:
    code = (
        "import sys\n"
        "from domain.mistakes import OperatorError\n"
        "from archive.places import store_at\n"
        "try:\n"
        "    store_at(sys.argv[1])\n"
        "except OperatorError as error:\n"
        "    (mistake,) = error.mistakes\n"
        "    print('fsspec' in sys.modules, mistake.place, bool(mistake.remedy))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, url],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert ran.stdout == f"False {url!r} True\n"


def test_a_folder_may_have_colons_in_its_name(tmp_path: Path) -> None:
    assert store_at(f"{tmp_path}/a::b").url == f"{tmp_path}/a::b"


@pytest.mark.parametrize(
    "url",
    [
        "s3://key:hunter2@bucket/runs",
        "s3://hunter2@bucket/runs",
        "abfs://container:hunter2@account.dfs.core.windows.net/runs",
        "az://container/runs?sig=hunter2",
        "gs://bucket/runs#hunter2",
        "sftp://me:hunter2@host/runs",
        "simplecache::s3://key:hunter2@bucket/runs",
        "https://host/runs?sig=hunter2",
    ],
)
def test_a_url_with_a_secret_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(OperatorError) as raised:
        store_at(url)
    assert "hunter2" not in str(raised.value)


def test_a_container_before_the_account_is_no_secret() -> None:
    assert not holds_secret("abfs://container@account.dfs.core.windows.net/runs")
    assert not holds_secret("s3://bucket/a@b")
    assert not holds_secret("file:///srv/runs?x")


def test_a_file_url_is_a_folder(tmp_path: Path) -> None:
    assert store_at(f"file://{tmp_path}").url == str(tmp_path)


def test_a_relative_folder_is_where_the_command_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert store_at("runs").url == str(tmp_path / "runs")


@pytest.mark.slow
def test_an_object_beyond_the_limit_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(OBJECT_BYTES_MAX + 1)  # sparse
    with pytest.raises(OperatorError, match="larger than"):
        store_at(str(tmp_path)).read("large")


@pytest.mark.parametrize("kind", ["pipe", "endless device", "loop", "folder"])
def test_what_is_no_regular_file_is_refused_and_not_waited_for(kind: str, tmp_path: Path) -> None:
    place = tmp_path / "manifest.json"
    match kind:
        case "pipe":
            os.mkfifo(place)
        case "endless device":
            place.symlink_to("/dev/zero")
        case "loop":
            place.symlink_to(place)
        case "folder":
            place.mkdir()
    with pytest.raises(OperatorError, match=r"manifest\.json: (is not a regular file|is a folder|Too many)"):
        store_at(str(tmp_path)).read("manifest.json")


def test_of_a_file_that_is_too_large_no_more_than_the_limit_is_read(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(2**43)  # takes no room on the disk; all of it would not fit into memory
    with pytest.raises(OperatorError, match="is larger than 1000 bytes"):
        store_at(str(tmp_path)).read("large", 1000)


def test_sizes_and_trees(store: Store) -> None:
    for path, length in (("run/a", 3), ("run/sub/b", 5), ("run/sub/below/c", 7), ("running", 11)):
        store.write_once(path, b"x" * length)
    assert store.sizes("run") == {"a": 3, "sub": 0}
    assert store.sizes() == {"run": 0, "running": 11}
    assert store.sizes("nothing") == {}
    assert [store.tree_bytes(path) for path in ("run", "run/sub", "run/a", "nothing", "")] == [
        15,
        12,
        3,
        0,
        26,
    ]
    store.remove_tree("run/sub")
    assert store.sizes("run") == {"a": 3}
    for _ in range(2):
        store.remove_tree("run")
    assert store.sizes() == {"running": 11}
    store.remove_tree("running")
    assert store.tree_bytes("") == 0
    assert list(store.unfinished()) == []
    assert not store.is_link("run")


def test_a_tree_that_another_removes_at_the_same_time_is_removed(tmp_path: Path) -> None:
    for round_ in range(5):
        for number in range(200):
            (tmp_path / f"run{round_}/{number}").mkdir(parents=True)
        threads = [
            threading.Thread(target=store_at(str(tmp_path)).remove_tree, args=(f"run{round_}",))
            for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not (tmp_path / f"run{round_}").exists()
