"""Which bundles are published, and which files they consist of.

A bundle is checked as devices check it, as far as bytes go: the manifest, the size and hash of every file, the policy
and the golden scores. What its model does is checked by devices, and by the gates before this.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import msgspec

from homespun.errors import BundleIntegrityError, BundleSchemaError, MisuseError
from homespun.protocol import bundle
from homespun.protocol.bundle import FileEntry, Manifest
from homespun.protocol.channel import file_path
from homespun.protocol.golden import MAX_BYTES as MAX_GOLDEN
from homespun.protocol.golden import parse_golden
from homespun.protocol.policy import parse_policy
from homespun_server.errors import RepositoryError
from homespun_server.publishing.repository.files import entry_of

MAX_MANIFEST = 1 << 20
"""Largest manifest, in bytes."""

NON_PRIVATE = "non_private"


@dataclass(frozen=True)
class Files:
    """A bundle's files.

    Attributes:
        identity: The bundle's identity: SHA-256 of its manifest.
        entries: Size and hash of every file by name, the manifest's included.
        private: Whether it makes a claim of privacy, or needs none.
    """

    identity: str
    entries: dict[str, FileEntry]
    private: bool

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(entry.size for entry in self.entries.values())

    def targets(self, channel: str) -> dict[str, FileEntry]:
        """Return the files by their target paths on a channel."""
        return {file_path(channel, entry.sha256, name): entry for name, entry in self.entries.items()}


def files_of(manifest: bytes) -> Files:
    """Return what a bundle consists of, by its manifest.

    Raises:
        BundleSchemaError: It was made for another version of homespun.
        BundleIntegrityError: It is no manifest, or names other files than a bundle has.
    """
    parsed = _parsed(manifest)
    names = parsed.files.keys()
    if names - set(bundle.OPTIONAL_FILES) != set(bundle.FILES):
        raise BundleIntegrityError(
            f"{bundle.MANIFEST} names other files than a bundle has: {', '.join(sorted(names))}."
        )
    identity = hashlib.sha256(manifest).hexdigest()
    entries = {bundle.MANIFEST: FileEntry(size=len(manifest), sha256=identity), **parsed.files}
    return Files(identity, entries, private=parsed.privacy.kind != NON_PRIVATE)


def check_bundle(folder: Path) -> Files:
    """Return the files of a bundle that devices would accept, as far as bytes go.

    Raises:
        BundleSchemaError: It was made for another version of homespun.
        BundleIntegrityError: A file is missing or different, or there are no golden scores.
        MisuseError: There is no bundle.
    """
    try:
        return _checked(folder)
    except OSError as error:
        raise BundleIntegrityError(f"the bundle in {folder} cannot be read: {error}. Nothing was published.") from error


def _checked(folder: Path) -> Files:
    found = files_of(_manifest(folder))
    for name, entry in found.entries.items():
        _check_file(folder / name, entry)
    if bundle.GOLDEN not in found.entries:
        raise BundleIntegrityError(
            f"the bundle {found.identity[:12]} has no {bundle.GOLDEN}, so devices could not tell whether it works on "
            "them. Nothing was published; write it with golden scores."
        )
    if found.entries[bundle.GOLDEN].size > MAX_GOLDEN:
        raise BundleIntegrityError(f"{bundle.GOLDEN} is larger than {MAX_GOLDEN} bytes; devices refuse it.")
    parse_golden((folder / bundle.GOLDEN).read_bytes())
    if bundle.POLICY in found.entries:
        parse_policy((folder / bundle.POLICY).read_bytes())
    return found


def check_private(files: Files, channel: str, production: frozenset[str], override: str | None) -> None:
    """Refuse a bundle without privacy on a stage for everybody, unless somebody says why.

    Raises:
        RepositoryError: It is one, and nobody does.
    """
    stage = channel.partition("/")[2]
    if files.private or stage not in production or (override or "").strip():
        return
    raise RepositoryError(
        f"the bundle {files.identity[:12]} is marked {NON_PRIVATE}: it may tell of the people whom it was made from. "
        f"It was not published to {channel!r}. Make a private one, or give a reason to publish it all the same."
    )


def _manifest(folder: Path) -> bytes:
    path = folder / bundle.MANIFEST
    try:
        if path.stat().st_size > MAX_MANIFEST:
            raise BundleIntegrityError(f"{path} is larger than {MAX_MANIFEST} bytes; it is no bundle's manifest.")
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MisuseError(f"there is no bundle in {folder}: it has no {bundle.MANIFEST}.") from error


def _check_file(path: Path, entry: FileEntry) -> None:
    try:
        found = entry_of(path)
    except FileNotFoundError as error:
        raise BundleIntegrityError(f"the bundle lacks {path.name}; nothing was published. Write it again.") from error
    if found != entry:
        raise BundleIntegrityError(
            f"{path.name} is not the file that the manifest names ({found.size} bytes instead of {entry.size}, or "
            "other ones); nothing was published. Write the bundle again."
        )


def _parsed(raw: bytes) -> Manifest:
    try:
        versions = msgspec.json.decode(raw, type=_Versions)
        supported = (bundle.SCHEMA_VERSION, bundle.CONTRACT_VERSION)
        if (versions.schema, versions.contract) != supported:
            raise BundleSchemaError(
                f"the bundle has schema {versions.schema} and contract {versions.contract}; this program publishes "
                f"schema {supported[0]} and contract {supported[1]}."
            )
        return msgspec.json.decode(raw, type=Manifest)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise BundleIntegrityError(f"{bundle.MANIFEST} is not a bundle's manifest: {error}.") from error


class _Versions(msgspec.Struct):
    schema: int
    contract: int
