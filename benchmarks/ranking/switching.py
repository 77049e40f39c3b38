"""Switching by how much is known: the same people cut to their first 0, 1, 3, 5, 10 and 50 events.

Beside each other: every part of the model by itself, all parts as the bundle has learned to blend them, and a policy
that switches: what is popular, and content, while little is known, and what people do from then on. How much is little
differs between sets, and was chosen on people who are not reported. Parts by themselves, and the policy, are of a
bundle in which every part weighs the same: no policy brings back a part that a learned blend leaves out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from benchmarks.models.bundles import Fitted, fit
from benchmarks.models.dividing import Divided
from benchmarks.models.sections import INTERVALS
from benchmarks.ranking.effect_cases import KNOWN, CutPeople, first_events
from benchmarks.ranking.effect_lists import Panel
from benchmarks.ranking.effect_policies import policy_of
from benchmarks.result import Cell, Section
from benchmarks.workspace import Workspace
from homespun.model.bundle import Bundle
from homespun.protocol.policy import Policy
from homespun.protocol.policy.conditions import Condition, HistoryTest
from homespun.protocol.policy.stages import Blend, Case, Weights
from homespun.ranking.blending import part_names
from homespun_server.evaluation.facts import ItemFacts
from homespun_server.evaluation.held_out import Person
from homespun_server.evaluation.intervals import Reals, bootstrap
from homespun_server.learning import FitOptions
from homespun_server.training.blend import STANDARD_BLEND, steady
from homespun_server.training.blend import Blend as Terms

PLAIN, SWITCH = "all parts, as learned", "switching"
TRENDS = ("trend-2d", "trend-14d", "trend-60d")
PARTS = ("popularity", "collaborative", "sequential", "session", "content", *TRENDS)

EVEN = Terms({name: steady(1.0) for name in PARTS}, STANDARD_BLEND.kernels)
"""Every part counts the same."""


@dataclass(frozen=True)
class Switch:
    """A policy that switches by how many events there are.

    Attributes:
        below: From how many events on it is warm.
        cold: Weights of parts before.
        warm: Weights of parts from then on.
    """

    below: int
    cold: Weights
    warm: Weights

    def policy(self, bundle: Bundle) -> Policy:
        """Return the policy, for a bundle in which every part weighs the same."""
        little = Condition(history=HistoryTest(below=self.below))
        return policy_of(Blend(_weights(bundle, self.warm), (Case(little, _weights(bundle, self.cold)),)))


FILMS = Switch(
    below=8,
    cold={"popularity": 1.0, "content": 0.05},
    warm={"collaborative": 0.05, "sequential": 0.6, "session": 1.0, "trend-14d": 0.3},
)
SHOP = Switch(
    below=1,
    cold={"popularity": 1.0},
    warm={"collaborative": 0.05, "sequential": 1.6, "popularity": 0.08, "trend-14d": 0.2},
)


def switching(
    title: str,
    split: Divided,
    facts: ItemFacts,
    people: Sequence[Person],
    protocol: CutPeople,
    options: FitOptions,
    learned: Fitted,
    switch: Switch,
    workspace: Workspace,
) -> Section:
    """Return what lists are worth by how many first events are known."""
    even = fit("every part the same", split, replace(options, blend=EVEN), workspace)
    cases = list(first_events(people, protocol))
    rows: list[tuple[Cell, ...]] = []
    with Bundle.open(even.folder) as apart, Bundle.open(learned.folder) as whole:
        singles = {name: policy_of(Blend(_only(apart, name))) for name in PARTS}
        for place, known in enumerate(KNOWN):
            panel = Panel([own[place] for own in cases], protocol, facts)
            found = {name: panel.ask(apart, policy).ndcg for name, policy in singles.items()}
            others = {PLAIN: panel.ask(whole, policy_of()).ndcg, SWITCH: panel.ask(apart, switch.policy(apart)).ndcg}
            rows.append(_row(known, found, others))
            workspace.observer("switch", place + 1, len(KNOWN))
    note = (
        f"{split.split.text} The same {len(cases):,} people at every number. What it claims: neither is below the best "
        f"single part, within the interval. {INTERVALS}"
    )
    return Section(f"{title}: switching by how much is known, NDCG@10", _COLUMNS, tuple(rows), note, plot="curves")


_COLUMNS = (
    "events known",
    "the best single part",
    "which",
    PLAIN,
    "lead over the best",
    "verdict",
    SWITCH,
    "lead over the best ",
    "verdict ",
)


def _row(known: int, singles: Mapping[str, Reals], others: Mapping[str, Reals]) -> tuple[Cell, ...]:
    best = max(singles, key=lambda name: float(singles[name].mean()))
    cells: list[Cell] = [str(known), bootstrap(singles[best]), best]
    for name in (PLAIN, SWITCH):
        lead = bootstrap(others[name] - singles[best])
        cells += [bootstrap(others[name]), lead, "holds" if lead.high >= 0 else "falls short"]
    return tuple(cells)


def _only(bundle: Bundle, name: str) -> Weights:
    return _weights(bundle, {name: 1.0})


def _weights(bundle: Bundle, given: Weights) -> Weights:
    return {name: given.get(name, 0.0) for name in part_names(bundle.manifest)}
