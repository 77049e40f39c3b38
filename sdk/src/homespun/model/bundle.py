"""The bundle as an application sees it: verified items, titles, and pure scoring."""

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from homespun.errors import InvalidEventError, MisuseError, UnknownItemError
from homespun.model.arguments import as_list, folder_path, item_ids, list_length
from homespun.model.blend import blend_of
from homespun.model.candidates import arranged, best_items, without
from homespun.model.catalogue import Catalogue
from homespun.model.foldin import Evidence, Liking, evidence_of, in_circumstances, liking_of
from homespun.model.history import History, Positions, Reals, Wish
from homespun.model.local_items import LocalItems
from homespun.model.overlay import Overlay
from homespun.model.own_rows import OwnRows
from homespun.model.scoring import Pool, Scorer
from homespun.model.session import ModelSession
from homespun.model.tag_codes import TagCodes
from homespun.model.verify import Verified, verify
from homespun.protocol.bundle import CATALOGUE, Manifest, NewItems, PrivacyStatement
from homespun.protocol.content import ContentEncoder
from homespun.protocol.contract import Layout
from homespun.protocol.events import ContextValue, Event
from homespun.protocol.policy import Policy, parse_policy

if TYPE_CHECKING:
    from homespun.explain.parameter_values import Parameters

_NO_RESERVED = NewItems(first=0, every=0)

