"""The main reason of an item in words: why it has its place, or else what adds most to its score."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from homespun.explain.wording import Wording
from homespun.model.bundle import Bundle
from homespun.model.history import Positions, Reals
from homespun.model.scoring import Pool
from homespun.model.totals import history_totals
from homespun.protocol.controls import Refusal
from homespun.ranking.additions import Boosts, ComingBack, Novelty
from homespun.ranking.assembly import Placed
from homespun.ranking.decision import Decision
from homespun.ranking.tastes import tag_parts

_SECOND_REASON = 0.3
"""A second part is named as a reason if it adds at least this share of what the first adds."""

_REFUSED: Mapping[Refusal | None, str] = {
    None: "refused",
    "non_profiled": "refused_non_profiled",
    "restriction": "refused_restriction",
    "objection": "refused_objection",
    "switched_off": "refused_switched_off",
}

_SECONDS_PER_DAY = 86_400.0

Phrase = Callable[[int, int], tuple[str, str]]
"""The words of a part, by its number and the item's place: what was done, to what; or an empty text and a sentence."""


def reasons_of(decision: Decision, ranked: Pool, places: Sequence[Placed | None], wording: Wording) -> list[str]:
    """Word the main reason of items.

    Args:
        decision: The decision.
        ranked: The items.
        places: Their places in the list; None for an item that has none.
        wording: How it is said.
    """
    placed = [None if place is None else _of_place(decision, place, wording) for place in places]
    if all(placed):
        return [words for words in placed if words]
    scored = _Reasons(decision, ranked, wording).words()
    return [moved or words for moved, words in zip(placed, scored, strict=True)]


def _of_place(decision: Decision, place: Placed, wording: Wording) -> str | None:
    """Return why an item has a place that its score alone did not give it."""
    if place.cause in {"pin", "reserve"} and decision.firing is not None and place.rule is not None:
        rule = decision.firing.rules[place.rule].name
        return wording.say("pinned" if place.cause == "pin" else "reserved", rule=rule)
    return {"explore": wording.say("explored"), "kept": wording.say("kept")}.get(place.cause)


