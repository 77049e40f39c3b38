"""What is done to the keys: the first root, rotation, revocation, and signatures that several people give.

A new root names new keys, and is signed by the threshold of the root before and by its own. Devices look for it before
anything else, so that it is in force from the moment its file is there. Before that, whatever its keys are to sign is
signed by the old keys and the new ones, so that a device is content with it before and after. Only where an old key is
lost is that not possible: then devices refuse what they are given between the two steps, and keep what they have.

A channel's key is named by the targets role, in the same step as what it signs.

Where root keys lie in several places, making new ones never leaves them in fewer: a threshold of keys in one hand is
none. Keys whose place is not known here count as being each in a place of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tuf.api.metadata import Metadata, Root, Targets

from homespun.errors import MisuseError
from homespun.protocol.channel import role_name
from homespun_server.errors import SigningKeyError
from homespun_server.publishing.repository.files import write
from homespun_server.publishing.repository.founding import check_names, empty
from homespun_server.publishing.repository.keys import Keys, KeyStore
from homespun_server.publishing.repository.publisher import Draft, Publisher
from homespun_server.publishing.repository.roles import (
    OFFLINE,
    ROOT,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    TOP_LEVEL,
    channel_of,
    copy_of,
    copy_of_root,
    delegate,
    delegated,
)
from homespun_server.publishing.repository.state import State, check_follows, parse_root
from homespun_server.publishing.repository.transaction import can_sign

_SIGNED_BY_ROOT = (TARGETS, SNAPSHOT, TIMESTAMP)


@dataclass(frozen=True, kw_only=True)
class Rotation:
    """What became of a change of keys.

    Attributes:
        added: Identities of the new keys.
        removed: Identities of those that are trusted no more.
        root: The new root where signatures are missing, to be signed with ``sign_root`` and installed with
            ``install``; None: the change is in force.
        missing: How many signatures it lacks, at most.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    root: bytes | None = None
    missing: int = 0


@dataclass(frozen=True, kw_only=True)
class KeyUse:
    """A key that is trusted, or that lies in a folder.

    Attributes:
        role: What it signs.
        keyid: Its identity.
        threshold: How many keys of the role must sign; 0: nothing trusts this key.
        where: The folders that have its private half.
        created: When it was made, ISO 8601; empty where that is not known here.
    """

    role: str
    keyid: str
    threshold: int
    where: tuple[str, ...]
    created: str


def sign_root(raw: bytes, keys: Keys) -> tuple[bytes, int]:
    """Add the signatures of those root keys that are here to a root that is not in force yet.

    Args:
        raw: The root, as ``Rotation.root`` or another person gave it.
        keys: Where the keys are.

    Returns:
        The root, and how many signatures were added.

    Raises:
        SigningKeyError: None of the root's keys that have not signed yet is here.
        RepositoryError: It is no root.
    """
    root = parse_root(raw)
    # Keys of the root before may sign as well, and are named by nothing here.
    here = [file.keyid for store in keys.stores for file in store.files() if file.role == ROOT]
    new = [keyid for keyid in dict.fromkeys(here) if keyid not in root.signatures]
    for signer in keys.signers(new):
        root.sign(signer, append=True)
    if not new:
        raise SigningKeyError("no root key is here that has not signed this root yet; nothing was signed.")
    return root.to_bytes(), len(new)


