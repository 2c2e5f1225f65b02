"""`group_vars/` and `host_vars/` in a folder: the files that Ansible reads, in its order."""

from pathlib import Path

from domain import yaml_document
from domain.yaml_document import Document

SUFFIXES = (".yml", ".yaml", ".json")
FOLDER_DEPTH_MAX = 20
_VAULT = b"$ANSIBLE_VAULT"


class VarsFolder:
    """One of the two folders; a name without files costs no system call."""

    def __init__(self, parent: Path, folder: str, label: str = "") -> None:
        self._path = parent / folder
        self._label = label or folder
        self._names = (
            frozenset(entry.name for entry in self._path.iterdir()) if self._path.is_dir() else frozenset()
        )

    def __bool__(self) -> bool:
        return bool(self._names)

    def documents(self, name: str) -> list[Document]:
        """The files for a group or a host; later ones override earlier ones. OperatorError if not YAML."""
        return [self._document(path) for path in self._files(name)]

    def _files(self, name: str) -> list[Path]:
        """A folder or file of that name, or else the first with a suffix."""
        if name.startswith("/") or not self._names:
            return []
        for suffix in ("", *SUFFIXES):
            file_name = name + suffix
            path = self._path / file_name
            if (file_name in self._names or "/" in name) and path.exists():
                return _files_below(path, 1) if path.is_dir() else [path]
        return []

    def _document(self, path: Path) -> Document:
        label = f"{self._label}/{path.relative_to(self._path)}"
        with path.open("rb") as file:
            encrypted = file.read(len(_VAULT)) == _VAULT
        if encrypted:
            warning = f"{label}: is encrypted with ansible-vault and was not read"
            return Document(label, None, (warning,))
        return yaml_document.read(path, label)


def _files_below(folder: Path, depth: int) -> list[Path]:
    """Sorted by name; no hidden files, no backups; folders only where their name has no suffix."""
    found: list[Path] = []
    for path in sorted(folder.iterdir()):
        suffix = path.suffix
        if path.name.startswith(".") or path.name.endswith(("~", ".")):
            continue
        if path.is_dir() and not suffix and depth < FOLDER_DEPTH_MAX:
            found.extend(_files_below(path, depth + 1))
        elif path.is_file() and suffix in ("", *SUFFIXES):
            found.append(path)
    return found
