"""Sign, publish, roll out: what is kept by the registry and the signed repository, and asked of them every time.

Signing puts a release of no device at all into the channel's document; publishing gives it to the first share; rolling
out goes on to the next one when its time has come, in this run or a later one of the same pipeline. Each looks at what
is there first, so that a run which was ended does nothing twice. What somebody took back is left alone: a share that
was made smaller, a release that was paused or withdrawn, a bundle that was retired.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from homespun.errors import MisuseError
from homespun.protocol.channel import SHARES, Release
from homespun_server.errors import OutputError
from homespun_server.publishing.registry import stage_on
from homespun_server.publishing.repository.rollout import Entry
from homespun_server.results import BUNDLE_FOLDER
from homespun_server.running.cache import write_json
from homespun_server.running.job import Job
from homespun_server.running.lineage import FILE as LINEAGE_FILE
from homespun_server.running.ports import BundleRegistry, Repository
from homespun_server.running.preparing import same_releases
from homespun_server.running.settings import Publish
from homespun_server.running.steps.bundle import bundled
from homespun_server.running.steps.gates import FILE as GATES_FILE

_WHO = "homespun-server run"


class Reached(msgspec.Struct, frozen=True, kw_only=True):
    """How far a release has come, in the work folder.

    Attributes:
        number: The release's.
        share: The share that it was given last, in parts of ``SHARES``.
        since: When, ISO 8601, UTC.
    """

    number: int
    share: int
    since: str


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """What rolling out does now.

    Attributes:
        share: The share to give, in parts of ``SHARES``; None: nothing now.
        words: Why.
    """

    share: int | None
    words: str


def register(job: Job, registry: BundleRegistry) -> str:
    """Put the bundle into the registry, with its lineage and its gates, and return its identity."""
    made = job.made("bundle")
    lineage = msgspec.json.decode((made / LINEAGE_FILE).read_bytes(), type=dict[str, object])
    gates = msgspec.json.decode((job.made("gates") / GATES_FILE).read_bytes(), type=dict[str, object])
    return registry.add(made / BUNDLE_FOLDER, lineage=lineage, gates=gates, note=_note(job)).id


def sign(job: Job, repository: Repository) -> Release:
    """Return the bundle's release on the channel; signed now, for no device yet, where there is none.

    Raises:
        MisuseError: If another bundle of the same counts was taken back, or is rolling out, and nobody said to go on.
    """
    identity, channel = bundled(job.made("bundle")).identity, job.pipeline.channel
    history = repository.history(channel)
    there = release_of(history, identity)
    if there is not None:
        return there
    asked = job.pipeline.publish or Publish()
    if not job.again:
        check_not_taken_back(history, same_releases(job.places.work, job.keys["release"]), asked)
    return repository.publish(
        job.made("bundle") / BUNDLE_FOLDER,
        channel,
        share=0,
        minimum_client=asked.minimum_client,
        note=asked.note,
    )


def publish(job: Job, repository: Repository, registry: BundleRegistry, release: Release) -> Move:
    """Give the release to the first share of devices, where none has it yet."""
    asked, channel = job.pipeline.publish or Publish(), job.pipeline.channel
    stage = registry.get(release.bundle).stage
    if release.share:
        if stage == "draft":  # ended before it could be noted, or given by somebody else: devices have it
            _move(job, registry, release)
        return Move(share=None, words=f"{release.share / SHARES:.2%} of devices may have it already")
    documented = repository.channel(channel).releases
    newest = bool(documented) and documented[-1].number == release.number
    if not newest or release.paused or stage == "retired" or reached_in(_path(job, release.number)) is not None:
        return Move(share=None, words=f"release {release.number} was taken back; it is left alone")
    share = parts_of(asked.shares[0])
    # First: a draft may be deleted, and what a device may have is none.
    _move(job, registry, release)
    repository.set_share(channel, release.number, share)
    _reach(job, release.number, share)
    return Move(share=share, words=f"release {release.number} is for {share / SHARES:.2%} of devices")


def roll_out(job: Job, repository: Repository, registry: BundleRegistry, number: int) -> Move:
    """Go on to the next share, if its time has come."""
    asked, channel = job.pipeline.publish or Publish(), job.pipeline.channel
    now = job.clock()
    document = repository.channel(channel)
    release = next((each for each in document.releases if each.number == number), None)
    if release is None or document.releases[-1].number != number:
        return Move(share=None, words=f"release {number} is not the channel's newest any more; nothing is rolled out")
    if registry.get(release.bundle).stage == "retired":
        return Move(share=None, words=f"the bundle of release {number} is retired; nothing is rolled out")
    reached = reached_in(_path(job, number))
    had = 0 if reached is None else reached.share
    if not release.share or release.share < had:
        words = f"release {number} has {release.share / SHARES:.2%}, and had {had / SHARES:.2%}: it was taken back"
        return Move(share=None, words=f"{words}. Give it more with homespun-server rollout share to let it go on")
    if reached is None or release.share > had:
        # Somebody else gave it this share, or this program was ended before it could note when.
        reached = _reach(job, number, release.share)
    move = next_move(release, asked, since=datetime.fromisoformat(reached.since), now=now)
    if move.share is not None:
        repository.set_share(channel, number, move.share)
        _reach(job, number, move.share)
    return move


def next_move(release: Release, asked: Publish, *, since: datetime, now: datetime) -> Move:
    """Return what rolling out does now. Pure.

    Args:
        release: The release.
        asked: The shares, and how long each is left.
        since: When it was given its share.
        now: The time.
    """
    later = [share for share in map(parts_of, asked.shares) if share > release.share]
    if release.paused:
        return Move(share=None, words=f"release {release.number} is paused")
    if not later:
        return Move(
            share=None, words=f"release {release.number} has reached {release.share / SHARES:.2%}, the last share"
        )
    due = since + timedelta(hours=asked.hours)
    if now < due:
        when = due.astimezone(UTC).isoformat(timespec="minutes")
        words = f"release {release.number} has {release.share / SHARES:.2%}; {later[0] / SHARES:.2%} from {when} on"
        return Move(share=None, words=f"{words}, by a later run")
    return Move(share=later[0], words=f"release {release.number} goes on to {later[0] / SHARES:.2%} of devices")


def check_not_taken_back(history: Sequence[Entry], own: frozenset[str], asked: Publish) -> None:
    """Refuse another bundle of counts of which one was taken back, or has not reached its last share. Pure.

    An update of a library or another reason for an override makes another bundle; that is no reason to give devices
    again what somebody took from them.

    Args:
        history: The channel's releases, in order.
        own: Identities of the bundles that were made of the same counts.
        asked: The shares.

    Raises:
        MisuseError: If so.
    """
    for entry in history:
        release = entry.release
        if release.bundle not in own:
            continue
        unfinished = entry is history[-1] and (release.paused or release.share < parts_of(asked.shares[-1]))
        if entry.withdrawn or unfinished:
            raise MisuseError(
                f"this bundle differs from release {release.number}, which was made of the same counts and "
                f"{'was withdrawn' if entry.withdrawn else 'has not reached its last share'}. Nothing was signed. To "
                "release it all the same, run again with --again; a new table of interactions needs no such word."
            )


def release_of(history: Sequence[Entry], identity: str) -> Release | None:
    """Return the latest release of a bundle on a channel; None: it was never released there."""
    return next((entry.release for entry in reversed(history) if entry.release.bundle == identity), None)


def parts_of(share: float) -> int:
    """Return a share in parts of ``SHARES``, at least one part."""
    return max(1, round(share * SHARES))


def reached_in(path: Path) -> Reached | None:
    """Return how far a release has come; None: nobody noted it."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Reached)
    except (OSError, msgspec.MsgspecError):
        return None


def _reach(job: Job, number: int, share: int) -> Reached:
    path = _path(job, number)
    reached = Reached(number=number, share=share, since=job.clock().astimezone(UTC).isoformat(timespec="seconds"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        write_json(new, reached)
        new.replace(path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error}. Make room, and run again.") from error
    return reached


def _path(job: Job, number: int) -> Path:
    return job.places.work / "rollout" / f"{job.pipeline.channel.replace('/', '.')}.{number}.json"


def _move(job: Job, registry: BundleRegistry, release: Release) -> None:
    stage = stage_on(job.pipeline.stage, registry.get(release.bundle).stage)
    registry.move(release.bundle, stage, _WHO, f"released on {job.pipeline.channel} as {release.number}")


def _note(job: Job) -> str:
    return f"{job.pipeline.name}, for {job.pipeline.channel}"
