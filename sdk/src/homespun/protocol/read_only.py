"""A dictionary that cannot be changed, for mappings inside immutable values."""

from collections.abc import Iterable, Mapping
from typing import Any, Never, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class ReadOnlyDict(dict[K, V]):
    """A dictionary that refuses to be changed.

    A dictionary and no proxy of one, because what writes JSON, copies or pickles knows dictionaries.

    Raises:
        TypeError: By every method that would change it.
    """

    __slots__ = ()

    def __init__(self, entries: Mapping[K, V] | Iterable[tuple[K, V]] = ()) -> None:
        super().__init__(entries)

    def _refuse(self, *_: Any, **__: Any) -> Never:
        raise TypeError("this mapping belongs to an immutable value and cannot be changed; copy it with dict(...).")

    __setitem__ = _refuse
    __delitem__ = _refuse
    __ior__ = _refuse
    clear = _refuse
    pop = _refuse
    popitem = _refuse
    setdefault = _refuse
    update = _refuse

    def __reduce__(self) -> tuple[type["ReadOnlyDict[K, V]"], tuple[dict[K, V]]]:
        return ReadOnlyDict, (dict(self),)
