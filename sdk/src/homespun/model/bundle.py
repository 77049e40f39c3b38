"""The bundle as an application sees it: verified items, titles, and pure scoring."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
import numpy as np

from homespun.errors import InvalidEventError, MisuseError, UnknownItemError
from homespun.model.arguments import as_list, folder_path, item_ids, list_length
from homespun.model.catalogue import Catalogue
from homespun.model.scoring import History, Pool, Positions, Scorer, make_history
from homespun.model.session import ModelSession
from homespun.model.verify import Verified, verify
from homespun.protocol.bundle import CATALOGUE, Manifest, PrivacyStatement
from homespun.protocol.events import ContextValue, Event


class Scored(msgspec.Struct, frozen=True):
    """An item and its score. Scores order the items of one list; their scale means nothing else."""

    item: str
    score: float


class Bundle:
    """A verified bundle: model, catalogue and statement of privacy. Immutable and thread-safe.

    Build it with ``Bundle.open``. A context manager that closes it at the end.
    """

    def __init__(self, folder: Path, verified: Verified, *, threads: int) -> None:
        """Load what ``verify`` has verified; applications call ``Bundle.open``."""
        manifest = verified.manifest
        self.manifest: Manifest = manifest
        self.id: str = verified.identity
        session = ModelSession(
            verified.propose,
            verified.rows,
            folder,
            components=manifest.components,
            items=manifest.items,
            threads=threads,
        )
        self.scorer = Scorer(session, manifest.items)
        self._catalogue = Catalogue(folder / CATALOGUE, manifest.items)

    @classmethod
    def open(cls, path: str | Path, *, threads: int = 1) -> "Bundle":
        """Verify and load a bundle.

        Args:
            path: The bundle's folder.
            threads: Threads of one model run; with 1 (the default) no thread is started.

        Raises:
            BundleSchemaError: If it was made for another version of homespun.
            BundleIntegrityError: If a file is missing or is not what the manifest says.
            ModelContractError: If the model or the catalogue breaks the contract: unknown operators,
                weights outside the bundle, NaN weights, triggers in the catalogue.
            MisuseError: If ``path`` is none, or ``threads`` is not a whole number from 1 up.
        """
        if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
            raise MisuseError(f"threads is {threads!r}; use a whole number from 1 up.")
        folder = folder_path(path)
        return cls(folder, verify(folder), threads=threads)

    @property
    def items(self) -> tuple[str, ...]:
        """Ids of all items, in the model's order."""
        return self._catalogue.ids

    @property
    def privacy(self) -> PrivacyStatement:
        """What the bundle's privacy rests on."""
        return self.manifest.privacy

    def __contains__(self, item: object) -> bool:
        return isinstance(item, str) and item in self._catalogue.positions

    def __repr__(self) -> str:
        return f"Bundle({self.manifest.name!r}, items={self.manifest.items}, id={self.id[:12]})"

    def position(self, item: str) -> int:
        """Return an item's row in the model.

        Raises:
            UnknownItemError: If the bundle does not have it.
        """
        try:
            return self._catalogue.positions[item]
        except (KeyError, TypeError):  # what cannot be hashed is no item either
            raise UnknownItemError(f"the bundle {self.manifest.name!r} has no item {item!r}.") from None

    def title(self, item: str) -> str:
        """Return an item's title.

        Raises:
            UnknownItemError: If the bundle does not have it.
        """
        return self._catalogue.title(self.position(item))

    def titles_at(self, positions: Sequence[int]) -> list[str]:
        """Return the titles of the items at ``positions`` (each in 0..items-1), read at once."""
        return self._catalogue.titles(positions)

    def tags(self, item: str) -> tuple[str, ...]:
        """Return an item's tags.

        Raises:
            UnknownItemError: If the bundle does not have it.
        """
        return self._catalogue.tags(self.position(item))

    def tags_of(self, positions: Sequence[int]) -> list[tuple[str, ...]]:
        """Return the tags of the items at ``positions`` (each in 0..items-1), read at once."""
        return self._catalogue.tags_of(positions)

    def tagged(self, tag: str) -> Positions:
        """Return the positions of the items that carry a tag, ascending and read-only (int64 [n]).

        An unknown tag has none. The first call reads the tags of the whole catalogue.
        """
        return self._catalogue.tagged(tag)

    def positions_of(self, items: Iterable[str]) -> Positions:
        """Return the distinct positions of those of ``items`` that the bundle has, in any order (int64 [n])."""
        known = self._catalogue.positions
        return np.array([known[item] for item in set(items) if item in known], np.int64)

    def check_kind(self, kind: str) -> None:
        """Check that the publisher declares a kind of event; every kind passes where none is declared.

        Raises:
            InvalidEventError: If it is declared neither as a kind nor as a negative one.
        """
        rule = self.manifest.history
        if rule.kinds is None or kind in rule.kinds or kind in rule.negative_kinds:
            return
        known = ", ".join(dict.fromkeys((*rule.kinds, *rule.negative_kinds)))
        raise InvalidEventError(
            f"the bundle {self.manifest.name!r} does not know the kind {kind!r}, so that it would mean nothing; "
            f"record one of: {known}."
        )

    def history(self, events: Iterable[Event]) -> History:
        """Return the model's input for a person's events.

        Raises:
            MisuseError: If something else than an Event is among them.
        """
        return make_history(events, self._catalogue.positions, self.manifest.history, self.manifest.components)

    def rank(
        self,
        events: Iterable[Event],
        k: int = 10,
        now: float | None = None,  # noqa: ARG002 - see the docstring
        context: Mapping[str, ContextValue] | None = None,  # noqa: ARG002
        exclude: Iterable[str] = (),
        exclude_seen: bool = True,  # noqa: FBT001, FBT002 - the published signature
    ) -> list[Scored]:
        """Return the ``k`` best items for somebody with these events: scores only, no policy.

        A pure function: the same arguments and bundle give the same list on every call.

        Args:
            events: The person's events in any order: their times decide, and events without a time come
                first, in the order given. Without any, the prior ranks alone.
            k: How many items.
            now: The time of the request, seconds since 1970. Neither component of contract 1 depends
                on time, so it changes nothing yet.
            context: Circumstances of the request; likewise.
            exclude: Items that must not appear; unknown ones are ignored.
            exclude_seen: Whether every item that occurs in ``events``, liked or not, is left out.

        Returns:
            At most ``k`` items, best first, equal scores in the bundle's order.

        Raises:
            MisuseError: If ``k`` is not a whole number from 1 up, or ``events`` or ``exclude`` are not what
                they should be.
        """
        events = as_list("events", events)
        history, excluded = self.history(events), item_ids("exclude", exclude)
        seen = (event.item for event in events) if exclude_seen else ()
        pool = self.candidates(history, k, excluded.union(seen))
        return [
            Scored(self.items[position], score)
            for position, score in zip(pool.positions.tolist(), pool.scores.tolist(), strict=True)
        ]

    def candidates(self, history: History, k: int, excluded: Iterable[str]) -> Pool:
        """Return the best ``k`` items, best first, equal scores by position, without the excluded ones.

        Raises:
            MisuseError: If ``k`` is not a whole number from 1 up.
        """
        count = list_length(k)
        pool = self.scorer.pool(history, count, self.positions_of(excluded))
        return pool.take(np.argsort(-pool.scores, kind="stable")[:count])

    def close(self) -> None:
        """Close the catalogue's file. The bundle cannot be used afterwards."""
        self._catalogue.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
