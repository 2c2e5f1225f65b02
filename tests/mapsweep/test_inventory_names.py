from pathlib import Path

import pytest

from domain.mistakes import OperatorError
from mapsweep import inventory_names
from mapsweep.inventory_names import Names

TEXT = "all:\n  hosts: {lonely: }\n  children:\n    web: {hosts: {web-01: , web-02: }}\n"
NAMES = Names(("all", "ungrouped", "web"), ("lonely", "web-01", "web-02"))


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    file = tmp_path / "inventory.yaml"
    file.write_text(TEXT)
    return file


def kept(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "cache/mapsweep/inventories"
    return sorted(folder.iterdir()) if folder.is_dir() else []


def test_each_inventory_is_kept_once(
    inventory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    monkeypatch.chdir(tmp_path)
    assert set(inventory_names.of(inventory, environment).hosts) == set(NAMES.hosts)
    assert inventory_names.of(Path("inventory.yaml"), environment) == inventory_names.of(
        inventory, environment
    )
    assert len(kept(tmp_path)) == 1
    other = tmp_path / "other.yaml"
    other.write_text("all: {hosts: {db-01: }}\n")
    assert inventory_names.of(other, environment).hosts == ("db-01",)
    assert len(kept(tmp_path)) == 2


def test_the_size_of_what_is_kept_is_limited(
    inventory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    names = inventory_names.of(inventory, environment)
    (file,) = kept(tmp_path)
    size_bytes = file.stat().st_size
    file.unlink()
    for limit_bytes, is_kept in ((size_bytes - 1, False), (size_bytes, True)):
        monkeypatch.setattr(inventory_names, "CACHE_BYTES_MAX", limit_bytes)
        assert inventory_names.of(inventory, environment) == names
        assert bool(kept(tmp_path)) is is_kept
    monkeypatch.setattr(inventory_names, "CACHE_BYTES_MAX", size_bytes - 1)
    file.write_text(file.read_text().replace("web-02", "forged"))
    assert inventory_names.of(inventory, environment) == names  # too large to be read


def test_a_cache_that_cannot_be_written_is_done_without(inventory: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    environment = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    assert inventory_names.of(inventory, environment).hosts


def test_an_inventory_that_is_none_is_the_operators_mistake(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("- no\n- inventory\n")
    with pytest.raises(OperatorError):
        inventory_names.of(wrong, {"XDG_CACHE_HOME": str(tmp_path / "cache")})
    assert not kept(tmp_path)
