"""Puts a bundle together on the disk: what is there already is used again, and the rest is downloaded.

A file that some bundle here has with the same SHA-256 is linked, or copied where the file system knows no links, and
verified like one that was downloaded. The folder appears under its own name when it is whole.
"""

import contextlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from homespun.errors import BundleError, BundleIntegrityError
from homespun.model.manifest import parse_manifest
from homespun.model.verify import MAX_MANIFEST_BYTES
from homespun.profile.files import file_size, listed, make_folder, read_bounded, sync_file, sync_folder
from homespun.protocol.bundle import GOLDEN, MANIFEST, FileEntry
from homespun.protocol.channel import Release
from homespun.sync.downloading import Downloader, is_wanted
from homespun.sync.outcome import Deferred
from homespun.sync.repository import Repository, Wanted
from homespun.sync.settings import Updates
from homespun.sync.state import Kept
from homespun.sync.stopping import StoppedError
from homespun.sync.store import Store


@dataclass(frozen=True, slots=True)
class Source:
    """Where the bundles of one run come from."""

    updates: Updates
    store: Store
    repository: Repository
    downloader: Downloader


def put_in_place(source: Source, release: Release, *, may_download: bool) -> Kept:
    """Return a release's bundle, whole among the bundles.

    Args:
        source: Where it comes from.
        release: The release.
        may_download: Whether files may be downloaded over this connection.

    Raises:
        BundleError: What was signed is no bundle that can be used.
        RepositoryError: The signed metadata is not what it should be.
        StoppedError: A limit or the connection is against it, or a file is not what was signed.
        TransportError: Nobody answers.
        OSError: The disk refuses.
    """
    store, channel = source.store, source.updates.channel
    name = store.find(release.bundle)
    if name is None:
        if not may_download:
            raise StoppedError(Deferred(f"release {release.number} waits for a connection that is not metered"))
        for limit in ("download_bytes", "disk_bytes"):
            if release.size > getattr(source.updates, limit):
                raise StoppedError(_too_large(release, limit, getattr(source.updates, limit)))
        name = _put_together(source, release)
    # A run that came to no end may have renamed it without seeing it on the disk, and the state is about to rely on it.
    sync_folder(store.bundles)
    store.step("bundles: listed")
    return Kept(channel=channel, number=release.number, bundle=release.bundle, folder=name)


def _put_together(source: Source, release: Release) -> str:
    store = source.store
    manifest = _manifest(source, release)
    files = parse_manifest(manifest).files
    _check_files(files, release, len(manifest))
    folder = store.staging / release.bundle
    _take_back(store, folder, files)
    store.empty(store.incoming, but=frozenset({release.bundle, *_names(files)}))
    store.empty(store.staging)
    make_folder(folder)
    missing = [name for name, entry in files.items() if not _reused(source, folder / name, entry)]
    wanted = [source.repository.wanted(files[name].sha256, name, files[name].size) for name in missing]
    _check_room(source, sum(files[name].size - _received(store, files[name]) for name in missing))
    for each in wanted:
        source.downloader.get(each).replace(folder / each.name)
        store.step(f"{each.name}: placed")
    (folder / MANIFEST).write_bytes(manifest)
    sync_file(folder / MANIFEST)
    sync_folder(folder)
    store.step("staging: whole")
    name = store.free_name(release.bundle)
    folder.replace(store.bundles / name)
    store.step("bundles: renamed")
    return name


def _take_back(store: Store, folder: Path, files: Mapping[str, FileEntry]) -> None:
    """Count as downloaded what a run that came to no end had placed already; it is verified like a download."""
    if folder.is_symlink():
        return
    for name, entry in files.items():
        placed = folder / name
        if placed.is_file() and not placed.is_symlink():
            placed.replace(store.incoming / entry.sha256)


def _manifest(source: Source, release: Release) -> bytes:
    wanted = source.repository.wanted(release.bundle, MANIFEST)
    if wanted.target.length > MAX_MANIFEST_BYTES:
        raise BundleIntegrityError(f"{MANIFEST} is larger than {MAX_MANIFEST_BYTES} bytes; it is not read.")
    return source.downloader.get(wanted).read_bytes()


def _check_files(files: Mapping[str, FileEntry], release: Release, manifest_bytes: int) -> None:
    total = manifest_bytes + sum(entry.size for entry in files.values())
    if total != release.size:
        raise BundleIntegrityError(
            f"release {release.number} says that its bundle has {release.size} bytes, and its manifest makes {total}."
        )
    if GOLDEN not in files:
        raise BundleIntegrityError(
            f"release {release.number} has no {GOLDEN}, so that a device cannot test itself with it; it is not used."
        )


def _names(files: Mapping[str, FileEntry]) -> set[str]:
    return {name for entry in files.values() for name in (entry.sha256, f"{entry.sha256}.part")}


def _received(store: Store, entry: FileEntry) -> int:
    return max(file_size(store.incoming / name) for name in (entry.sha256, f"{entry.sha256}.part"))


def _check_room(source: Source, needed: int) -> None:
    most, used, free = source.updates.disk_bytes, source.store.used_bytes(), source.store.free_bytes()
    if used + needed > most:
        reason = f"the update needs {needed} bytes beside the {used} that are in use, and disk_bytes is {most}"
        raise StoppedError(Deferred(reason))
    if needed > free:
        raise StoppedError(Deferred(f"the update needs {needed} bytes, and the disk has {free} left"))


def _too_large(release: Release, name: str, most: int) -> Deferred:
    return Deferred(f"release {release.number} has {release.size} bytes, and {name} is {most}")


def _reused(source: Source, place: Path, entry: FileEntry) -> bool:
    """Take a file from a bundle that is here; return whether there was one."""
    for name in listed(source.store.bundles):
        found = _path_of(source.store.bundles / name, entry)
        if found is not None and _taken(found, place, source.repository.wanted(entry.sha256, place.name, entry.size)):
            source.store.step(f"{place.name}: reused")
            return True
    return False


def _path_of(folder: Path, entry: FileEntry) -> Path | None:
    try:
        files = parse_manifest(read_bounded(folder / MANIFEST, MAX_MANIFEST_BYTES)).files
    except (OSError, BundleError):
        return None
    return next((folder / name for name, each in files.items() if each == entry), None)


def _taken(found: Path, place: Path, wanted: Wanted) -> bool:
    """Link or copy a file and verify it."""
    # What another run left there may be a link itself, and writing to it would write to somebody's bundle.
    place.unlink(missing_ok=True)
    try:
        os.link(found, place)
    except OSError:
        with contextlib.suppress(OSError):
            shutil.copyfile(found, place)
            sync_file(place)
    if place.is_file() and not place.is_symlink() and is_wanted(place, wanted):
        return True
    place.unlink(missing_ok=True)
    return False
