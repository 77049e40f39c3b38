"""What a split's folder and the bundles hold together: one catalogue, the training likes, the held-out events."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from homespun.model.bundle import Bundle
from homespun_server.evaluation.dividing import HELD_OUT_FILE, TRAINING_FILE, Split, read_split, target_condition
from homespun_server.evaluation.facts import ItemFacts
from homespun_server.evaluation.held_out import Cases, HeldOut
from homespun_server.evaluation.references import ExactSums
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.items import Items
from homespun_server.statistics.likes import Likes


@dataclass(frozen=True)
class Contents:
    """Everything that an evaluation reads.

    Attributes:
        split: How the table was divided.
        training: The events that train.
        sums: The training users' exact counts and Gram matrix.
        facts: The items.
        held_out: The events of people who are tested.
    """

    split: Split
    training: Interactions
    sums: ExactSums
    facts: ItemFacts
    held_out: HeldOut

    @property
    def cases(self) -> Cases:
        """The cases."""
        return Cases(self.held_out, rolling=self.split.rolling)


@contextmanager
def opened(folder: Path, items: Items | None, bundles: Sequence[Bundle]) -> Iterator[Contents]:
    """Read a split's folder while the context lasts.

    Args:
        folder: Of ``divide``.
        items: The catalogue; None: what the tables and the bundles hold.
        bundles: What is evaluated; items of theirs that the catalogue lacks are added to it.

    Raises:
        DataError: If it holds no split, or an item is not in the catalogue.
    """
    split = read_split(folder)
    training, held_out = folder / TRAINING_FILE, folder / HELD_OUT_FILE
    known = items or _collected((training, held_out), split)
    everything = _with_bundles(known, bundles)
    with ExitStack() as stack:
        trained = stack.enter_context(
            Interactions.read(training, split.interaction_columns(held_out=False), items=everything)
        )
        tested = stack.enter_context(
            Interactions.read(held_out, split.interaction_columns(held_out=True), items=everything)
        )
        liked = split.liked
        likes = Likes(trained, min_weight=liked.min_weight, test_share=0.0, negative_kinds=liked.negative_kinds)
        sums = ExactSums(likes)
        facts = ItemFacts.of(everything.ids, everything.tags, sums.counts.astype(np.int64), sums.matrix.shape[0])
        yield Contents(split, trained, sums, facts, HeldOut(tested, target_condition(tested)))


def _collected(tables: Sequence[Path], split: Split) -> Items:
    columns = split.interaction_columns(held_out=False)
    ids = sorted({item for table in tables for item in Items.from_interactions(table, columns).ids})
    return Items(ids, list(ids), [()] * len(ids), [""] * len(ids), derived=True)


def _with_bundles(items: Items, bundles: Sequence[Bundle]) -> Items:
    """Return the catalogue with what the bundles have besides; their tags fill in for a catalogue without any."""
    tags = dict(zip(items.ids, items.tags, strict=True))
    for bundle in bundles:
        found = zip(bundle.items, bundle.tags_of(range(len(bundle.items))), strict=True)
        for identity, own in found:
            if identity not in tags or (items.derived and not tags[identity]):
                tags[identity] = own
    ids = list(tags)
    return Items(ids, list(ids), list(tags.values()), [""] * len(ids), derived=True)