_NONE: Positions = np.zeros(0, np.int64)
_NONE.setflags(write=False)


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
        self.layout: Layout = verified.layout
        self._policy = verified.policy
        session = ModelSession(verified.propose, verified.rows, folder, layout=verified.layout, threads=threads)
        self.scorer = Scorer(session, verified.starts)
        self._blend = blend_of(manifest)
        self._spectra = verified.spectra
        dimensions = 0 if self._content is None else self.layout.low_rank[self._content]
        self._catalogue: Catalogue | Overlay = Catalogue(folder / CATALOGUE, manifest.items, dimensions)
        self._titles: Mapping[int, str] = {}

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
    def size(self) -> int:
        """How many items there are: the manifest's, and those that an application added."""
        return len(self._catalogue.positions)

    @cached_property
    def encoder(self) -> ContentEncoder | None:
        """What makes content vectors of items that are not in the bundle; None where they cannot be scored.

        Raises:
            ModelContractError: If the catalogue's words are not what the contract allows; they are read on first use.
            ClosedError: If the bundle was closed.
        """
        return self._catalogue.encoder()

    def with_items(self, local: LocalItems) -> "Bundle":
        """Return the bundle with what an application says of items on top.

        It shares the files with this one, which is to be closed in its place. Its new items have the positions behind
        the manifest's, and take part in everything but what is learned from people.
        """
        found = copy.copy(self)
        below = self._catalogue.catalogue if isinstance(self._catalogue, Overlay) else self._catalogue
        found._catalogue = Overlay(below, local)  # noqa: SLF001 - of the same class
        found.scorer = self.scorer.with_rows(self._rows_of(local))
        return found

    def with_titles(self, titles: Mapping[str, str]) -> "Bundle":
        """Return the bundle with other titles of items, for words about lists and for nothing else.

        It shares the files with this one, which is to be closed in its place.

        Args:
            titles: By item; those of items that the bundle does not have are left out.
        """
        found = copy.copy(self)
        positions = self._catalogue.positions
        found._titles = {positions[item]: title for item, title in titles.items() if item in positions}  # noqa: SLF001
        return found

    def unavailable(self, now: float) -> Positions:
        """Return the positions of the items that the application says cannot be had at a time; int64 [n]."""
        catalogue = self._catalogue
        return catalogue.local.unavailable(now) if isinstance(catalogue, Overlay) else _NONE

    @property
    def local_identity(self) -> str | None:
        """Identity of what the application says of items; None if it says nothing."""
        catalogue = self._catalogue
        return catalogue.local.identity if isinstance(catalogue, Overlay) else None

    @property
    def privacy(self) -> PrivacyStatement:
        """What the bundle's privacy rests on."""
        return self.manifest.privacy

    @property
    def policy(self) -> Policy | None:
        """How the publisher wants lists to be made; None: the bundle does not say."""
        return self._policy

    def parameters(self, policy: "Policy | bytes | str | dict[str, Any] | None" = None) -> "Parameters":
        """Return the main parameters of lists and how much each weighs, in plain language and as data (Art. 27 DSA).

        Measured on the model and read from the policy, never written by hand.

        Args:
            policy: The application's policy, in place of the bundle's own.

        Raises:
            PolicyError: If the policy cannot be used.
        """
        # What explains stands above the model, and this is where applications look for it.
        from homespun.explain.parameters import parameters_of  # noqa: PLC0415

        given = policy if policy is None or isinstance(policy, Policy) else parse_policy(policy)
        return parameters_of(self, given or self._policy)

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
            raise UnknownItemError(self._unknown(item)) from None

    def title(self, item: str) -> str:
        """Return an item's title.

        Raises:
            UnknownItemError: If the bundle does not have it.
        """
        return self.titles_at([self.position(item)])[0]

    def titles_at(self, positions: Sequence[int]) -> list[str]:
        """Return the titles of the items at ``positions`` (each in 0..items-1), read at once."""
        found = self._catalogue.titles(positions)
        if not self._titles:
            return found
        return [self._titles.get(position, title) for position, title in zip(positions, found, strict=True)]

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

    @property
    def tag_codes(self) -> TagCodes:
        """Which items carry which tags, as numbers: for questions about many items at once."""
        return self._catalogue.codes

    def numbers(self, name: str) -> Reals:
        """Return an attribute's numbers, read-only: float64 [items], NaN where an item has none.

        What the application says of an item on the device counts in place of the bundle's value. An unknown attribute
        has none. The first call reads the column.

        Raises:
            ModelContractError: If the catalogue's attributes are not what the contract allows.
            ClosedError: If the bundle was closed before they were read.
        """
        return self._catalogue.attributes.numbers(name)

    def texts(self, name: str) -> tuple[tuple[str, ...], NDArray[np.int32]]:
        """Return an attribute's distinct texts, and which one each item has: int32 [items], read-only, −1 for none.

        As ``numbers`` otherwise.
        """
        return self._catalogue.attributes.texts(name)

    def attributes(self, item: str) -> Mapping[str, str | float]:
        """Return what is known of an item by name; raises what ``numbers`` does.

        Raises:
            UnknownItemError: If the bundle does not have it.
        """
        return self._catalogue.attributes.of(self.position(item))

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

    def history(
        self,
        events: Iterable[Event],
        context: Mapping[str, ContextValue] | None = None,
        wishes: Sequence[Wish] = (),
    ) -> History:
        """Return the model's input for a person's events.

        Args:
            events: Any events; items that the bundle does not know are passed over.
            context: Circumstances of the request.
            wishes: Items of the bundle that the person named, each once; they stand in place of what is known of
                them by the events. They have no time, so components for which order matters pass them over.

        Raises:
            MisuseError: If something else than an Event is among the events.
        """
        return self.in_circumstances(self.liking(self.evidence(events), wishes), context or {})

    def evidence(self, events: Iterable[Event]) -> Evidence:
        """Return what events say of a person's taste: the first step of ``history``."""
        return evidence_of(events, self.manifest, self._catalogue.positions)

    def liking(self, evidence: Evidence, wishes: Sequence[Wish] = ()) -> Liking:
        """Return what a person likes: the second step of ``history``."""
        blend = self._blend
        found = liking_of(evidence, wishes, self.manifest, blend, self._catalogue.positions)
        learned = found.positions[: len(found.events)]
        learned = learned[learned < self.manifest.items]
        if not blend.tastes or not learned.size:
            return found
        return replace(found, taste=self.scorer.taste(learned, blend.first_taste, blend.tastes))

    def circumstances(self, context: Mapping[str, ContextValue]) -> tuple[tuple[str, str], ...]:
        """Return those circumstances that the model knows, as it names them."""
        return tuple(self._blend.circumstances(context).items())

    def in_circumstances(self, liking: Liking, context: Mapping[str, ContextValue]) -> History:
        """Return the model's input in the circumstances of a request: the last step of ``history``."""
        return in_circumstances(liking, context, self._blend, self._catalogue.positions)

    def liked(self, events: Iterable[Event]) -> Positions:
        """Return the positions of what the person likes by these events, oldest first (int64 [h]).

        Raises:
            MisuseError: If something else than an Event is among the events.
        """
        known = self._catalogue.positions
        liked = evidence_of(events, self.manifest, known).liked
        return np.array([known[event.item] for event in liked[-self.manifest.history.max_items :]], np.int64)

    def rank(
        self,
        events: Iterable[Event],
        k: int = 10,
        now: float | None = None,  # noqa: ARG002 - see the docstring
        context: Mapping[str, ContextValue] | None = None,
        exclude: Iterable[str] = (),
        exclude_seen: bool = True,  # noqa: FBT001, FBT002 - the published signature
    ) -> list[Scored]:
        """Return the ``k`` best items for somebody with these events: no policy but the bundle's own.

        A pure function: the same arguments and bundle give the same list on every call.

        Args:
            events: The person's events in any order: their times decide, and events without a time come
                first, in the order given. Without any, the priors and the context rank alone.
            k: How many items.
            now: The time of the request, seconds since 1970. What is recent is measured from the latest event, so
                it changes nothing yet.
            context: Circumstances of the request.
            exclude: Items that must not appear; unknown ones are ignored.
            exclude_seen: Whether every item that occurs in ``events``, liked or not, is left out.

        Returns:
            At most ``k`` items, best first, equal scores in the bundle's order; but a place that the bundle reserves
            for new items goes to the best of them that has none.

        Raises:
            MisuseError: If ``k`` is not a whole number from 1 up, or ``events`` or ``exclude`` are not what
                they should be.
        """
        events = as_list("events", events)
        history, excluded = self.history(events, context), item_ids("exclude", exclude)
        seen = (event.item for event in events) if exclude_seen else ()
        return self._listed(history, k, self.positions_of(excluded.union(seen)), self.manifest.new_items)

    def similar(self, item: str, k: int = 10) -> list[Scored]:
        """Return the ``k`` items that speak for the same people as ``item``, best first.

        Alike is what is liked together; for an item that no person has taught the model anything about, or where the
        bundle does not know what is liked together, what the catalogue says of both.

        Raises:
            UnknownItemError: If the bundle does not have the item.
            MisuseError: If ``k`` is not a whole number from 1 up.
        """
        history = self.alike(item)
        return self._listed(history, k, history.positions, _NO_RESERVED)

    def alike(self, item: str) -> History:
        """Return the model's input for what is like one item: for ``similar``, and for nobody.

        Raises:
            UnknownItemError: If the bundle does not have the item.
        """
        position = self.position(item)
        names = [part.name for part in self.layout.parts]
        is_new = position >= self.manifest.new_items.first
        wanted = ("content", "collaborative") if is_new else ("collaborative", "content")
        component = next((name for name in wanted if name in names), names[0])
        weights = np.zeros((len(names), 1))
        weights[names.index(component)] = 1.0
        itself = np.array([position], np.int64)
        nothing: Reals = np.zeros(0)
        return History(
            events=(),
            positions=itself,
            weights=weights,
            wishes=(Wish(item, "similar", 1.0),),
            level=0,
            priors=np.zeros(self.layout.priors),
            context=itself[:0],
            context_weights=nothing,
        )

    def candidates(self, history: History, k: int, excluded: Iterable[str]) -> Pool:
        """Return the best ``k`` items, best first, equal scores by position, without the excluded ones.

        Raises:
            MisuseError: If ``k`` is not a whole number from 1 up.
        """
        count = list_length(k)
        pool = best_items(self.scorer.query(history), count, without(self.positions_of(excluded)))
        return pool.take(np.arange(min(count, pool.positions.size), dtype=np.int64))

    def _listed(self, history: History, k: int, left_out: Positions, new_items: NewItems) -> list[Scored]:
        count = list_length(k)
        pool = best_items(self.scorer.query(history), count, without(left_out))
        usual = np.arange(pool.positions.size, dtype=np.int64)
        places = arranged(pool, usual, count, new_items)
        found = zip(pool.positions[places].tolist(), pool.scores[places].tolist(), strict=True)
        return [Scored(self.items[position], score) for position, score in found]

    @property
    def _content(self) -> str | None:
        """The content component's low-rank table."""
        return next((part.low_rank for part in self.layout.parts if part.name == "content"), None)

    def _rows_of(self, local: LocalItems) -> OwnRows | None:
        table = self._content
        if table is None or not local.ids:
            return None
        return OwnRows(
            table=table,
            part=[part.name for part in self.layout.parts].index("content"),
            encoder=local.vectors * self._spectra[table],
            decoder=local.vectors,
            first=local.first,
        )

    def _unknown(self, item: object) -> str:
        catalogue = self._catalogue
        if isinstance(catalogue, Overlay) and isinstance(item, str) and item in catalogue.local.unscored:
            return (
                f"the item {item!r} has no score: the bundle {self.manifest.name!r} knows no word of what the "
                "application says of it. It is never listed; give it tags or a text with words of the catalogue."
            )
        return f"the bundle {self.manifest.name!r} has no item {item!r}."

    def close(self) -> None:
        """Close the catalogue's file. The bundle cannot be used afterwards."""
        self._catalogue.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
