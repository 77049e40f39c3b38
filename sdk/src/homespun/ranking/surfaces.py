"""A policy made ready for one bundle: its surfaces with their stages by kind, and all that no request changes."""

import copy
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from msgspec.structs import replace

from homespun.errors import MisuseError
from homespun.model.bundle import Bundle
from homespun.model.history import History
from homespun.protocol.policy import Policy, Source, policy_identity
from homespun.protocol.policy.stages import Blend, Case, Exploration, Rules, Stage, Weights
from homespun.ranking.blending import weighed
from homespun.ranking.default import DEFAULT
from homespun.ranking.learning import Learner
from homespun.ranking.person import Person
from homespun.ranking.request import Inputs
from homespun.ranking.rules import Conditions, Firing, RuleBook, Situation, popularity_of

LARGEST_SHARE = 0.5
"""Of a list's places, how many are for exploring where a person's dial is at 1."""

StageT = TypeVar("StageT", bound=Stage)


@dataclass(frozen=True)
class SurfacePlan:
    """One surface's stages.

    Attributes:
        name: The surface's.
        source: Which items are looked at.
        stages: In the policy's order.
        by_kind: The same, by class.
        cases: When each case of switching holds.
    """

    name: str
    source: Source
    stages: Sequence[Stage]
    by_kind: Mapping[type, Stage]
    cases: Conditions

    def stage(self, kind: type[StageT]) -> StageT | None:
        """Return the stage of a kind, if there is one."""
        found = self.by_kind.get(kind)
        return found if isinstance(found, kind) else None

    def exploration(self, level: float | None) -> Exploration:
        """Return how the surface's lists explore.

        Args:
            level: The person's dial, which counts in place of the policy's share; None: they set none.
        """
        stage = self.stage(Exploration) or Exploration()
        if level is None or self.source != "all":
            return stage
        if stage.method == "thompson":
            return replace(stage, share=LARGEST_SHARE * level)
        return Exploration(method="epsilon", share=LARGEST_SHARE * level, epsilon=1.0)

    def level(self) -> float:
        """Return where the person's dial would stand for as many places as the policy itself gives to chance."""
        stage = self.exploration(None)
        return 0.0 if stage.method == "off" else min(stage.share / LARGEST_SHARE, 1.0)

    def weights(self, situation: Situation) -> tuple[Weights, int | None]:
        """Return what parts of the score are multiplied by, and the number of the case of switching that holds."""
        blend = self.stage(Blend)
        if blend is None:
            return {}, None
        if blend.switch:
            holding = self.cases.holding(situation)
            if True in holding:
                number = holding.index(True)
                return blend.switch[number].weights, number
        return blend.weights, None


class _Made:
    """What is made when it is first needed, once for a compiled policy and for all that are beside it."""

    def __init__(self, bundle: Bundle, policy: Policy) -> None:
        self._bundle = bundle
        self._policy = policy

    @cached_property
    def rules(self) -> RuleBook:
        """The policy's rules, compiled."""
        return RuleBook(self._policy.rules, self._bundle, popularity_of(self._bundle))

    @cached_property
    def learner(self) -> Learner | None:
        """What learns people's lasting tastes."""
        return Learner.of(self._bundle)


class Compiled:
    """A bundle and the policy by which its lists are made. Safe to use from several threads at once.

    Build another one for another bundle or policy, and whenever an application adds items.
    """

    def __init__(self, bundle: Bundle, policy: Policy) -> None:
        """Compile a policy.

        Args:
            bundle: The bundle, with local items on top.
            policy: The policy; a surface that every application has and that it does not name is as by default.

        Raises:
            PolicyError: The policy cannot be used.
        """
        self.bundle = bundle
        self.policy = policy
        self.experiment = ""
        self._surfaces = {
            name: SurfacePlan(
                name=name,
                source=surface.source,
                stages=surface.stages,
                by_kind={type(stage): stage for stage in surface.stages},
                cases=Conditions([case.when for case in _switch(surface.stages)]),
            )
            for name, surface in {**DEFAULT.surfaces, **policy.surfaces}.items()
        }
        self._lock = threading.Lock()
        self._made = _Made(bundle, policy)
        self._person: Person | None = None
        self._base: Person | None = None

    @cached_property
    def identity(self) -> str:
        """The policy's SHA-256."""
        return policy_identity(self.policy)

    def surface(self, name: str) -> SurfacePlan:
        """Return a surface.

        Raises:
            MisuseError: There is none with this name.
        """
        found = self._surfaces.get(name)
        if found is None:
            known = ", ".join(repr(each) for each in self._surfaces)
            raise MisuseError(f"the policy {self.policy.name!r} has no surface {name!r}; use one of {known}.")
        return found

    def explores(self, name: str, level: float | None) -> bool:
        """Return whether chance has a part in a surface's lists; ``level`` is the person's dial."""
        return self.surface(name).exploration(level).method != "off"

    def person(self, inputs: Inputs) -> Person:
        """Return what follows from what is known of somebody; the latest one is remembered."""
        last = self._person
        if last is not None and last.inputs == inputs:
            return last
        made = Person(self.bundle, inputs, self._base)
        self._person = made
        return made

    def forget(self) -> None:
        """Forget the latest person."""
        self._person = None

    def beside(self, base: Person | None = None) -> "Compiled":
        """Return the same, which remembers its own latest person and shares everything else.

        Args:
            base: A person who will be asked about by other settings.
        """
        found = copy.copy(self)
        found._base, found._person = base, None  # noqa: SLF001 - of the same class
        return found

    def under(self, experiment: str) -> "Compiled":
        """Return the same for lists that are made under an experiment, which is told in words."""
        found = self.beside()
        found.experiment = experiment
        return found

    @property
    def rules(self) -> RuleBook:
        """The policy's rules; compiled when first needed.

        Raises:
            PolicyError: Two rules have the same name.
        """
        with self._lock:
            return self._made.rules

    def firing(self, plan: SurfacePlan, situation: Situation) -> Firing | None:
        """Return the rules that act; None where the surface has no stage for them, or the policy none."""
        if not self.policy.rules or plan.stage(Rules) is None:
            return None
        return self.rules.firing(situation)

    @property
    def learner(self) -> Learner | None:
        """What learns people's lasting tastes; made when first needed."""
        with self._lock:
            return self._made.learner

    def weighed(self, history: History, weights: Weights) -> History:
        """Return a history whose parts count so many times as much."""
        return weighed(history, self.bundle.manifest, weights) if weights else history


def _switch(stages: Sequence[Stage]) -> Sequence[Case]:
    return next((stage.switch for stage in stages if isinstance(stage, Blend)), ())
