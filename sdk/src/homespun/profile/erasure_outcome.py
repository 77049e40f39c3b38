"""What may be claimed after an erasure, as a function of what was really done to each file.

The levels are those of ``protocol.receipts``. ``key_destroyed`` needs a key that lay outside the folder, was
seen there and is not returned any more: the keyring's. With a passphrase or bytes the wrapped data key lay in
the folder, so a copy of the folder made earlier can still be opened by whoever has the passphrase or the
bytes, and the level is ``logical``. It is ``unverified`` wherever a file was not there, stayed, or went
without being overwritten.
"""

from dataclasses import dataclass
from typing import Literal

from homespun.profile.erasure_plan import Plan
from homespun.profile.files import DATABASE, DRAFT, KEY, KEY_FILES
from homespun.protocol.receipts import StoreErasure

_KEY_STORE = "profile key"
_DATA_STORE = "events and consent records"
_OWNERS = {"passphrase": "the passphrase", "bytes": "the application's key"}

OuterKey = Literal["none", "deleted", "unseen", "kept"]
"""The keyring's part of the key: there is none, it was there and is gone, it was not there, it may remain."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done.

    Attributes:
        plan: What was to be erased, and what was removed without being overwritten.
        outer: What became of the keyring's part of the key.
        because: Why it may remain.
        left: Files of the plan that are still there.
        foreign: Files that have names of ours or not, were not made by homespun, and were left alone.
    """

    plan: Plan
    outer: OuterKey
    because: str
    left: tuple[str, ...]
    foreign: tuple[str, ...]

    def stores(self) -> tuple[StoreErasure, ...]:
        """Return what may be claimed about each store."""
        return (self._key(), self._data(), *strangers(self.foreign))

    def _key(self) -> StoreErasure:
        remains = self._remains_of_key()
        if self.outer == "deleted":
            rest = remains or "The wrapped data key was overwritten and removed."
            return StoreErasure(
                _KEY_STORE,
                "key_destroyed",
                "The key that unwraps the data key was deleted from the keyring, which does not return it any "
                f"more. {rest}",
            )
        if self.outer == "unseen":
            return StoreErasure(
                _KEY_STORE,
                "unverified",
                "The keyring had no entry for this profile to begin with, so it may be kept in another keyring. "
                f"{remains}".rstrip(),
            )
        if self.outer == "kept":
            may_remain = f"The keyring's part of the key may remain: {self.because} {remains}".rstrip()
            return StoreErasure(_KEY_STORE, "unverified", may_remain)
        if remains:
            return StoreErasure(_KEY_STORE, "unverified", remains)
        return StoreErasure(
            _KEY_STORE,
            "logical",
            "The wrapped data key lay in the profile's folder, where it was overwritten and removed. A copy of "
            f"the folder made earlier can still be opened with {_OWNERS.get(self.plan.source or '', 'its key')}.",
        )

    def _remains_of_key(self) -> str:
        """Say where the wrapped data key may still be; nothing if it was overwritten and removed."""
        if KEY in self.left:
            return f"{KEY} could not be removed. The next opening tries again."
        if KEY in self.plan.plain:
            return (
                f"{KEY} was a link or protected, so it was removed without being overwritten, and the wrapped "
                "data key may still be read under another name or on the disk."
            )
        if KEY in self.foreign:
            return f"{KEY} is no key file of homespun and was left alone; the profile's own may be elsewhere."
        if KEY not in self.plan.files:
            return f"There was no {KEY} in the folder; the wrapped data key may be kept elsewhere."
        return ""

    def _data(self) -> StoreErasure:
        left = [name for name in self.left if name not in KEY_FILES]
        if left:
            return _unverified(f"Could not be removed: {', '.join(left)}. The next opening tries again.")
        plain = [name for name in self.plan.plain if name not in KEY_FILES]
        if plain:
            because = "they were links or protected"
            return _unverified(f"Removed without being overwritten, because {because}: {', '.join(plain)}.")
        if not {DATABASE, DRAFT} & set(self.plan.files):
            return _unverified(f"There was no {DATABASE} of homespun's in the folder; it may be kept elsewhere.")
        return StoreErasure(
            _DATA_STORE,
            "key_destroyed" if self.outer == "deleted" else "logical",
            "The encrypted database and its log were overwritten and removed; the folder does not list them any more.",
        )


def strangers(foreign: tuple[str, ...]) -> tuple[StoreErasure, ...]:
    """Return what a receipt says about files that are not homespun's; nothing if there are none."""
    if not foreign:
        return ()
    detail = f"Not written by homespun and left alone: {', '.join(foreign)}."
    if {KEY, DATABASE} & set(foreign):
        detail += " If they are a damaged profile after all, erase them with force."
    return (StoreErasure("other files", "unverified", detail),)


def _unverified(detail: str) -> StoreErasure:
    return StoreErasure(_DATA_STORE, "unverified", detail)
