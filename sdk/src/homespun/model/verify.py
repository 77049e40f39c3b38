"""Verifies a bundle's files before anything in them is used.

Order: manifest (schema, then structure), sizes and hashes of every named file, the policy, the graphs against the
contract, then the tables: values that are not finite, sparse rows that lead out of the catalogue. What was
verified as bytes is used as bytes.
"""

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from homespun.errors import BundleIntegrityError, ModelContractError, PolicyError
from homespun.model.graph import DTYPES, Weight, inspect
from homespun.model.manifest import parse_manifest
from homespun.model.tables import check_tables
from homespun.model.topology import check_topology
from homespun.protocol import bundle, graphs
from homespun.protocol.bundle import FileEntry, Manifest
from homespun.protocol.contract import Layout, layout_of
from homespun.protocol.policy import Policy, parse_policy

MAX_MANIFEST_BYTES = 1 << 20

_CHUNK = 1 << 20
_KEPT = frozenset({bundle.PROPOSE, bundle.ROWS, bundle.POLICY})


@dataclass(frozen=True)
class Verified:
    """A bundle's verified parts.

    Attributes:
        manifest: The manifest.
        identity: Its SHA-256.
        layout: What it says of the model.
        propose: The proposing graph.
        rows: The row graph.
        starts: int32 [N + 1] by sparse table, where each row's blocks start.
        spectra: float32 [d] by low-rank table.
        policy: How the publisher wants lists to be made; None: the bundle does not say.
    """

    manifest: Manifest
    identity: str
    layout: Layout
    propose: bytes
    rows: bytes
    starts: Mapping[str, NDArray[np.int32]]
    spectra: Mapping[str, NDArray[np.float32]]
    policy: Policy | None


def verify(folder: Path) -> Verified:
    """Verify the bundle in ``folder``.

    Raises:
        BundleSchemaError: If the bundle was made for another version of homespun.
        BundleIntegrityError: If a file is missing or is not what the manifest says, or the policy is none.
        ModelContractError: If a graph or its weights break the contract.
    """
    raw = _read(folder / bundle.MANIFEST, MAX_MANIFEST_BYTES)
    manifest = parse_manifest(raw)
    kept = {}
    for name in (*bundle.FILES, *(name for name in bundle.OPTIONAL_FILES if name in manifest.files)):
        keep = name in _KEPT
        content = _check_file(folder / name, manifest.files[name], keep=keep)
        if keep:
            kept[name] = content
    policy = _policy(kept.get(bundle.POLICY))
    layout, propose, rows = layout_of(manifest), kept[bundle.PROPOSE], kept[bundle.ROWS]
    weights = _check_graphs(layout, propose, rows, manifest.files[bundle.WEIGHTS].size)
    with open_file(folder / bundle.WEIGHTS) as file:
        read = _Reader(file, weights)
        check_tables(layout, read)
        starts = {table: read(f"{table}.starts") for table in layout.sparse}
        spectra = {table: read(f"{table}.spectrum") for table in layout.low_rank}
    return Verified(manifest, hashlib.sha256(raw).hexdigest(), layout, propose, rows, starts, spectra, policy)


def _policy(raw: bytes | None) -> Policy | None:
    try:
        return None if raw is None else parse_policy(raw, bundle.POLICY)
    except PolicyError as error:
        raise BundleIntegrityError(f"the bundle cannot be used, because of its policy: {error}") from error


def _check_file(path: Path, entry: FileEntry, *, keep: bool) -> bytes:
    """Check size and hash; return the content if it is to be kept in memory, else nothing."""
    digest = hashlib.sha256()
    kept = bytearray()
    with open_file(path) as file:
        left = entry.size
        while chunk := file.read(min(_CHUNK, left + 1)):
            left -= len(chunk)
            if left < 0:
                break
            digest.update(chunk)
            if keep:
                kept += chunk
    if left != 0 or digest.hexdigest() != entry.sha256:
        raise BundleIntegrityError(
            f"{path.name} is not the file that the manifest names: it was damaged or exchanged. Get the bundle again."
        )
    return bytes(kept)


def _read(path: Path, limit: int) -> bytes:
    with open_file(path) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise BundleIntegrityError(f"{path.name} is larger than {limit} bytes; it is not read.")
    return content


def open_file(path: Path) -> IO[bytes]:
    """Open an ordinary file of a bundle for reading, and nothing else: a link, a pipe or a device is refused.

    Raises:
        BundleIntegrityError: If it is not an ordinary file or cannot be read.
    """
    try:
        # A link could lead out of the bundle, a pipe would never end. Not every system knows the flags that
        # refuse both at once, so the path is looked at before, and what was opened once more after.
        ordinary = stat.S_ISREG(path.lstat().st_mode)
        file = open(path, "rb", opener=_open) if ordinary else None  # noqa: SIM115 - Path knows no opener
    except OSError as error:
        raise BundleIntegrityError(
            f"{path.name} of the bundle cannot be read ({error.strerror}). Is {path.parent} a bundle, and complete?"
        ) from error
    if file is not None:
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return file
        file.close()
    raise BundleIntegrityError(f"{path.name} of the bundle is not an ordinary file; it is not read.")


def _open(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0))


def _check_graphs(layout: Layout, propose: bytes, rows: bytes, weights_bytes: int) -> dict[str, Weight]:
    """Check both graphs; return where the tables are."""
    where: dict[str, Weight] = {}
    for name, content, expected in (
        ("propose", propose, graphs.propose(layout)),
        ("rows", rows, graphs.rows(layout)),
    ):
        graph = inspect(content, weights_bytes)
        check_topology(name, graph, expected)
        for weight in graph.weights:
            if where.setdefault(weight.name, weight) != weight:
                raise ModelContractError(f"the graphs do not agree on where the weight {weight.name!r} lies.")
    return where


class _Reader:
    """Reads rows of tables from the weights file."""

    def __init__(self, file: IO[bytes], where: dict[str, Weight]) -> None:
        self._file = file
        self._where = where

    def __call__(self, table: str, first: int = 0, count: int | None = None) -> NDArray[Any]:
        """Return ``count`` rows of a table from ``first`` on, at most to its end; all of them, if None."""
        weight = self._where[table]
        dtype, (length, *rest) = DTYPES[weight.tensor.element], weight.tensor.shape
        rows = length - first if count is None else min(count, length - first)
        width = weight.length // length
        self._file.seek(weight.offset + first * width)
        content = self._file.read(rows * width)
        if len(content) != rows * width:
            raise BundleIntegrityError(f"{bundle.WEIGHTS} became shorter while it was read. Open the bundle again.")
        return np.frombuffer(content, dtype).reshape(rows, *rest)
