"""Prepares a run: its inputs are hashed, its keys computed, and the channel's bundle found. Spends nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from homespun.errors import MisuseError
from homespun_server.errors import NotRegisteredError
from homespun_server.evaluation.comparison import Observer
from homespun_server.publishing.repository.rollout import Entry
from homespun_server.running.asked import Asked
from homespun_server.running.cache import Cache
from homespun_server.running.job import Clock, Incumbent, Job, Places
from homespun_server.running.keys import code_versions
from homespun_server.running.options import files_of, fit_options
from homespun_server.running.overrides import Override, check_overrides
from homespun_server.running.settings import Pipeline
from homespun_server.running.steps.bundle import FILE, Bundled
from homespun_server.running.steps.step import STEPS

_BEFORE_MEASURING = ("ingest", "statistics", "release", "train")


def prepare(
    pipeline: Pipeline,
    folder: Path,
    places: Places,
    *,
    clock: Clock,
    observer: Observer,
    overrides: Sequence[Override] = (),
    spend_again: bool = False,
    again: bool = False,
) -> Job:
    """Return a run that is ready to begin.

    Args:
        pipeline: What was asked.
        folder: What its paths are relative to.
        places: Where things are.
        clock: The time.
        observer: Called with (step, done, in all).
        overrides: Gates that somebody lets pass.
        spend_again: Whether what was charged, and cannot be used, may be spent again.
        again: Whether another bundle of counts may be signed although one of them was taken back, or is rolling out.

    Raises:
        MisuseError: If an input cannot be read, an option means nothing, or an override has no reason.
        PolicyError: If the policy cannot be used.
        RepositoryError: If the signed repository is not as it was left.
    """
    check_overrides(overrides)
    if pipeline.publish is not None and (places.repository is None or places.registry is None):
        raise MisuseError(
            "the pipeline publishes, and there is no working directory to publish from. Name it (--in), make one with "
            "homespun-server init, or leave the table [publish] out."
        )
    files = files_of(pipeline, folder)
    options = fit_options(pipeline, files)
    asked = Asked(pipeline=pipeline, files=files, options=options, code=code_versions(), overrides=tuple(overrides))
    keys: dict[str, str] = {}
    for step in STEPS:
        if step.name in _BEFORE_MEASURING:
            keys[step.name] = step.key(asked, keys)
    incumbent = _incumbent(pipeline.channel, places, keys["train"])
    asked = replace(asked, parent=None if incumbent is None else incumbent.identity)
    for step in STEPS:
        if step.name not in _BEFORE_MEASURING:
            keys[step.name] = step.key(asked, keys)
    return Job(
        asked=asked,
        places=places,
        keys=keys,
        incumbent=incumbent,
        spend_again=spend_again,
        again=again,
        clock=clock,
        observer=observer,
    )


def _incumbent(channel: str, places: Places, train: str) -> Incumbent | None:
    """Return what the channel had before anything of this training was released there."""
    if places.repository is None or places.registry is None:
        return None
    identity = had(places.repository.history(channel), own_identities(places.work, train))
    if identity is None:
        return None
    try:
        return Incumbent(identity=identity, folder=places.registry.folder(identity))
    except NotRegisteredError:
        return Incumbent(identity=identity, folder=None)


def had(history: Sequence[Entry], own: frozenset[str]) -> str | None:
    """Return the bundle that a channel had before one of ``own`` was released there; None: none.

    A rerun after publishing is thus held against what the first run was, and not against itself.

    Args:
        history: The channel's releases, in order.
        own: Identities of the bundles that this pipeline made of the same training.
    """
    found = None
    for entry in history:
        if entry.release.bundle in own:
            return found
        if entry.release.share and not entry.release.paused and not entry.withdrawn:
            found = entry.release.bundle
    return found


def own_identities(work: Path, train: str) -> frozenset[str]:
    """Return the identities of the bundles that were made of a training."""
    return frozenset(each.identity for each in _bundled(Cache(work)) if each.train == train)


def same_releases(work: Path, release: str) -> frozenset[str]:
    """Return the identities of the bundles that were made of the same counts."""
    return frozenset(each.identity for each in _bundled(Cache(work)) if each.release == release)


def _bundled(cache: Cache) -> Iterator[Bundled]:
    for path in sorted((cache.root / "bundle").glob(f"*/{FILE}")):
        yield msgspec.json.decode(path.read_bytes(), type=Bundled)
