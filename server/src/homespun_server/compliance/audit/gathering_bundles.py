"""What an audit bundle holds of the registered bundles and of the signed repository."""

from collections.abc import Iterable
from pathlib import Path

import msgspec
from sqlalchemy import select

from homespun.errors import MisuseError
from homespun.protocol.bundle import CARD_DATA, MANIFEST
from homespun.protocol.canonical import canonical
from homespun.protocol.channel import document_path
from homespun_server.compliance.audit.contents import BUNDLES, REGISTRY, REPOSITORY, Registered, plain
from homespun_server.errors import OutputError
from homespun_server.publishing.repository.layout import Layout
from homespun_server.publishing.repository.roles import ROOT, SHA256, TIMESTAMP
from homespun_server.publishing.repository.state import State, load
from homespun_server.store import Store
from homespun_server.store.schema import bundles


class _Named(msgspec.Struct):
    bundle: str


def registered(store: Store, folder: Path, records: Iterable[bytes], *, everything: bool) -> dict[str, bytes]:
    """Return the registered bundles: manifests and cards, and files where they are needed.

    Args:
        store: The store.
        folder: Where the registry keeps the bundles' files.
        records: Explanation records; the files of the bundles that they name are needed to make them again.
        everything: Whether the files of every bundle are wanted.

    Raises:
        MisuseError: A line is no explanation record.
        OutputError: A file cannot be read.
    """
    needed = _named(records)
    found: dict[str, bytes] = {}
    with store.reading() as connection:
        rows = connection.execute(select(bundles).order_by(bundles.c.id)).all()
    for row in rows:
        version = Registered(
            bundle=row.id,
            name=row.name,
            version=row.version,
            stage=row.stage,
            card=row.card,
            lineage=row.lineage,
            gates=row.gates,
        )
        found[f"{REGISTRY}{row.id}.json"] = canonical(plain(version))
        whole = everything or row.id in needed
        names = sorted(path.name for path in (folder / row.id).iterdir()) if whole else (MANIFEST, CARD_DATA)
        for name in names:
            found[f"{BUNDLES}{row.id}/{name}"] = _read(folder / row.id / name)
    return found


def repository(folder: Path) -> dict[str, bytes]:
    """Return what of the signed repository is in force: metadata and channels' documents, without the bundles' files.

    Args:
        folder: The repository's; nothing is returned where there is none.

    Raises:
        RepositoryError: It is not as its publisher left it.
    """
    layout = Layout(folder)
    if not layout.timestamp.exists():
        return {}
    roots = [path for role, _, path in layout.versions() if role == ROOT]
    state = load(layout, _read(layout.role(ROOT, 1)), None)
    roles = [layout.role(name, state.role(name).signed.version) for name in state.names if name != TIMESTAMP]
    documents = [_document(layout, state, channel) for channel in state.channels]
    paths = [*roots, layout.timestamp, *roles, *documents]
    return {f"{REPOSITORY}{path.relative_to(folder).as_posix()}": _read(path) for path in sorted(paths)}


def _document(layout: Layout, state: State, channel: str) -> Path:
    path = document_path(channel)
    return layout.target(path, state.channels[channel].signed.targets[path].hashes[SHA256])


def _named(records: Iterable[bytes]) -> set[str]:
    try:
        return {
            msgspec.json.decode(line, type=_Named).bundle
            for content in records
            for line in content.splitlines()
            if line.strip()
        }
    except msgspec.MsgspecError as error:
        raise MisuseError(
            f"a line of the explanations is no explanation record: {error}. Nothing was exported."
        ) from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise OutputError(f"{path} cannot be read: {error}. Nothing was exported; restore it from a backup.") from error
