"""Whether explanations say what the lists do: tested on the lists, not on the words.

People whom training never saw, with all they did. Four questions: do the parts add up to the score; does taking away
the likes that an explanation ranks first lower the score more than taking away as many at random (deletion), and do
they alone lift it more (insertion; both after Petsiuk, Das and Saenko 2018); is every counterfactual that is told true
when the list is made again without what it names; and does the same request get the same explanation again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from benchmarks.models.bundles import fit
from benchmarks.models.datasets import ML1M, locate
from benchmarks.models.dividing import divided
from benchmarks.models.part import says_what_is_missing
from benchmarks.ranking.prequential import OPTIONS, FollowedPeople
from benchmarks.result import Cell, Section
from benchmarks.workspace import Workspace
from homespun.explain.counterfactual import counterfactual, without
from homespun.explain.explaining import explain
from homespun.explain.explanation import Explanation
from homespun.model.bundle import Bundle
from homespun.protocol.controls import NEUTRAL
from homespun.protocol.events import Event
from homespun.ranking.decision import Decision, decide
from homespun.ranking.default import DEFAULT
from homespun.ranking.request import Inputs, Request
from homespun.ranking.surfaces import Compiled
from homespun_server.evaluation.intervals import Interval, bootstrap
from homespun_server.evaluation.protocols import LeaveLastOut, Liked
from homespun_server.learning import Validation

PEOPLE = 300
LENGTH = 10
STEPS = (1, 2, 3, 5, 10)
SEED = 20_130_101
NOW = 1_100_000_000.0


@says_what_is_missing
def films(workspace: Workspace) -> Sequence[Section]:
    """MovieLens-1M, ratings of 4 and more: whether explanations and counterfactuals are true of the lists."""
    liked = Liked(4.0)
    inner = Validation(LeaveLastOut(repeats=False, liked=liked), depth=LENGTH)
    options = replace(OPTIONS, min_weight=liked.min_weight)
    protocol = FollowedPeople(liked)
    with divided(locate(ML1M, workspace), protocol, f"prequential-{ML1M}", workspace, people=True) as split:
        fitted = fit("homespun", split, options, workspace, validation=inner)
        with Bundle.open(fitted.folder) as bundle:
            people = [list(person.events) for person in split.people[:PEOPLE]]
            tested = _Tested(bundle, people, workspace)
            return [tested.adding_up(), tested.curves(), tested.counterfactuals()]


class _Tested:
    def __init__(self, bundle: Bundle, people: Sequence[list[Event]], workspace: Workspace) -> None:
        self._compiled = Compiled(bundle, DEFAULT)
        self._people = people
        self._workspace = workspace
        self._rng = np.random.default_rng(SEED)

    def adding_up(self) -> Section:
        """Test the sums, and that the same request is explained alike again."""
        errors, same, count = [], 0, 0
        for decision in self._decisions("add parts up"):
            again = decide(self._compiled.beside(), decision.person.inputs, decision.request)
            for item in _items(decision):
                found = explain(decision, item)
                errors.append(abs(found.residual) / sum(abs(part.value) for part in found.attributions))
                same += found == explain(again, item)
                count += 1
        rows: list[tuple[Cell, ...]] = [
            ("explanations", count, None),
            ("largest |residual| / Σ|parts|", f"{max(errors):.1e}", "met" if max(errors) <= 1e-5 else "not met"),
            ("alike when made again", f"{same / count:.2%}", "met" if same == count else "not met"),
        ]
        return Section("Do parts add up, and stay the same", ("what", "measured", "verdict"), tuple(rows), _ABOUT)

    def curves(self) -> Section:
        """Test that what is named first matters most."""
        drops: dict[tuple[str, str, int], list[float]] = {}
        for decision in self._decisions("delete and insert"):
            item = _items(decision)[0]
            ranked = _by_part(explain(decision, item))
            if len(ranked) <= max(STEPS):
                continue
            shuffled = self._rng.permutation(np.array(ranked)).tolist()
            spread = float(decision.pool.scores.std()) or 1.0
            for way, order in (("explained", ranked), ("at random", shuffled)):
                for step in STEPS:
                    deleted = self._score(decision, item, frozenset(order[:step]))
                    alone = self._score(decision, item, frozenset(ranked) - frozenset(order[:step]))
                    nothing = self._score(decision, item, frozenset(ranked))
                    score = float(decision.ranked.scores[0])
                    drops.setdefault(("deletion", way, step), []).append((score - deleted) / spread)
                    drops.setdefault(("insertion", way, step), []).append((alone - nothing) / spread)
        rows: list[tuple[Cell, ...]] = []
        for test in ("deletion", "insertion"):
            for step in STEPS:
                ours, theirs = np.array(drops[test, "explained", step]), np.array(drops[test, "at random", step])
                better = bootstrap(ours - theirs)
                rows.append((test, step, bootstrap(ours), bootstrap(theirs), better, _verdict(better)))
        columns = ("test", "likes", "as explained, spreads", "at random, spreads", "lead", "verdict")
        note = "Deletion: by how much the score of a list's first item falls without so many likes; insertion: by how "
        note += (
            "much it is above that of no likes with so many alone. In standard deviations of the candidates' scores; "
        )
        note += f"weights follow what is left. {len(ours)} people with more than {max(STEPS)} likes."
        return Section("Deletion and insertion", columns, tuple(rows), note)

    def counterfactuals(self) -> Section:
        """Test that what is told is true."""
        found, valid, asked, sizes = 0, 0, 0, []
        for decision in self._decisions("counterfactuals"):
            for item in (_items(decision)[0], _items(decision)[-1]):
                asked += 1
                answer = counterfactual(decision, item)
                if not answer.found:
                    continue
                found += 1
                sizes.append(len(answer.changes))
                changed = without(decision.person.inputs, decision.request, answer.changes)
                # With nothing remembered of the person, from the beginning.
                listed = _items(decide(Compiled(decision.bundle, DEFAULT), *changed))
                valid += item not in listed
        rows: list[tuple[Cell, ...]] = [
            ("asked about (first and last of each list)", asked, None),
            ("answered within 5 changes", f"{found / asked:.1%}", None),
            ("true when executed again", f"{valid / max(1, found):.2%}", "met" if valid == found else "not met"),
            *((f"of {size} change{'s' if size > 1 else ''}", sizes.count(size), None) for size in range(1, 6)),
        ]
        return Section("Counterfactuals", ("what", "measured", "verdict"), tuple(rows), _ABOUT)

    def _decisions(self, step: str) -> Iterator[Decision]:
        for done, events in enumerate(self._people, 1):
            decision = decide(self._compiled, Inputs(events), Request(LENGTH, NOW))
            if decision.personalized and decision.ranked.positions.size == LENGTH:
                yield decision
            self._workspace.observer(step, done, len(self._people))

    def _score(self, decision: Decision, item: str, ignored: frozenset[str]) -> float:
        inputs = replace(decision.person.inputs, steering=replace(NEUTRAL, ignored_items=ignored))
        made = decide(self._compiled.beside(), inputs, replace(decision.request, asked=item))
        asked = made.asked
        return float("nan") if asked is None else float(asked.scores[0])


_ABOUT = f"Lists of {LENGTH} by the default policy, of up to {PEOPLE} people whom training never saw."


def _items(decision: Decision) -> list[str]:
    return [decision.bundle.items[position] for position in decision.ranked.positions.tolist()]


def _by_part(explanation: Explanation) -> list[str]:
    """Return the liked items by what they add, over all components, most first."""
    totals: dict[str, float] = {}
    for part in explanation.attributions:
        if part.event is not None:
            totals[part.event.item] = totals.get(part.event.item, 0.0) + part.value
    return sorted(totals, key=lambda item: -totals[item])


def _verdict(lead: Interval) -> str:
    return "met beyond chance" if lead.low > 0 else "met, within the interval" if lead.high > 0 else "not met"
