"""A bundle's catalogue with what the application says of items on top."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np

from homespun.model.catalogue import Catalogue
from homespun.model.local_attributes import LocalAttributes
from homespun.model.local_items import LocalItems, Positions, carriers
from homespun.model.tag_codes import TagCodes
from homespun.protocol.content import ContentEncoder


class Overlay:
    """Ids, titles, tags and attributes, as ``Catalogue`` has them. Safe to use from several threads at once."""

    def __init__(self, catalogue: Catalogue, local: LocalItems) -> None:
        """Put ``local`` on top of ``catalogue``."""
        self.local = local
        self.positions: Mapping[str, int] = _Positions(catalogue.positions, local)
        self.catalogue = catalogue
        self.attributes = LocalAttributes(catalogue.attributes, local)
        self.codes = TagCodes(self.tags_of, len(self.positions))
        self._retags = any(place < local.first for place in local.tags)
        self._carriers = carriers(local.tags)

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """All ids, in the order of positions."""
        return (*self.catalogue.ids, *self.local.ids)

    def title(self, position: int) -> str:
        """See ``Catalogue.title``."""
        return self.titles([position])[0]

    def titles(self, positions: Sequence[int]) -> list[str]:
        """See ``Catalogue.titles``."""
        own = self.local.titles
        others = [position for position in positions if position not in own]
        read = dict(zip(others, self.catalogue.titles(others), strict=True))
        return [own[position] if position in own else read[position] for position in positions]

    def tags(self, position: int) -> tuple[str, ...]:
        """See ``Catalogue.tags``."""
        return self.tags_of([position])[0]

    def tags_of(self, positions: Sequence[int]) -> list[tuple[str, ...]]:
        """See ``Catalogue.tags_of``."""
        own = self.local.tags
        others = [position for position in positions if position not in own]
        read = dict(zip(others, self.catalogue.tags_of(others), strict=True))
        return [own[position] if position in own else read[position] for position in positions]

    def tagged(self, tag: str) -> Positions:
        """See ``Catalogue.tagged``."""
        carrying = self.catalogue.tagged(tag)
        if self._retags and carrying.size:
            carrying = carrying[[position not in self.local.tags for position in carrying.tolist()]]
        own = self._carriers.get(tag)
        found = np.sort(np.concatenate([carrying, np.array(own, np.int64)])) if own else carrying
        found.setflags(write=False)
        return found

    def encoder(self) -> ContentEncoder | None:
        """See ``Catalogue.encoder``."""
        return self.catalogue.encoder()

    def close(self) -> None:
        """See ``Catalogue.close``."""
        self.catalogue.close()


class _Positions(Mapping[str, int]):
    """Positions of the bundle's items, then of the new ones, without a copy of the many."""

    def __init__(self, known: Mapping[str, int], local: LocalItems) -> None:
        self._known = known
        self._new = {item: local.first + place for place, item in enumerate(local.ids)}

    def __getitem__(self, item: str) -> int:
        known = self._known.get(item)
        return self._new[item] if known is None else known

    def __contains__(self, item: object) -> bool:
        return item in self._known or item in self._new

    def __iter__(self) -> Iterator[str]:
        yield from self._known
        yield from self._new

    def __len__(self) -> int:
        return len(self._known) + len(self._new)
