"""The registry: every bundle that was made, what it was made from, and where it is.

Rules:

- A bundle is known by its identity, the SHA-256 of its manifest, and adding it again changes nothing.
- Its files are copied and verified before its row is written: a row without files never appears.
- Only drafts, which no device ever had, can be deleted; their version numbers are not used again.
- Every change is in the record of changes, in the same transaction.

Non-goal: deciding what devices take. That is the channel's document, in the signed repository.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from homespun.errors import BundleIntegrityError
from homespun.protocol.bundle import CARD_DATA, one_line
from homespun_server.errors import OutputError, RegistryError
from homespun_server.publishing.registry import files, rows
from homespun_server.publishing.registry.comparison import Comparison, compare_versions
from homespun_server.publishing.registry.files import Contents
from homespun_server.publishing.registry.stages import Stage, check_move
from homespun_server.publishing.registry.version import Details, Version
from homespun_server.store import Actor, AuditLog, Store
from homespun_server.store.audit import COMMAND
from homespun_server.store.moments import Now, text_of, utc_now
from homespun_server.store.schema import NAME_LENGTH, WHO_LENGTH

T = TypeVar("T")

SYSTEM = Actor("homespun-server", COMMAND)
"""Who acts where nobody is named."""

SHORTEST_PREFIX = 6
"""Least characters of an identity that name a bundle."""


class Registry:
    """The registered bundles. Safe to use from several threads and processes at once."""

    def __init__(self, store: Store, artefacts: Path, now: Now = utc_now) -> None:
        """Use a store, which stays the caller's to close.

        Args:
            store: The store.
            artefacts: The folder of the bundles' copies; made when the first is added.
            now: Returns the time.
        """
        self._store = store
        self._artefacts = artefacts
        self._now = now
        self._audit = AuditLog(store, now)

    def add(
        self,
        bundle_folder: Path,
        *,
        lineage: Mapping[str, object],
        gates: Mapping[str, object],
        note: str = "",
        actor: Actor = SYSTEM,
    ) -> Version:
        """Register a bundle as a draft, and copy its files; one that is registered stays as it is.

        Args:
            bundle_folder: The bundle.
            lineage: What it was made from, for JSON.
            gates: The results of the gates and their overrides, for JSON.
            note: What to say of it.
            actor: Who adds it.

        Returns:
            The bundle as it is registered, which may be in another stage by now.

        Raises:
            BundleIntegrityError: If the folder is no bundle, or a file is missing or different.
            OutputError: If the copy cannot be written.
            StoreError: If the store cannot be written.
        """
        contents = files.read_contents(bundle_folder)
        known = self._find(contents.id)
        if known is not None and self._is_whole(contents):
            return known
        with files.copied(bundle_folder, contents, self._artefacts) as made:
            texts = {"lineage": _json(lineage), "gates": _json(gates), "card": _card(made)}
            try:
                with self._store.writing() as connection:
                    return self._added(connection, contents, made, texts, (note, actor))
            except IntegrityError:
                # Another program registered the very same bundle in this moment, with the same files.
                return self.get(contents.id)

    def versions(
        self, *, stage: Stage | None = None, name: str | None = None, limit: int | None = None
    ) -> tuple[Version, ...]:
        """Return the bundles, latest first.

        Args:
            stage: Only those of a stage.
            name: Only those of a name.
            limit: At most so many; None: all.

        Raises:
            StoreError: If the store cannot be read.
        """
        given = {"stage": stage, "name": name, "limit": limit}
        query = rows.listing(stage=stage is not None, name=name is not None, limit=limit is not None)
        with self._store.reading() as connection:
            found = connection.execute(query, {key: value for key, value in given.items() if value is not None})
            return tuple(Version(**dict(zip(Version.__struct_fields__, row, strict=True))) for row in found.all())

    def get(self, bundle: str) -> Version:
        """Return a bundle.

        Raises:
            NotRegisteredError: If it is not registered.
            StoreError: If the store cannot be read.
        """
        found = self._find(bundle)
        if found is None:
            raise rows.not_registered(bundle)
        return found

    def details(self, bundle: str) -> Details:
        """Return a bundle with its lineage, card, gates and history.

        Raises:
            NotRegisteredError: If it is not registered.
            StoreError: If the store cannot be read.
        """
        with self._store.reading() as connection:
            return rows.details_of(connection, bundle)

    def resolve(self, text: str) -> Version:
        """Return the bundle that a person means: an identity or its beginning, or ``name@version``.

        Raises:
            NotRegisteredError: If none is meant.
            RegistryError: If several could be.
            StoreError: If the store cannot be read.
        """
        name, separator, number = text.rpartition("@")
        if separator:
            found = [each for each in self.versions(name=name) if str(each.version) == number]
        else:
            long_enough = len(text) >= SHORTEST_PREFIX
            found = [each for each in self.versions() if long_enough and each.id.startswith(text)]
        if not found:
            raise rows.not_registered(text)
        if len(found) > 1:
            raise RegistryError(f"{text!r} is the beginning of several bundles' identities; write more of it.")
        return found[0]

    def move(self, bundle: str, stage: Stage, who: str | Actor, why: str) -> Version:
        """Move a bundle to another stage; to the one that it is in already changes nothing.

        Args:
            bundle: Its identity.
            stage: Where to.
            who: Who moves it.
            why: Why; stays in its history.

        Raises:
            NotRegisteredError: If it is not registered.
            RegistryError: If it may not go there from where it is.
            StoreError: If the store cannot be written.
        """
        actor = who if isinstance(who, Actor) else Actor(who, COMMAND)
        with self._store.writing() as connection:
            version = rows.locked(connection, bundle)
            if version.stage == stage:
                return version
            check_move(version.stage, stage)
            rows.set_stage(connection, bundle, stage)
            rows.add_move(connection, bundle, self._move(stage, actor, why))
            detail = {"from": version.stage, "to": stage, "why": why}
            self._audit.add_within(connection, actor, "move-stage", bundle, detail)
        return msgspec.structs.replace(version, stage=stage)

    def compare(self, before: str, after: str) -> Comparison:
        """Compare two bundles.

        Raises:
            BundleIntegrityError: If a copy's file cannot be read.
            NotRegisteredError: If one is not registered.
            StoreError: If the store cannot be read.
        """
        first, second = self.details(before), self.details(after)
        return compare_versions(first, second, self.folder(before), self.folder(after))

    def folder(self, bundle: str) -> Path:
        """Return the folder of a bundle's files, which nobody else may write to.

        Raises:
            NotRegisteredError: If it is not registered.
            StoreError: If the store cannot be read.
        """
        return self._place(self.get(bundle).id)

    def delete(self, bundle: str, actor: Actor = SYSTEM) -> None:
        """Delete a draft and its files.

        Raises:
            NotRegisteredError: If it is not registered.
            OutputError: If its files cannot be removed; it stays registered.
            RegistryError: If it is no draft.
            StoreError: If the store cannot be written.
        """
        with self._store.writing() as connection:
            version = rows.locked(connection, bundle)
            if version.stage != "draft":
                raise RegistryError(
                    f"the bundle {bundle} is in the stage {version.stage}, and only drafts are deleted: devices may "
                    "have it, and what they listed is explained with it. Retire it instead."
                )
            rows.delete_rows(connection, bundle)
            self._audit.add_within(connection, actor, "delete-bundle", bundle, {"name": version.name})
            self._written(files.remove, self._place(bundle))

    def _added(
        self, connection: Connection, contents: Contents, made: Path, texts: Mapping[str, str], said: tuple[str, Actor]
    ) -> Version:
        note, actor = said
        place = self._place(contents.id)
        known = rows.find(connection, contents.id)
        if known is None:
            known = self._draft(contents, rows.next_version(connection, _name(contents)), note)
            rows.add(connection, known, texts)
            rows.add_move(connection, known.id, self._move("draft", actor, note))
            detail = {"name": known.name, "version": known.version}
            self._audit.add_within(connection, actor, "add-bundle", known.id, detail)
        elif self._is_whole(contents):
            # Another program registered it since it was looked for; readers may have its files open.
            return known
        self._written(files.put, made, place)
        return known

    def _draft(self, contents: Contents, number: int, note: str) -> Version:
        privacy = contents.manifest.privacy
        return Version(
            id=contents.id,
            name=_name(contents),
            version=number,
            stage="draft",
            created=contents.manifest.created,
            added=text_of(self._now()),
            size=contents.size,
            privacy=privacy.kind,
            epsilon=None if privacy.epsilon is None else str(privacy.epsilon),
            delta=None if privacy.delta is None else str(privacy.delta),
            note=note,
        )

    def _move(self, stage: Stage, actor: Actor, why: str) -> tuple[Stage, str, str, str]:
        return stage, text_of(self._now()), actor.who[:WHO_LENGTH], why

    def _find(self, bundle: str) -> Version | None:
        with self._store.reading() as connection:
            return rows.find(connection, bundle)

    def _place(self, bundle: str) -> Path:
        return self._artefacts / bundle

    def _is_whole(self, contents: Contents) -> bool:
        try:
            files.verify(self._place(contents.id), contents)
        except BundleIntegrityError:
            return False
        return True

    def _written(self, change: Callable[..., T], *arguments: Path) -> T:
        try:
            return change(*arguments)
        except OSError as error:
            raise OutputError(
                f"the bundle's files in {self._artefacts} cannot be changed ({error}); the registry is as it was. "
                "Close whatever holds them open, and try again."
            ) from error


def _name(contents: Contents) -> str:
    return one_line(contents.manifest.name)[:NAME_LENGTH]


def _card(made: Path) -> str:
    try:
        card = msgspec.json.decode((made / CARD_DATA).read_bytes(), type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise BundleIntegrityError(f"the bundle's card is malformed: {error}.") from error
    return _json(card)


def _json(content: Mapping[str, object]) -> str:
    return msgspec.json.encode(dict(content)).decode()
