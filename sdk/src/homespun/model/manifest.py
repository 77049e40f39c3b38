"""Parses a bundle's manifest and checks that every value in it is possible."""

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal

import msgspec

from homespun.errors import BundleIntegrityError, BundleSchemaError
from homespun.model.graph import MAX_GRAPH_BYTES
from homespun.protocol import bundle
from homespun.protocol.bundle import Component, Context, Kernel, Manifest, PrivacyStatement
from homespun.protocol.events import KIND, MAX_CONTEXT_LENGTH
from homespun.protocol.policy.policy import MAX_BYTES

MAX_ITEMS = 10_000_000
MAX_HISTORY = 100_000
MAX_DIMENSIONS = 4096
MAX_BLOCKS = (1 << 31) - 1
MAX_PRIORS = 64
MAX_CONTEXTS = 64
MAX_CONTEXT_VALUES = 10_000
MAX_ARCHETYPES = 256
MAX_WEIGHT = 1_000_000
MAX_NEGATIVE_KINDS = 100
MAX_DECIMAL_DIGITS = 100
MAX_DECIMAL_EXPONENT = 100

_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


class _Versions(msgspec.Struct):
    schema: int
    contract: int


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
    files, history, new = manifest.files, manifest.history, manifest.new_items
    # First: other checks compare decimals, which fails on NaN and takes for ever on enormous exponents.
    if not all(_is_ordinary(value) for value in _decimals(manifest)):
        raise BundleIntegrityError(f"{bundle.MANIFEST} states a number that is infinite, NaN or absurdly long.")
    checks = {
        "items": 1 <= manifest.items <= MAX_ITEMS,
        "components": bool(manifest.components) and _are_distinct(part.name for part in manifest.components),
        "tables": _are_tables(manifest.components),
        "kernels": all(_is_kernel(part.kernel) for part in manifest.components),
        "priors": 1 <= len(manifest.priors) <= MAX_PRIORS and _are_distinct(each.name for each in manifest.priors),
        "contexts": _are_contexts(manifest.contexts),
        "own_weights": manifest.repeats is not None or all(each.own_weights is None for each in manifest.contexts),
        "archetypes": manifest.archetypes is None or 1 <= manifest.archetypes.count <= MAX_ARCHETYPES,
        "weights": all(_are_weights(weights) for weights in _weights(manifest)),
        "new_items": 0 <= new.first <= manifest.items
        and new.every >= 0
        and not (new.every and new.first == manifest.items),
        "text": not any(bundle.CONTROL_CHARACTERS.search(text) for text in _texts(manifest)),
        "history.max_items": 1 <= history.max_items <= MAX_HISTORY,
        "history.negative_kinds": _are_kinds(history.negative_kinds),
        "privacy": _is_coherent(manifest.privacy),
        "files": files.keys() - set(bundle.OPTIONAL_FILES) == set(bundle.FILES),
        "file entries": all(entry.size >= 0 and _SHA256.fullmatch(entry.sha256) for entry in files.values()),
        # Graphs and the policy are read into memory, so their size is bounded before.
        "policy": bundle.POLICY not in files or files[bundle.POLICY].size <= MAX_BYTES,
        "graphs": all(files[name].size <= MAX_GRAPH_BYTES for name in files if name.endswith(".onnx")),
    }
    wrong = [name for name, right in checks.items() if not right]
    if wrong:
        raise BundleIntegrityError(f"{bundle.MANIFEST} states impossible values for: {', '.join(wrong)}.")


def _weights(manifest: Manifest) -> Iterator[tuple[Decimal, ...]]:
    """Yield everything that has a value for each activity level."""
    yield from (part.weights for part in manifest.components)
    yield from (prior.weights for prior in manifest.priors)
    yield from (context.weights for context in manifest.contexts)
    yield from (context.own_weights for context in manifest.contexts if context.own_weights is not None)
    if manifest.archetypes:
        yield manifest.archetypes.weights
    if manifest.repeats:
        yield manifest.repeats.count_weights
        yield manifest.repeats.seen_weights


def _decimals(manifest: Manifest) -> Iterator[Decimal]:
    privacy = manifest.privacy
    kernels = [number for part in manifest.components for number in (part.kernel.age, part.kernel.gap)]
    releases = [number for release in privacy.releases for number in (release.sigma, release.rho)]
    weights = [weight for weights in _weights(manifest) for weight in weights]
    figures = (manifest.history.min_weight, privacy.epsilon, privacy.delta, privacy.rho)
    return (number for number in (*weights, *kernels, *figures, *releases) if number is not None)


def _texts(manifest: Manifest) -> Iterator[str]:
    yield from (manifest.name, manifest.created, manifest.privacy.statement)
    yield from (release.statistic for release in manifest.privacy.releases)
    yield from (text for context in manifest.contexts for text in (context.feature, *context.values))


def _are_distinct(names: Iterable[str]) -> bool:
    listed = list(names)
    return len(set(listed)) == len(listed)


def _are_weights(weights: tuple[Decimal, ...]) -> bool:
    return len(weights) == len(bundle.ACTIVITY_LEVELS) and all(abs(weight) <= MAX_WEIGHT for weight in weights)


def _is_kernel(kernel: Kernel) -> bool:
    return all(scale is None or scale > 0 for scale in (kernel.age, kernel.gap))


def _are_tables(components: tuple[Component, ...]) -> bool:
    """Whether every component has a table, and tables that share a name are the same."""
    sizes: dict[str, set[tuple[object, ...]]] = {}
    for part in components:
        if part.low_rank is not None:
            sizes.setdefault(part.low_rank, set()).add(("low rank", part.dimensions))
        if part.sparse is not None:
            sizes.setdefault(part.sparse, set()).add(("sparse", part.bits, part.blocks))
    return (
        all(_has_tables(part) for part in components)
        and all(len(found) == 1 for found in sizes.values())
        and sizes.keys().isdisjoint(bundle.RESERVED_TABLES)
    )


def _has_tables(part: Component) -> bool:
    low_rank = part.dimensions == 0 if part.low_rank is None else 1 <= part.dimensions <= MAX_DIMENSIONS
    if part.sparse is None:
        return low_rank and part.low_rank is not None and (part.bits, part.blocks) == (None, 0)
    return low_rank and part.bits is not None and 1 <= part.blocks <= MAX_BLOCKS


def _are_contexts(contexts: tuple[Context, ...]) -> bool:
    texts = [text for context in contexts for text in (context.feature, *context.values)]
    return (
        len(contexts) <= MAX_CONTEXTS
        and len(texts) <= MAX_CONTEXT_VALUES
        and _are_distinct(_names(contexts))
        and all(context.values and _are_distinct(context.values) for context in contexts)
        and all(len(text) <= MAX_CONTEXT_LENGTH for text in texts)
        and all(context.feature for context in contexts)
    )


def _names(contexts: tuple[Context, ...]) -> Iterator[str]:
    """Yield what explanations call the parts that depend on circumstances."""
    yield from (context.feature for context in contexts)
    yield from (bundle.own_name(context.feature) for context in contexts if context.own_weights is not None)


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
