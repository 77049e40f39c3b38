"""What a withdrawal does beside being recorded: the cascade over the register of parts, and its log.

What has to be cleared is written down in the transaction that records the withdrawal, and cleared in the same call;
where that is interrupted, or the disk refuses, the next opening does it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from homespun.consent import Purpose
from homespun.consent.parts import CONTRIBUTIONS, IDENTIFIED, PARTS, Part
from homespun.contribute.egress import Egress
from homespun.errors import LedgerError, ProfileError
from homespun.profile import ProfileStore
from homespun.protocol.receipts import Receipt


@dataclass(frozen=True, slots=True)
class Effect:
    """What a withdrawal did to one part.

    Attributes:
        part: The part's name.
        text: What was done, or can no longer be, in plain words.
        done: Whether nothing is left to do.
    """

    part: str
    text: str
    done: bool = True


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """What came of a withdrawal, a refusal or a signal.

    Attributes:
        purposes: What is not allowed any more.
        effects: What was done, part by part.
        receipt: Proof of the complete erasure, where storage was withdrawn and there was something to erase.
    """

    purposes: tuple[Purpose, ...]
    effects: tuple[Effect, ...] = ()
    receipt: Receipt | None = None

    def __str__(self) -> str:
        """Return the log in words, a line an effect."""
        head = f"Not allowed any more: {', '.join(self.purposes) or 'nothing new'}."
        lines = [f"  {effect.part}: {effect.text}" for effect in self.effects]
        return "\n".join([head, *lines, *([] if self.receipt is None else [str(self.receipt)])])


def affected(purposes: Iterable[Purpose]) -> tuple[Part, ...]:
    """Return the parts that need one of the purposes, storage aside, whose withdrawal erases everything."""
    withdrawn = frozenset(purposes) - {Purpose.DEVICE_STORAGE}
    return tuple(part for part in PARTS if part.purposes & withdrawn)


def cascade(store: ProfileStore, egress: Egress, names: Iterable[str]) -> tuple[Effect, ...]:
    """Stop and clear parts whose purpose was withdrawn.

    Args:
        store: The open profile.
        egress: The way out.
        names: The parts' names.
    """
    effects: list[Effect] = []
    settled: list[str] = []
    wanted = frozenset(names)
    for part in (part for part in PARTS if part.name in wanted):
        try:
            effects += _stop(store, egress, part)
            settled.append(part.name)
        except (ProfileError, LedgerError) as error:
            pending = f"Stopped. Clearing is pending until the next opening: {error}"
            effects.append(Effect(part.name, pending, done=False))
    effects += _cancel(egress, wanted)
    try:
        store.settle(settled)
    except ProfileError as error:
        effects.append(Effect("index", f"The next opening clears once more what was cleared: {error}", done=False))
    return tuple(effects)


def _cancel(egress: Egress, names: frozenset[str]) -> list[Effect]:
    """Drop what waits to leave and serves a purpose which was withdrawn, as far as ``_stop`` did not."""
    purposes = {str(each) for part in PARTS if part.name in names for each in part.purposes}
    purposes -= {str(Purpose.DEVICE_STORAGE)}
    if CONTRIBUTIONS.name in names:
        purposes &= IDENTIFIED.keys()
    if not purposes:
        return []
    try:
        effects = egress.cancel(sorted(purposes))
    except (ProfileError, LedgerError) as error:
        return [Effect(CONTRIBUTIONS.name, f"Not sent any more, and not dropped yet: {error}", done=False)]
    ended = effects.dropped or effects.stopped
    return [Effect(CONTRIBUTIONS.name, line) for line in effects.lines()] if ended else []


def _stop(store: ProfileStore, egress: Egress, part: Part) -> list[Effect]:
    if part is CONTRIBUTIONS:
        # Whatever purpose it serves, it needs this one as well, but for what leaves as the person's own.
        serving = [str(each) for each in Purpose if str(each) not in IDENTIFIED]
        return [Effect(part.name, line) for line in egress.cancel(serving).lines()]
    if not part.cleared:
        return [Effect(part.name, f"Stopped: {part.words}. {part.stays}".rstrip())]
    tables = [table.partition(".")[2] for table in part.tables if not part.compartment]
    cleared = store.clear(tables, [part.compartment] if part.compartment else [])
    number = sum(cleared.rows.values())
    rest = " Some old files could not be removed yet; the next opening tries again." if cleared.left else ""
    if any(not outside for _, outside in cleared.rewritten.values()):
        rest += " Copies of the folder that were made earlier still show them to whoever has its key."
    return [Effect(part.name, f"Stopped: {part.words}. Destroyed: {number} rows, with the keys of their files.{rest}")]
