"""The first keys, the first root, and a repository without releases."""

from securesystemslib.signer import Key
from tuf.api.metadata import Metadata, Root

from homespun.errors import ChannelError, MisuseError
from homespun.protocol.channel import Channel, check_channel_name, role_name
from homespun_server.errors import RepositoryError
from homespun_server.publishing.repository.files import write
from homespun_server.publishing.repository.keys import Keys
from homespun_server.publishing.repository.publisher import Publisher
from homespun_server.publishing.repository.roles import (
    ROOT,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    delegate,
    first_root,
    no_targets,
)

MAX_ROOT_KEYS = 32
"""Root keys that a root may name."""


def initialize(publisher: Publisher, channels: tuple[str, ...], *, root_keys: int, threshold: int) -> None:
    """Make all keys, the first root and a repository without releases. See ``SignedRepository.create``."""
    _check_counts(root_keys, threshold)
    check_names(channels)
    with publisher.writing():
        _check_new(publisher)
        keys = _generate(publisher.keys, root_keys)
        root = first_root(keys, threshold, publisher.now() + publisher.lifetimes.root)
        signed = _signed(root, publisher.keys)
        raw = signed.to_bytes()
        write(publisher.layout.role(ROOT, 1), raw, publisher.step, "root")
        write(publisher.trusted, raw, publisher.step, "trusted root")
        targets = no_targets(publisher.now())
        for channel in channels:
            targets = delegate(targets, channel, publisher.keys.online.generate(role_name(channel)))
        transaction = publisher.begin(root)
        transaction.targets(targets)
        for channel in channels:
            transaction.channel(empty(channel), {}, targets)
        transaction.finish(snapshot=True)


def check_names(channels: tuple[str, ...]) -> None:
    """Refuse what are no names of channels.

    Raises:
        MisuseError: One is none, or is named twice.
    """
    try:
        for channel in channels:
            check_channel_name(channel)
    except ChannelError as error:
        raise MisuseError(str(error)) from error
    if len(set(channels)) != len(channels):
        raise MisuseError(f"a channel is named twice: {', '.join(channels)}. Nothing was made.")


def empty(channel: str) -> Channel:
    """Return the document of a channel without releases."""
    application, stage = check_channel_name(channel)
    return Channel(application=application, stage=stage)


def _generate(keys: Keys, root_keys: int) -> dict[str, list[Key]]:
    roots: list[Key] = [keys.offline[number % len(keys.offline)].generate(ROOT) for number in range(root_keys)]
    return {
        ROOT: roots,
        TARGETS: [keys.offline[0].generate(TARGETS)],
        SNAPSHOT: [keys.online.generate(SNAPSHOT)],
        TIMESTAMP: [keys.online.generate(TIMESTAMP)],
    }


def _signed(root: Root, keys: Keys) -> Metadata[Root]:
    metadata: Metadata[Root] = Metadata(root)
    for signer in keys.signers(root.roles[ROOT].keyids):
        metadata.sign(signer, append=True)
    return metadata


def _check_counts(root_keys: int, threshold: int) -> None:
    if not 1 <= threshold <= root_keys <= MAX_ROOT_KEYS:
        raise MisuseError(
            f"{threshold} of {root_keys} root keys cannot sign a root: at least one key signs, and there are at most "
            f"{MAX_ROOT_KEYS}. Nothing was made."
        )


def _check_new(publisher: Publisher) -> None:
    if publisher.layout.timestamp.exists() or publisher.layout.highest(ROOT):
        raise RepositoryError(
            f"there is a repository in {publisher.layout.folder}; it was left alone. Name another folder, or open it."
        )
    for store in publisher.keys.stores:
        if store.files():
            raise RepositoryError(
                f"there are keys in {store.folder}; they were left alone. Name another folder, or, if they belong to "
                "a repository that was never finished, remove them."
            )
