"""Items that the application adds or changes on the device.

They are the application's data, not the person's: they are held in memory for as long as the Personalizer lives, are
never in the profile or its exports, and the application gives them again at each start.
"""

import threading
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homespun.errors import MisuseError
from homespun.model.arguments import as_list, item_ids
from homespun.model.bundle import Bundle
from homespun.model.local_items import local_items
from homespun.model.new_item import NewItem
from homespun.protocol.content import ContentEncoder


class Items:
    """Items that the bundle does not have, and what is different of those that it has. Thread-safe.

    A new item is scored at once, by its words: its content stands beside that of the bundle's items. An item of the
    bundle keeps its score, because that was learned, and shows the title, tags and availability that are given here.
    """

    def __init__(self, bundle: Bundle, most: int) -> None:
        """Use ``Personalizer.items``."""
        self._bundle = bundle
        self._most = most
        self._lock = threading.Lock()
        self._items: dict[str, NewItem] = {}
        self._vectors: dict[str, NDArray[np.float32] | None] = {}
        self._view: Bundle | None = bundle

    def update(self, items: Iterable[NewItem | Mapping[str, Any]]) -> dict[str, bool]:
        """Add items, or say more of items: what is given replaces what was given before, field by field.

        Lists that are made from now on know them; recommendations that were made stay explained as they were.

        Args:
            items: The items; mappings have the fields of ``NewItem``.

        Returns:
            By id, whether the item can be scored. One that has no word which the bundle knows cannot: it is never
            listed, and what the person does with it is kept but does not count yet.

        Raises:
            MisuseError: If a value is not what it should be, or there would be more than ``Settings.local_items``;
                nothing was changed.
            ModelContractError: If the words of the bundle's catalogue are not what the contract allows.
            ClosedError: If the bundle was closed.
        """
        given = [NewItem.of(item) for item in as_list("items", items)]
        with self._lock:
            later: dict[str, NewItem] = {}
            for item in given:
                before = later.get(item.id, self._items.get(item.id))
                later[item.id] = item if before is None else before.updated(item)
            together = {**self._items, **later}
            if len(together) > self._most:
                raise MisuseError(
                    f"{len(together):,} items would be held on the device, and the limit is {self._most:,}; nothing "
                    "was changed. Remove some, or raise Settings.local_items."
                )
            # All of them first, so that nothing is changed where one fails.
            vectors = {name: self._vector(item) for name, item in later.items() if self._is_other(item)}
            self._vectors.update(vectors)
            self._items, self._view = together, None
            return {name: name in self._bundle or self._vectors[name] is not None for name in later}

    def remove(self, ids: Iterable[str]) -> int:
        """Forget what was said of items: new ones are gone, and the bundle's are as the bundle says.

        Returns:
            How many there were.

        Raises:
            MisuseError: If ``ids`` is not ids of items.
        """
        wanted = item_ids("ids", ids)
        with self._lock:
            kept = {name: item for name, item in self._items.items() if name not in wanted}
            removed = len(self._items) - len(kept)
            for name in wanted:
                self._vectors.pop(name, None)
            self._items, self._view = kept, None
            return removed

    @property
    def bundle(self) -> Bundle:
        """The bundle below these items."""
        return self._bundle

    def use(self, bundle: Bundle) -> None:
        """Put these items on top of another bundle, from the next list on. What one list is made of never changes.

        Items are known by their ids, so that what was said of one holds in the other bundle, too; a new item's vector
        is made again with the other bundle's words.

        Raises:
            ModelContractError: If the words of the bundle's catalogue are not what the contract allows; the bundle
                before stays.
        """
        with self._lock:
            vectors = {name: _encoded(item, bundle.encoder) for name, item in self._items.items() if name not in bundle}
            self._bundle, self._vectors = bundle, vectors
            self._view = None if self._items else bundle

    def get(self, item: str) -> NewItem | None:
        """Return what the application said of an item; None if it said nothing."""
        return self._items.get(item)

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of all items that something was said of, in the order in which they were first given."""
        return tuple(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, item: object) -> bool:
        return isinstance(item, str) and item in self._items

    @property
    def view(self) -> Bundle:
        """The bundle with these items on top, as of now; lists are made from it. It never changes."""
        found = self._view
        if found is not None:
            return found
        with self._lock:
            if self._view is None:
                self._view = self._made() if self._items else self._bundle
            return self._view

    def _made(self) -> Bundle:
        bundle = self._bundle
        known = {name: bundle.position(name) for name in self._items if name in bundle}
        entries = [(item, self._vectors.get(name)) for name, item in self._items.items()]
        return bundle.with_items(local_items(entries, known, bundle.size))

    def _is_other(self, item: NewItem) -> bool:
        """Return whether a new item has another vector than before."""
        before = self._items.get(item.id)
        return item.id not in self._bundle and (before is None or _content(before) != _content(item))

    def _vector(self, item: NewItem) -> NDArray[np.float32] | None:
        return _encoded(item, self._bundle.encoder)


def _encoded(item: NewItem, encoder: ContentEncoder | None) -> NDArray[np.float32] | None:
    """Return the content vector of a new item, float32 [d] of norm 1; None if it has no known word."""
    if encoder is None:
        return None
    title, tags, text, attributes = _content(item)
    vector = encoder.encode(title=title, tags=tags, text=text, attributes=attributes)
    return vector.astype(np.float32) if vector.any() else None


def _content(item: NewItem) -> tuple[str, tuple[str, ...], str, dict[str, str | float]]:
    """Return an item's title, tags, text and attributes, as far as its vector is made from them."""
    price = {} if item.price is None else {"price": item.price}
    return item.title or item.id, tuple(item.tags or ()), item.text or "", {**price, **(item.attributes or {})}