class _Reasons:
    """The parts of some items' scores that can be reasons, as rows of one matrix with the words of each."""

    def __init__(self, decision: Decision, ranked: Pool, wording: Wording) -> None:
        self._decision = decision
        self._ranked = ranked
        self._wording = wording
        self._rows: list[Reals] = []
        self._phrases: list[tuple[int, Phrase]] = []
        self._count = 0
        self._of_history = 0
        self._titles: dict[int, str] = {}
        if decision.personalized or decision.plan.source == "similar":
            self._add_history()
        if decision.personalized:
            self._add_interests()
            self._add_repeats()
        self._add_circumstances()
        self._add_stages()

    def words(self) -> list[str]:
        """Return the reason of each item."""
        decision, say = self._decision, self._wording.say
        rows = np.concatenate(self._rows) if self._rows else np.zeros((0, self._ranked.positions.size))
        strongest = _strongest(rows)
        self._read_titles({row for rows_of in strongest for row in rows_of})
        told = [self._told(place, rows_of) for place, rows_of in enumerate(strongest)]
        if decision.plan.source == "similar":
            return [words or say("catalogue") for words in told]
        if decision.personalized:
            general = self._general()
            return [
                words or say("nothing", general=words_of_all) for words, words_of_all in zip(told, general, strict=True)
            ]
        shared = [words or each for words, each in zip(told, self._general(), strict=True)]
        if not decision.allowed:
            refusal = say(_REFUSED[decision.refusal])
            return [say("not_personal", general=words, refusal=refusal) for words in shared]
        return [say("unknown", general=words) for words in shared]

    def _read_titles(self, rows: set[int]) -> None:
        """Read the titles of the history's items among some rows, all at once."""
        history = self._decision.history
        needed = sorted(row for row in rows if row < self._of_history)
        titles = self._decision.person.titles_at(history.positions[needed].tolist())
        self._titles = dict(zip(needed, titles, strict=True))

    def _told(self, place: int, rows: list[int]) -> str:
        """Return the words of the one or two parts that add most to an item; empty if none adds anything."""
        phrases = [self._phrase(row, place) for row in rows]
        say = self._wording.say
        if not phrases:
            return ""
        # What is about the item itself first, lest "it" be taken for another one.
        done = sorted(((verb, words) for verb, words in phrases if verb), key=lambda each: bool(each[1]))
        if not phrases[0][0]:
            return phrases[0][1]
        if len(done) == 2 and done[0][0] == done[1][0]:  # noqa: PLR2004 - a pair
            return say("because", what=say("done_twice", verb=done[0][0], title=done[0][1], other=done[1][1]))
        first = [say("done", verb=verb, title=words) if words else verb for verb, words in done]
        return say("because", what=first[0] if len(first) == 1 else say("and", first=first[0], second=first[1]))

    def _phrase(self, row: int, place: int) -> tuple[str, str]:
        first, phrase = next(each for each in reversed(self._phrases) if each[0] <= row)
        return phrase(row - first, place)

    def _add(self, rows: Reals, phrase: Phrase) -> None:
        self._rows.append(rows)
        self._phrases.append((self._count, phrase))
        self._count += rows.shape[0]

    def _add_history(self) -> None:
        decision, wording = self._decision, self._wording
        history, bundle = decision.history, decision.bundle

        def phrase(number: int, place: int) -> tuple[str, str]:
            title = self._titles[number]
            if number < len(history.events):
                verb = wording.verb(history.events[number].kind)
                is_itself = history.positions[number] == self._ranked.positions[place]
                return (wording.say("done_before", verb=verb), "") if is_itself else (verb, title)
            control = history.wishes[number - len(history.events)].control
            return ("", wording.say("similar", title=title)) if control == "similar" else (wording.verb(control), title)

        self._add(history_totals(history, self._ranked, bundle.layout), phrase)
        self._of_history = self._count

    def _add_interests(self) -> None:
        decision, wording = self._decision, self._wording
        if decision.terms:
            rows = tag_parts(decision.bundle, decision.terms, self._ranked.positions)
            self._add(rows, _fixed([(wording.verb("interest"), tag) for tag in decision.terms]))

    def _add_repeats(self) -> None:
        decision, say = self._decision, self._wording.say
        habits = decision.history.habits
        rows = np.array(
            [[habit.weight * habit.odds.get(item, 0.0) for item in self._ranked.positions.tolist()] for habit in habits]
        ).reshape(len(habits), self._ranked.positions.size)
        if decision.history.repeats:
            self._add((self._ranked.repeats - rows.sum(axis=0))[None], _fixed([(say("repeat"), "")]))
        if habits:
            words = [
                say("habit_more" if each.is_often(1.0) else "habit_less", name=each.feature, value=each.value)
                for each in habits
            ]
            self._add(rows, _fixed([(each, "") for each in words]))
        for addition in decision.additions:
            if isinstance(addition, ComingBack):
                self._add(addition.values(self._ranked)[None], _fixed([(say("returns"), "")]))

    def _add_circumstances(self) -> None:
        history, say = self._decision.history, self._wording.say
        known = len(history.circumstances)
        if known:
            rows = history.context_weights[:known, None] * self._ranked.context[:known].astype(np.float64)
            named = [say("context", name=name, value=value) for name, value in history.circumstances]
            self._add(rows, _fixed([("", words) for words in named]))

    def _add_stages(self) -> None:
        decision, say = self._decision, self._wording.say
        for addition in decision.additions:
            if isinstance(addition, Boosts):
                rows = addition.spread * addition.firing.parts(self._ranked.positions)
                named = [say("boosted", rule=rule.name) for rule in addition.firing.boosting]
                self._add(rows, _fixed([("", words) for words in named]))
            elif isinstance(addition, Novelty):
                self._add(addition.values(self._ranked)[None], self._age(addition))

    def _age(self, addition: Novelty) -> Phrase:
        since = addition.bundle.numbers(addition.setting.attribute)[self._ranked.positions]

        def words(_: int, place: int) -> tuple[str, str]:
            days = int((addition.now - since[place]) / _SECONDS_PER_DAY)
            return "", self._wording.say("recent", days=days)

        return words

    def _general(self) -> list[str]:
        """Return what speaks for each item apart from the person: the prior that adds most."""
        priors = self._decision.history.priors[:, None] * self._ranked.priors.astype(np.float64).T
        return _of_everybody(self._decision.bundle, self._ranked.positions, priors, self._wording)


def _fixed(words: Sequence[tuple[str, str]]) -> Phrase:
    return lambda number, _: words[number]


def _of_everybody(bundle: Bundle, positions: Positions, priors: Reals, wording: Wording) -> list[str]:
    if all(part.name == "content" for part in bundle.manifest.components):
        return [wording.say("catalogue")] * positions.size
    words = [wording.prior(prior.name) for prior in bundle.manifest.priors]
    places = zip(positions.tolist(), priors.argmax(axis=0).tolist(), strict=True)
    return [words[place] if position < bundle.manifest.items else wording.say("new") for position, place in places]


def _strongest(totals: Reals) -> list[list[int]]:
    """Return for every column of float64 [n, p] the one or two rows that add most, none if none adds anything."""
    size = totals.shape[1]
    if not size or not totals.shape[0]:
        return [[] for _ in range(size)]
    columns = np.arange(size)
    # Of equals, argmax takes the first: the older item.
    first = totals.argmax(axis=0)
    most = totals[first, columns]
    others = totals.copy()
    others[first, columns] = -np.inf
    second = others.argmax(axis=0)
    more = others[second, columns]
    found = zip(first.tolist(), most.tolist(), second.tolist(), more.tolist(), strict=True)
    return [
        [] if best <= 0 else [one] if next_best < _SECOND_REASON * best else [one, two]
        for one, best, two, next_best in found
    ]
