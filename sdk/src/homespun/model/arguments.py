"""Checks of what an application passes in, so that a slip is told as one and never as an error from inside."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from homespun.errors import MisuseError

T = TypeVar("T")


def list_length(k: Any) -> int:
    """Return how many items are asked for; NumPy's integers count.

    Raises:
        MisuseError: If it is no whole number from 1 up.
    """
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or isinstance(k, np.timedelta64):
        raise MisuseError(f"k is of type {type(k).__name__}; give a whole number.")
    if k < 1:
        raise MisuseError(f"k is {k}; ask for at least one item.")
    return int(k)


def item_ids(name: str, items: Iterable[str]) -> frozenset[str]:
    """Return ids of items, known or not.

    Raises:
        MisuseError: If it is a single text, which would be taken apart into letters, or holds something
            else than text.
    """
    if isinstance(items, str | bytes):
        raise MisuseError(f"{name} is a single text; give a list of item ids, for instance [{items[:80]!r}].")
    found = as_list(name, items)
    for item in found:
        if not isinstance(item, str):
            raise MisuseError(f"{name} holds a value of type {type(item).__name__}; item ids are text.")
    return frozenset(found)


def as_list(name: str, values: Iterable[T]) -> list[T]:
    """Return the values of anything that can be iterated.

    Raises:
        MisuseError: If it cannot.
    """
    try:
        return list(values)
    except TypeError as error:
        raise MisuseError(f"{name} is of type {type(values).__name__}, which holds no values: {error}.") from error


def folder_path(path: str | os.PathLike[str]) -> Path:
    """Return the path of a folder.

    Raises:
        MisuseError: If it is none, or holds what not every system can store: half of a surrogate pair, which
            stands for a byte that is not UTF-8, or a NUL character.
    """
    try:
        found = os.fspath(path)
    except TypeError as error:
        raise MisuseError(f"the path is of type {type(path).__name__}; give the path of a folder.") from error
    if not isinstance(found, str):
        raise MisuseError("the path is of bytes; give text or a pathlib.Path.")
    if "\0" in found or any("\ud800" <= letter <= "\udfff" for letter in found):
        raise MisuseError(f"the path {found!r} is not well-formed Unicode text; rename the folder.")
    return Path(found)