class Ceremony:
    """What is done to the keys of a repository."""

    def __init__(self, publisher: Publisher) -> None:
        """Use ``SignedRepository.keys`` instead."""
        self._publisher = publisher
        self._keys = publisher.keys

    def show(self) -> tuple[KeyUse, ...]:
        """Return every key that is trusted, and every private key that is here.

        Raises:
            RepositoryError: The repository is not as it was left.
            SigningKeyError: A key file is damaged.
        """
        state = self._publisher.load()
        where: dict[str, list[str]] = {}
        files = {}
        for store in self._keys.stores:
            for file in store.files():
                where.setdefault(file.keyid, []).append(str(store.folder))
                files[file.keyid] = file
        roles = {**state.root.signed.roles, **delegated(state.targets.signed)}
        trusted = [
            KeyUse(
                role=name,
                keyid=keyid,
                threshold=role.threshold,
                where=tuple(where.get(keyid, ())),
                created=files[keyid].created if keyid in files else "",
            )
            for name, role in roles.items()
            for keyid in role.keyids
        ]
        used = {use.keyid for use in trusted}
        unused = [
            KeyUse(role=file.role, keyid=keyid, threshold=0, where=tuple(where[keyid]), created=file.created)
            for keyid, file in files.items()
            if keyid not in used
        ]
        return (*trusted, *unused)

    def add_channel(self, channel: str) -> None:
        """Make a channel and its key. See ``SignedRepository.add_channel``."""
        check_names((channel,))
        with self._publisher.changing() as state:
            if channel in state.documents:
                raise MisuseError(f"there is a channel {channel!r} already; nothing was changed.")
            self._need_targets_key(state)
            targets = delegate(state.targets.signed, channel, self._keys.online.generate(role_name(channel)))
            self._publisher.commit(state, Draft(targets=targets, channels={channel: (empty(channel), {})}))

    def rotate(self, role: str) -> Rotation:
        """Replace all keys of a role, or of a channel, by new ones.

        Args:
            role: ``root``, ``targets``, ``snapshot``, ``timestamp``, or a channel's name.

        Raises:
            MisuseError: There is no such role or channel, or too few folders are named for the new root keys.
            RepositoryError: See ``SignedRepository.open``.
            SigningKeyError: A key that is needed is not here.
            OutputError: The disk refuses.
        """
        with self._publisher.changing() as state:
            if role in TOP_LEVEL:
                return self._replace_top(state, role, state.root.signed.roles[role].keyids)
            if role not in state.documents:
                raise MisuseError(f"{role!r} is neither a role nor a channel; nothing was changed.")
            return self._replace_channel(state, role, list(delegated(state.targets.signed)[role_name(role)].keyids))

    def revoke(self, keyid: str, *, replace: bool = True) -> Rotation:
        """Trust a key no more, and sign anew all that it had signed.

        Args:
            keyid: The key's identity, or how it begins.
            replace: Whether to make a new key in its place; one is always made where too few would be left.

        Raises:
            MisuseError: No key, or more than one, begins like that, or the new root key would join another.
            RepositoryError: See ``SignedRepository.open``.
            SigningKeyError: A key that is needed is not here.
            OutputError: The disk refuses.
        """
        with self._publisher.changing() as state:
            role, whole = _find(state, keyid)
            if role not in TOP_LEVEL:
                return self._replace_channel(state, channel_of(role), [whole])
            return self._replace_top(state, role, [whole], replace=replace)

    def renew(self) -> Rotation:
        """Sign a new version of the root with the keys that it has, lest it expires. Raises as ``rotate``."""
        with self._publisher.changing() as state:
            return self._put(state, self._next_root(state), added=(), removed=())

    def install(self, raw: bytes) -> Rotation:
        """Put a root in force that people signed one after the other.

        Args:
            raw: The root, with the signatures of both thresholds.

        Raises:
            RepositoryError: Signatures are missing, or it does not follow the root that is in force.
            SigningKeyError: A key that signs for it is not here.
            OutputError: The disk refuses.
        """
        root = parse_root(raw)
        with self._publisher.changing() as state:
            before, after = _every_key(state.root.signed), _every_key(root.signed)
            check_follows(root, state.root.signed)
            return self._put(state, root, added=sorted(after - before), removed=sorted(before - after))

    def _replace_channel(self, state: State, channel: str, old: list[str]) -> Rotation:
        self._need_targets_key(state)
        name = role_name(channel)
        targets: Targets = copy_of(state.targets.signed)
        for keyid in old:
            targets.revoke_key(keyid, name)
        new = self._keys.online.generate(name)
        targets.add_key(new, name)
        channels = {channel: (state.documents[channel], state.files(channel))}
        self._publisher.commit(state, Draft(targets=targets, channels=channels))
        self._keys.delete(old)
        return Rotation(added=(new.keyid,), removed=tuple(old))

    def _replace_top(self, state: State, role: str, old: Sequence[str], *, replace: bool = True) -> Rotation:
        old = list(old)
        self._check_place(state, role)
        root = self._next_root(state)
        for keyid in old:
            root.signed.revoke_key(keyid, role)
        left = root.signed.roles[role]
        missing = max(0, left.threshold - len(left.keyids))
        places = self._places(state, role, left.keyids, len(old) if replace else missing)
        new = [place.generate(role) for place in places]
        for key in new:
            root.signed.add_key(key, role)
        return self._put(state, root, added=[key.keyid for key in new], removed=old)

    def _put(self, state: State, root: Metadata[Root], *, added: Sequence[str], removed: Sequence[str]) -> Rotation:
        wanted = [*state.root.signed.roles[ROOT].keyids, *root.signed.roles[ROOT].keyids]
        for signer in self._keys.signers(keyid for keyid in wanted if keyid not in root.signatures):
            root.sign(signer, append=True)
        result = root.signed.get_root_verification_result(state.root.signed, root.signed_bytes, root.signatures)
        rotation = Rotation(added=tuple(added), removed=tuple(removed))
        if not result:
            missing = max(result.first.missing, result.second.missing)
            return Rotation(added=rotation.added, removed=rotation.removed, root=root.to_bytes(), missing=missing)
        self._install(state, root)
        self._keys.delete(removed)
        return rotation

    def _install(self, state: State, root: Metadata[Root]) -> None:
        publisher = self._publisher
        changed = [role for role in _SIGNED_BY_ROOT if not _accepts(root.signed, role, state)]
        for role in changed:
            if not can_sign(self._keys, role, (root.signed,)):
                raise SigningKeyError(
                    f"the new key of the role {role} is not here, so devices would find nothing that it signed. "
                    "Nothing was put in force; name the folder that has it."
                )
        if changed and all(can_sign(self._keys, role, (state.root.signed, root.signed)) for role in changed):
            publisher.commit(state, Draft(coming=root.signed, anew=frozenset(changed)))
        raw = root.to_bytes()
        write(publisher.layout.role(ROOT, root.signed.version), raw, publisher.step, "root")
        write(publisher.trusted, raw, publisher.step, "trusted root")
        # What bears signatures that count no more is signed by the new keys alone.
        publisher.commit(publisher.load(), Draft())

    def _next_root(self, state: State) -> Metadata[Root]:
        root = copy_of_root(state.root.signed)
        root.version += 1
        root.expires = self._publisher.now() + self._publisher.lifetimes.root
        return Metadata(root)

    def _places(self, state: State, role: str, kept: Sequence[str], count: int) -> list[KeyStore]:
        if role not in OFFLINE:
            return [self._keys.online] * count
        # Whoever keeps a key of the role comes last, so that nobody gets a second one while another has none.
        stores = sorted(self._keys.offline, key=lambda store: any(store.holds(keyid) for keyid in kept))
        if role != ROOT or not count:
            return [stores[number % len(stores)] for number in range(count)]
        distinct = list({store.folder.resolve(): store for store in stores}.values())
        places = [distinct[number % len(distinct)] for number in range(count)]
        before = self._keys.holders(state.root.signed.roles[ROOT].keyids)
        after = self._keys.holders(kept) | {str(place.folder.resolve()) for place in places}
        if len(after) < len(before):
            raise MisuseError(
                f"the root's keys lie in {len(before)} places, and would lie in {len(after)}: one person would hold "
                "several, and the threshold would mean less. Nothing was changed; name with --offline the folder of "
                "each person who gets a new key, or exchange one person's key with keys revoke and their own folder."
            )
        return places

    def _check_place(self, state: State, role: str) -> None:
        # Otherwise a key that is kept in a drawer would be followed by one beside the server.
        if role in OFFLINE and not self._keys.apart and not self._keys.count(state.root.signed.roles[role].keyids):
            raise SigningKeyError(
                f"the keys of the role {role} are kept apart, and so are new ones: name their folder with --offline. "
                "Nothing was changed."
            )

    def _need_targets_key(self, state: State) -> None:
        if not can_sign(self._keys, TARGETS, (state.root.signed,)):
            raise SigningKeyError(
                "the key of the targets role is not here, and only it says who signs for a channel. Nothing was "
                "changed; name the folder that has it, for instance with --offline."
            )


def _accepts(root: Root, role: str, state: State) -> bool:
    metadata: Metadata[Any] = state.role(role)
    return bool(root.get_verification_result(role, metadata.signed_bytes, metadata.signatures))


def _every_key(root: Root) -> set[str]:
    return {keyid for role in root.roles.values() for keyid in role.keyids}


def _find(state: State, keyid: str) -> tuple[str, str]:
    roles = {**state.root.signed.roles, **delegated(state.targets.signed)}
    found = [(name, each) for name, role in roles.items() for each in role.keyids if keyid and each.startswith(keyid)]
    if len(found) != 1:
        what = "no key that is trusted begins" if not found else f"{len(found)} keys begin"
        raise MisuseError(f"{what} with {keyid!r}; keys show lists them. Nothing was changed.")
    return found[0]
