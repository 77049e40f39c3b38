"""Verifies a bundle's files before anything in them is used.

Order: manifest (schema, then structure), sizes and hashes of every named file, the graphs against the
contract, the weights for values that are not finite. What was verified as bytes is used as bytes.
"""

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import IO

import msgspec
import numpy as np

from homespun.errors import BundleIntegrityError, BundleSchemaError, ModelContractError
from homespun.model.graph import FLOAT, INT64, MAX_GRAPH_BYTES, Graph, Weight, inspect
from homespun.model.topology import check_topology
from homespun.protocol import bundle, contract
from homespun.protocol.bundle import FileEntry, Manifest, PrivacyStatement
from homespun.protocol.contract import decoder_output, encoder_output
from homespun.protocol.events import KIND

MAX_MANIFEST_BYTES = 1 << 20
MAX_ITEMS = 10_000_000
MAX_HISTORY = 100_000
MAX_COMPONENTS = 8
MAX_DIMENSIONS = 4096
MAX_COMPONENT_WEIGHT = 1_000_000
MAX_NEGATIVE_KINDS = 100
MAX_DECIMAL_DIGITS = 100
MAX_DECIMAL_EXPONENT = 100

_CHUNK = 1 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


class _Versions(msgspec.Struct):
    schema: int
    contract: int


@dataclass(frozen=True)
class Verified:
    """A bundle's verified parts: the manifest, its SHA-256, and the two graphs as bytes."""

    manifest: Manifest
    identity: str
    propose: bytes
    rows: bytes


def verify(folder: Path) -> Verified:
    """Verify the bundle in ``folder``.

    Raises:
        BundleSchemaError: If the bundle was made for another version of homespun.
        BundleIntegrityError: If a file is missing or is not what the manifest says.
        ModelContractError: If a graph or its weights break the contract.
    """
    raw = _read(folder / bundle.MANIFEST, MAX_MANIFEST_BYTES)
    manifest = parse_manifest(raw)
    graphs = {}
    for name in bundle.FILES:
        content = _check_file(folder / name, manifest.files[name], keep=name.endswith(".onnx"))
        if name.endswith(".onnx"):
            graphs[name] = content
    _check_graphs(manifest, graphs, folder / bundle.WEIGHTS)
    return Verified(manifest, hashlib.sha256(raw).hexdigest(), graphs[bundle.PROPOSE], graphs[bundle.ROWS])


