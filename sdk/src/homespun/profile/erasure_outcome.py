"""What may be claimed after an erasure, as a function of what was really done to each file and each key.

The levels are those of ``protocol.receipts``. ``key_destroyed`` needs a key that lay outside the folder and nowhere
else, was seen there and is not returned any more. A key that lay in the folder, wrapped or in the main database, is in
every copy of the folder made earlier, so the level is ``logical`` and the detail says who can open such a copy. It is
``unverified`` wherever a file was not there, stayed, went without being overwritten, or was found under another name.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from homespun.profile.erasure_keys import Destroyed
from homespun.profile.erasure_plan import Plan
from homespun.profile.files import DATABASE, DRAFT, KEY, KEY_FILES, VAULT, database_of, side_files
from homespun.profile.remains import Remains
from homespun.protocol.receipts import Level, StoreErasure

_PROFILE_KEY = "profile key"
_OWNERS = {
    "passphrase": "the passphrase",
    "bytes": "the application's key",
    "keyring": "the keyring",
    "recovery": "the recovery key",
}
_STORES = {"profile": "consent and ledger", "state": "state", "epoch": "events"}
_FIRST_VERSION = "events and consent records"

_Finding = tuple[Level, str]
_Why = TypeVar("_Why", str, tuple[Level, str])


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done.

    Attributes:
        plan: What was to be erased, and what was removed without being overwritten.
        destroyed: What became of what lies outside the folder.
        busy: Databases whose log could not be merged and emptied, because something was using it.
        left: Files of the plan that are still there.
        foreign: Files that have names of ours or not, were not made by homespun, and were left alone.
        remains: What the search for copies found.
        given: Where it stays written down what was given of the lifetime's ε; None: nothing was.
    """

    plan: Plan
    destroyed: Destroyed
    busy: tuple[str, ...]
    left: tuple[str, ...]
    foreign: tuple[str, ...]
    remains: Remains
    given: str | None = None

    def stores(self) -> tuple[StoreErasure, ...]:
        """Return what may be claimed about each store."""
        return (
            self._key(),
            *self._vault_keys(),
            *self._data(),
            self._tombstone(),
            *self._given(),
            self._copies(),
            *strangers(self.foreign),
        )

    # The keys

    def _key(self) -> StoreErasure:
        remains = self._remains_of_key()
        outer, because = self.destroyed.outer, self.destroyed.because
        if outer == "deleted":
            rest = remains or "The wrapped data key was overwritten and removed."
            detail = (
                "The key that unwraps the data key was deleted from the keyring, which does not return it any "
                f"more. {rest}"
            )
            return StoreErasure(_PROFILE_KEY, "key_destroyed", detail)
        if outer == "unseen":
            remains = (
                "The keyring had no entry for this profile to begin with, so it may be kept in another keyring. "
                f"{remains}".rstrip()
            )
        elif outer == "kept":
            remains = f"The keyring's part of the key may remain: {because} {remains}".rstrip()
        elif outer == "unknown" and not remains:
            remains = f"{KEY} could not be read, so what else opened the profile is not known; it was removed."
        if remains:
            return StoreErasure(_PROFILE_KEY, "unverified", remains)
        return StoreErasure(
            _PROFILE_KEY,
            "logical",
            "The wrapped data key lay in the profile's folder, where it was overwritten and removed. A copy of "
            f"the folder made earlier can still be opened with {self._owners()}.",
        )

    def _owners(self) -> str:
        owners = dict.fromkeys(_OWNERS[slot.source] for slot in self.plan.slots if slot.source != "keyring")
        return " or ".join(owners) or "its key"

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
        copies = self._copies_of(KEY_FILES)
        return f"The wrapped data key was found under another name, and left alone: {copies}." if copies else ""

    def _vault_keys(self) -> tuple[StoreErasure, ...]:
        if self.plan.keys in (None, "inside") or not self.plan.vaults:
            return ()
        kept = self.destroyed.kept
        if not kept:
            count = len(self.plan.vaults)
            detail = f"All of them, {count}, were deleted from the key store, which does not return them any more."
            return (StoreErasure("database keys", "key_destroyed", detail),)
        whys = "; ".join(f"{', '.join(names)}: {why}" for why, names in _grouped(kept.items()).items())
        return (StoreErasure("database keys", "unverified", f"They may remain. {whys}."),)

    # The databases

    def _data(self) -> tuple[StoreErasure, ...]:
        names = {name for name in map(database_of, self.plan.files) if name is not None}
        names |= {vault.name for vault in self.plan.vaults} | {self.plan.main} - {""}
        first = sorted(names & {DATABASE, DRAFT})
        kinds: dict[str, list[str]] = {kind: [] for kind in _STORES}
        for name in sorted(names - {DATABASE, DRAFT}):
            found = VAULT.fullmatch(name)
            if found is not None:
                kinds[found["kind"]].append(name)
        stores = []
        if first:
            # A draft and its database are one store, of which only one file need be there.
            present = [name for name in first if name in self.plan.files]
            stores += self._store(_FIRST_VERSION, present or first[:1])
        if not first or any(kinds.values()):
            for kind, store in _STORES.items():
                stores += self._store(store, kinds[kind])
        return tuple(stores)

    def _store(self, store: str, names: list[str]) -> list[StoreErasure]:
        if not names:
            return [StoreErasure(store, *self._nothing_found(store))]
        findings = _grouped((name, self._finding(name)) for name in names)
        if len(findings) == 1:
            return [StoreErasure(store, *finding) for finding in findings]
        return [StoreErasure(f"{store} in {', '.join(each)}", *finding) for finding, each in findings.items()]

    def _nothing_found(self, store: str) -> _Finding:
        if store == _STORES["epoch"] and self.plan.indexed:
            return "logical", "There were none."
        return "unverified", "There was no such database of homespun's in the folder; it may be kept elsewhere."

    def _finding(self, name: str) -> _Finding:
        files = side_files(name)
        left = [file for file in files if file in self.left]
        if left:
            return "unverified", f"Could not be removed: {', '.join(left)}. The next opening tries again."
        doubts = self._doubts(name, files)
        if self._key_is_gone(name):
            doubts = doubts or "The encrypted database and its log were overwritten and removed."
            return "key_destroyed", f"The key lay outside the folder only, and is destroyed. {doubts}"
        if doubts:
            return "unverified", doubts
        return (
            "logical",
            "The encrypted database and its log were overwritten and removed; the folder does not list them any more. "
            f"{self._whose_key(name)}".rstrip(),
        )

    def _doubts(self, name: str, files: tuple[str, ...]) -> str:
        """Say why bytes of a database may still be somewhere; nothing if they were overwritten and removed."""
        if name not in self.plan.files:
            return f"There was no {name} of homespun's in the folder; it may be kept elsewhere."
        plain = [file for file in files if file in self.plan.plain]
        if plain:
            because = "they were links or protected"
            return f"Removed without being overwritten, because {because}: {', '.join(plain)}."
        if name in self.busy:
            return "Something was still using the log when it was overwritten and removed, and may write it anew."
        copies = self._copies_of(files)
        return f"Parts of it were found under another name, and left alone: {copies}." if copies else ""

    def _key_is_gone(self, name: str) -> bool:
        found = VAULT.fullmatch(name)
        if found is None or found["kind"] == "profile":
            # What the state's key was kept in once is an older main database.
            mixed = any(vault.inside for vault in self.plan.vaults) or self._mixed
            return self.destroyed.outer == "deleted" and not mixed
        return name in self.destroyed.gone and not self._was_inside(name)

    @property
    def _mixed(self) -> bool:
        """Whether some keys were inside earlier, and which ones is in an index that was not read."""
        return self.plan.keys == "mixed" and not self.plan.indexed

    def _was_inside(self, name: str) -> bool:
        recovery = any(slot.source == "recovery" for slot in self.plan.slots)
        if recovery or self.plan.keys in (None, "inside") or self._mixed:
            return True
        return any(vault.inside for vault in self.plan.vaults if vault.name == name)

    def _whose_key(self, name: str) -> str:
        found = VAULT.fullmatch(name)
        if found is None or found["kind"] == "profile":
            return ""
        if self.plan.keys is None:
            return "Where its key was kept is not known."
        if self._was_inside(name):
            return "A key of what it holds was kept inside the folder, now or earlier, and so in every copy made then."
        return "Its key lay outside the folder only, and may remain there."

    # Everything else

    def _tombstone(self) -> StoreErasure:
        if not self.destroyed.tombstone:
            detail = f"There is none, because {self.destroyed.untold}. A backup that is restored opens as before."
            return StoreErasure("tombstone", "unverified", detail)
        detail = (
            f"Kept in {self.destroyed.tombstone}. It names only the profile's random id, and makes a backup that is "
            "restored erase itself again when it is opened by somebody who looks there; under another folder's name, "
            "or on another computer, it may open as before."
        )
        return StoreErasure("tombstone", "logical", detail)

    def _given(self) -> tuple[StoreErasure, ...]:
        if self.given is None:
            return ()
        detail = (
            f"Kept in {self.given}, because what left cannot be called back: for each report the profile's random id, "
            "the task and its ε. Nothing of the person is in it. Without it an erasure would make room to give anew."
        )
        return (StoreErasure("what was given", "logical", detail),)

    def _copies(self) -> StoreErasure:
        remains = self.remains
        said = [f"{name} has parts of {', '.join(of)}" for name, of in sorted(remains.copies.items())]
        text = f"Found and left alone, remove by hand: {'; '.join(said)}. " if said else "None was found. "
        text += f"Searched were the folder and what is beside it, {remains.size} bytes."
        if remains.bounded:
            text += " There was more than is searched."
        if remains.unread:
            text += f" Not looked into, because out of reach or open in this program: {remains.unread}."
        verified = not (said or remains.bounded or remains.unread)
        return StoreErasure("copies nearby", "logical" if verified else "unverified", text)

    def _copies_of(self, files: Iterable[str]) -> str:
        wanted = set(files)
        return ", ".join(name for name, of in sorted(self.remains.copies.items()) if wanted & set(of))


def strangers(foreign: tuple[str, ...]) -> tuple[StoreErasure, ...]:
    """Return what a receipt says about files that are not homespun's; nothing if there are none."""
    if not foreign:
        return ()
    detail = f"Not written by homespun and left alone: {', '.join(foreign)}."
    if any(name == KEY or database_of(name) for name in foreign):
        detail += " If they are a damaged profile after all, erase them with force."
    return (StoreErasure("other files", "unverified", detail),)


def _grouped(pairs: Iterable[tuple[str, _Why]]) -> dict[_Why, list[str]]:
    groups: dict[_Why, list[str]] = {}
    for name, why in pairs:
        groups.setdefault(why, []).append(name)
    return groups
