"""Where runs can be kept: which paths and URLs are allowed, and the store at each."""

from archive.bucket import Bucket
from archive.folder import Folder
from archive.store import Store
from domain.mistakes import Mistake, OperatorError

SHOWN_LENGTH_MAX = 80  # characters shown of a refused URL
# others may choose the URL, and fsspec has schemes that execute code or read files that the URL names
SCHEMES = ("file", "s3", "gs", "gcs", "az", "abfs", "adl", "memory")
_SCHEMES_WITH_CONTAINER = ("abfs", "adl", "az")


def store_at(url: str) -> Store:
    """The store at a path or URL; OperatorError if runs cannot be kept there."""
    if "\0" in url or not url:
        raise OperatorError(Mistake(repr(url), "is not a place for runs", "give a folder or an fsspec URL"))
    scheme, is_url, _ = url.partition("://")
    if is_url and scheme in SCHEMES and holds_secret(url):
        remedy = "give secrets to the storage's own configuration"
        raise OperatorError(
            Mistake(f"{scheme}://...", "must not hold a user, a password or options in its URL", remedy)
        )
    if "::" in url and is_url:
        remedy = "give the URL of the bucket itself, without ::"
        raise OperatorError(Mistake(_shown(url), "is a chain of URLs, and runs cannot be kept there", remedy))
    if is_url and scheme not in SCHEMES:
        remedy = f"give a folder, or a URL that begins with one of {', '.join(SCHEMES[:-1])}"
        raise OperatorError(Mistake(_shown(url), "is not a URL where runs can be kept", remedy))
    if url.startswith("file://"):
        url = url.removeprefix("file://")
    if "://" not in url:
        return Folder(url)
    return Bucket(url)


def holds_secret(url: str) -> bool:
    """Whether a URL has a part that can hold secrets: options, or a user with or without a password.

    A container before the account (`abfs://CONTAINER@ACCOUNT/runs`) is not such a part.
    """
    scheme, _, rest = url.partition("://")
    if any(mark in rest for mark in "?#"):
        return scheme != "file"
    user, has_user, _ = rest.partition("/")[0].rpartition("@")
    return bool(has_user) and (":" in user or scheme not in _SCHEMES_WITH_CONTAINER)


def _shown(url: str) -> str:
    """A refused URL without the parts that can hold secrets."""
    scheme, _, rest = url.partition("://")
    if any(mark in rest for mark in "@?#"):
        return ascii(f"{scheme[:SHOWN_LENGTH_MAX]}://...")
    return ascii(url[:SHOWN_LENGTH_MAX])
