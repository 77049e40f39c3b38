"""The bundles' files on a channel: each once, under its hash."""

from pathlib import Path

from homespun.errors import MisuseError
from homespun.protocol.bundle import MANIFEST, FileEntry
from homespun.protocol.channel import Channel, Release, file_path
from homespun_server.errors import RepositoryError
from homespun_server.publishing.repository.bundles import Files, check_bundle, files_of
from homespun_server.publishing.repository.files import Step, copy, is_there
from homespun_server.publishing.repository.layout import Layout


class Shelf:
    """Puts the files of bundles where devices look for them, and finds them again."""

    def __init__(self, layout: Layout, step: Step) -> None:
        """Use a repository's folder."""
        self._layout = layout
        self._step = step

    def put(self, bundle: Path, files: Files, channel: str) -> None:
        """Copy those files of a bundle that are not there yet.

        Raises:
            BundleIntegrityError: A file changed since it was checked.
            OSError: If it cannot be written.
        """
        for name, entry in files.entries.items():
            place = self._place(channel, name, entry)
            if not is_there(place, entry):
                copy(bundle / name, place, entry, self._step, f"bundle file {name}")

    def has(self, channel: str, release: Release) -> bool:
        """Return whether all files of a release are there."""
        return bool(self.paths(channel, release))

    def paths(self, channel: str, release: Release) -> list[Path]:
        """Return where a release's files are; nothing unless all are there."""
        try:
            files = self._files(channel, release.bundle)
        except RepositoryError:
            return []
        places = {self._place(channel, name, entry): entry for name, entry in files.entries.items()}
        return list(places) if all(is_there(place, entry) for place, entry in places.items()) else []

    def targets(self, document: Channel) -> dict[str, FileEntry]:
        """Return the files of every release that a document names, by target path.

        Raises:
            RepositoryError: A manifest is missing or was changed.
        """
        found: dict[str, FileEntry] = {}
        for release in document.releases:
            found |= self._files(document.name, release.bundle).targets(document.name)
        return found

    def restored(self, channel: str, release: Release, bundle: Path | None) -> Files:
        """Return the files of an earlier release, put there again if they were pruned.

        Raises:
            RepositoryError: They were, and nobody gives the bundle.
            MisuseError: It is another bundle.
            BundleError: The bundle is not what its manifest says.
            OSError: If it cannot be written.
        """
        if self.has(channel, release):
            return self._files(channel, release.bundle)
        if bundle is None:
            raise RepositoryError(
                f"the files of release {release.number} of {channel!r} were pruned. Nothing was published; give the "
                f"folder of the bundle {release.bundle[:12]}."
            )
        files = check_bundle(bundle)
        if files.identity != release.bundle:
            raise MisuseError(
                f"{bundle} holds the bundle {files.identity[:12]}, and release {release.number} was "
                f"{release.bundle[:12]}. Nothing was published."
            )
        self.put(bundle, files, channel)
        return files

    def _files(self, channel: str, identity: str) -> Files:
        path = self._layout.target(file_path(channel, identity, MANIFEST), identity)
        try:
            files = files_of(path.read_bytes())
        except FileNotFoundError as error:
            raise RepositoryError(f"{path} is missing; restore it from a backup.") from error
        if files.identity != identity:
            raise RepositoryError(f"{path} is not what was published; restore it from a backup.")
        return files

    def _place(self, channel: str, name: str, entry: FileEntry) -> Path:
        return self._layout.target(file_path(channel, entry.sha256, name), entry.sha256)