def parse_manifest(raw: bytes) -> Manifest:
    """Parse and check a manifest.

    Raises:
        BundleSchemaError: If its schema or contract version is not supported.
        BundleIntegrityError: If it is not a manifest or states impossible values.
    """
    try:
        versions = msgspec.json.decode(raw, type=_Versions)
        _check_versions(versions)
        manifest = msgspec.json.decode(raw, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BundleIntegrityError(f"{bundle.MANIFEST} is not a bundle's manifest: {error}.") from error
    except RecursionError as error:
        raise BundleIntegrityError(f"{bundle.MANIFEST} is nested too deeply.") from error
    _check_values(manifest)
    return manifest


def _check_versions(versions: _Versions) -> None:
    supported = (bundle.SCHEMA_VERSION, bundle.CONTRACT_VERSION)
    if (versions.schema, versions.contract) != supported:
        raise BundleSchemaError(
            f"the bundle has schema {versions.schema} and contract {versions.contract}; this homespun reads schema "
            f"{supported[0]} and contract {supported[1]}. Update the older of the two."
        )


def _check_values(manifest: Manifest) -> None:
    names = [component.name for component in manifest.components]
    files = manifest.files
    # First: other checks compare decimals, which fails on NaN and takes for ever on enormous exponents.
    if not all(_is_ordinary(value) for value in _decimals(manifest)):
        raise BundleIntegrityError(f"{bundle.MANIFEST} states a number that is infinite, NaN or absurdly long.")
    checks = {
        "items": 1 <= manifest.items <= MAX_ITEMS,
        "components": 1 <= len(names) <= MAX_COMPONENTS and len(set(names)) == len(names),
        "dimensions": all(1 <= part.dimensions <= MAX_DIMENSIONS for part in manifest.components),
        "component weights": all(abs(part.weight) <= MAX_COMPONENT_WEIGHT for part in manifest.components),
        "text": not any(bundle.CONTROL_CHARACTERS.search(text) for text in _texts(manifest)),
        "history.max_items": 1 <= manifest.history.max_items <= MAX_HISTORY,
        "history.negative_kinds": _are_kinds(manifest.history.negative_kinds),
        "privacy": _is_coherent(manifest.privacy),
        "files": set(files) == set(bundle.FILES),
        "file entries": all(entry.size >= 0 and _SHA256.fullmatch(entry.sha256) for entry in files.values()),
        # Graphs are read into memory, so their size is bounded before.
        "graphs": all(files[name].size <= MAX_GRAPH_BYTES for name in files if name.endswith(".onnx")),
    }
    wrong = [name for name, right in checks.items() if not right]
    if wrong:
        raise BundleIntegrityError(f"{bundle.MANIFEST} states impossible values for: {', '.join(wrong)}.")


def _decimals(manifest: Manifest) -> Iterator[Decimal]:
    privacy = manifest.privacy
    releases = [number for release in privacy.releases for number in (release.sigma, release.rho)]
    weights = [component.weight for component in manifest.components]
    numbers = [*weights, manifest.history.min_weight, privacy.epsilon, privacy.delta, privacy.rho, *releases]
    return (number for number in numbers if number is not None)


def _texts(manifest: Manifest) -> Iterator[str]:
    yield from (manifest.name, manifest.created, manifest.privacy.statement)
    yield from (release.statistic for release in manifest.privacy.releases)


def _are_kinds(kinds: tuple[str, ...]) -> bool:
    return len(set(kinds)) == len(kinds) <= MAX_NEGATIVE_KINDS and all(map(KIND.fullmatch, kinds))


def _is_ordinary(value: Decimal) -> bool:
    return (
        value.is_finite()
        and abs(value.adjusted()) <= MAX_DECIMAL_EXPONENT
        and len(value.as_tuple().digits) <= MAX_DECIMAL_DIGITS
    )


def _is_coherent(privacy: PrivacyStatement) -> bool:
    """Whether figures are stated exactly where there is a guarantee."""
    figures = (privacy.epsilon, privacy.delta, privacy.rho)
    if privacy.kind != "differential_privacy":
        return figures == (None, None, None) and privacy.unit is None and privacy.neighbours is None
    return privacy.unit is not None and privacy.neighbours is not None and all(n is not None and n > 0 for n in figures)


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


def _check_graphs(manifest: Manifest, graphs: dict[str, bytes], weights_path: Path) -> None:
    size = manifest.files[bundle.WEIGHTS].size
    propose = inspect(graphs[bundle.PROPOSE], size)
    rows = inspect(graphs[bundle.ROWS], size)
    _check_names("propose", propose, {"history": INT64, "weights": FLOAT, "count": INT64}, {"candidates": INT64})
    outputs = {"bias": FLOAT}
    for component in manifest.components:
        outputs |= {encoder_output(component.name): FLOAT, decoder_output(component.name): FLOAT}
    _check_names("rows", rows, {"items": INT64}, outputs)
    dimensions: dict[str, int] = {component.name: component.dimensions for component in manifest.components}
    names, weights = list(dimensions), contract.weights(dimensions, manifest.items)
    check_topology(
        "propose",
        propose,
        contract.propose_nodes(names),
        weights=weights,
        constants=contract.propose_constants(names),
    )
    check_topology("rows", rows, contract.rows_nodes(names), weights=weights, constants=contract.rows_constants())
    _check_finite({*propose.weights, *rows.weights}, weights_path)


def _check_names(what: str, graph: Graph, inputs: dict[str, int], outputs: dict[str, int]) -> None:
    if graph.inputs != inputs or graph.outputs != outputs:
        raise ModelContractError(f"the inputs or outputs of the {what} graph are not those of the contract.")


def _check_finite(weights: set[Weight], path: Path) -> None:
    for weight in weights:
        if weight.element == FLOAT and weight.length and weight.offset is not None:
            count = weight.length // 4
            with open_file(path) as file:
                values = np.memmap(file, np.dtype("<f4"), mode="r", offset=weight.offset, shape=(count,))
                finite = bool(np.isfinite(values).all())
                del values
            if not finite:
                raise ModelContractError(
                    f"the weight {weight.name!r} holds NaN or infinity, so scores would mean nothing. "
                    "Do not use the bundle."
                )
