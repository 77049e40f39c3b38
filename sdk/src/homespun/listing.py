"""Makes lists for the person of a profile, tells why, and what would be otherwise; what the façade passes on to."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple

from homespun.consent.parts import SCORING
from homespun.errors import MisuseError
from homespun.explain.counterfactual import Change, Counterfactual, changes_of, counterfactual, without
from homespun.explain.explaining import explain
from homespun.explain.explanation import Attribution, Explanation
from homespun.explain.recording import record_of
from homespun.explain.wording import Wording
from homespun.home import Home
from homespun.measure.experiments import Experiments
from homespun.measure.meeting import Meeting
from homespun.model.membership import distinct
from homespun.person.consent import Consent
from homespun.person.controls import Controls
from homespun.policies import Policies
from homespun.protocol.events import ContextValue
from homespun.protocol.experiment import Experiment
from homespun.protocol.policy.stages import Rules
from homespun.protocol.read_only import ReadOnlyDict
from homespun.ranking.constraints import effective_cap
from homespun.ranking.decision import Decision, decide, situation_of
from homespun.ranking.onboarding import Answers, onboarding_items
from homespun.ranking.request import HOME, Inputs, Request
from homespun.ranking.rules import RuleReport
from homespun.ranking.surfaces import Compiled
from homespun.recommendation import Recommendation, decision_of, recommendations

_DAY = 86_400.0

PASSING: Final = frozenset({"context", "attribute"})
"""Kinds of reasons that are no settings: they are left out of one list alone."""

_ASKED = 10
"""Places of the list in which an item that is asked about by name is looked for."""


class Question(NamedTuple):
    """An item to ask somebody for.

    Attributes:
        item: Its id.
        title: Its title.
    """

    item: str
    title: str


class Dials(NamedTuple):
    """Dials as they are tried out, before they are set.

    Attributes:
        diversity: As ``Controls.diversity`` takes it.
        exploration: As ``Controls.exploration`` takes it.
    """

    diversity: float
    exploration: float | None


class _Way(NamedTuple):
    """How a list is made.

    Attributes:
        compiled: By which policy, from which bundle.
        meeting: By which variant of an experiment; None: by none.
    """

    compiled: Compiled
    meeting: Meeting | None


class Listing:
    """Lists and their reasons. Thread-safe."""

    def __init__(
        self,
        home: Home,
        consent: Consent,
        controls: Controls,
        policies: Policies,
        templates: Mapping[str, str] | None,
        is_off: Callable[[], bool],
        experiments: Experiments,
    ) -> None:
        """Put the parts together.

        Args:
            home: The person.
            consent: What they allow.
            controls: What they set.
            policies: How lists are made.
            templates: How reasons are said.
            is_off: Returns whether personal lists are switched off now, by the publisher or for want of news.
            experiments: By which variants lists are made.

        Raises:
            MisuseError: A template is not what it should be.
        """
        self._home = home
        self._consent = consent
        self._controls = controls
        self._policies = policies
        self._wording = Wording(templates)
        self._is_off = is_off
        self._experiments = experiments

    def made(
        self,
        k: int,
        surface: str,
        *,
        context: Mapping[str, ContextValue] | None = None,
        seed: int | None = None,
        **asked: Any,
    ) -> list[Recommendation]:
        """Make a list, and keep what has to be kept of it.

        Args:
            k: How many items.
            surface: Where it will be shown.
            context: Circumstances of the request.
            seed: Decides what chance decides; None: drawn, where chance has a part.
            **asked: What ``Request.of`` takes besides.
        """
        read, way = self._home.epochs(), self._way(surface)
        return self._kept(self._decided(way, k, surface, context, seed, **asked), read, way)

    def looked_at(self, k: int, surface: str, *, seed: int, dials: Dials | None = None) -> list[Recommendation]:
        """Make a list for the person to look through, of which nothing is kept: no record, no showing, no count.

        Args:
            k: How many items.
            surface: Which surface's list.
            seed: Decides what chance decides, so that looking again changes nothing.
            dials: Dials that are tried out in place of those that are set.
        """
        decision = self._decided(self._way(surface), k, surface, None, seed, dials)
        return recommendations(decision, self._wording, ReadOnlyDict(self._consents()))

    def explained(self, item: Recommendation | str) -> Explanation:
        """Explain a recommendation as it was made, or an item as it stands now."""
        if isinstance(item, Recommendation):
            decision, consents = self._told(item)
            return replace(explain(decision, item.item, self._wording), consents=consents)
        found = explain(self._decided(self._way(HOME), _ASKED, HOME, None, None, asked=item), item, self._wording)
        return replace(found, consents=ReadOnlyDict(self._consents()))

    def counterfactual(self, item: Recommendation, executions: int) -> Counterfactual:
        """Return what would take a recommendation out of its list."""
        if not isinstance(item, Recommendation):
            raise MisuseError(f"a recommendation is needed, from a list; this is of type {type(item).__name__}.")
        decision, _ = self._told(item)
        return counterfactual(decision, item.item, executions)

    def without(self, item: Recommendation, reason: Counterfactual | Change | Attribution) -> list[Recommendation]:
        """Set that something counts no more, and make a recommendation's list again."""
        read = self._home.epochs()
        decision, changes = self._removed(item, reason)
        way = self._way(decision.request.surface)
        again = self._shown(way.compiled, replace(decision.request, now=self._home.now(), asked=None))
        # Circumstances and what is declared are no settings: they are left out of this list alone.
        passing = [change for change in changes if change.kind in PASSING]
        return self._kept(decide(way.compiled, *without(self._inputs(), again, passing)), read, way)

    def remove(self, item: Recommendation, reason: Counterfactual | Change | Attribution) -> None:
        """Set that something counts no more, with no list made or kept: the person looks at the next one themselves."""
        self._removed(item, reason)

    def imagined(self, item: Recommendation, reason: Counterfactual | Change | Attribution) -> list[Recommendation]:
        """Return what ``without`` would, with nothing set and nothing kept."""
        decision, consents = self._told(item)
        again = replace(decision.request, asked=None)
        made = decide(decision.compiled, *without(self._inputs(), again, changes_of(reason)))
        return recommendations(made, self._wording, consents)

    def questions(self, count: int, answered: Answers) -> list[Question]:
        """Return the items to ask for next."""
        bundle, inputs, now = self._policies.compiled.bundle, self._inputs(), self._home.now()
        steering, known = inputs.steering, list(inputs.events or ()) if inputs.allowed else []
        # What they did counts as an answer; what they say now counts before it.
        said: dict[str, bool | None] = dict.fromkeys((event.item for event in known), False)
        said |= dict.fromkeys((event.item for event in bundle.evidence(known).liked), True)
        said |= answered
        hidden = [bundle.positions_of(steering.hidden_items), *(bundle.tagged(tag) for tag in steering.hidden_tags)]
        asked = onboarding_items(
            bundle, count=count, answered=said, exclude=distinct([*hidden, bundle.unavailable(now)])
        ).tolist()
        return [Question(bundle.items[at], title) for at, title in zip(asked, bundle.titles_at(asked), strict=True)]

    def rules(self, surface: str, context: Mapping[str, ContextValue] | None) -> list[RuleReport]:
        """Return which rules would act, and why or why not."""
        compiled, now = self._way(surface).compiled, self._home.now()
        compiled.surface(surface)
        request = Request.of(1, now, context=context, surface=surface)
        request = replace(request, context=self._policies.circumstances(request.context, now))
        reports = compiled.rules.report(situation_of(compiled, compiled.person(self._inputs()), request))
        if compiled.surface(surface).stage(Rules) is not None:
            return reports
        return [replace(each, holds=False, why=f"the surface {surface!r} has no stage of rules") for each in reports]

    def basis(self) -> Inputs:
        """Return what the next list is made from, as far as it is about the person."""
        return self._inputs()

    @property
    def is_private(self) -> bool:
        """Whether a private session is on, whoever began it."""
        return self._home.is_private

    def exploration(self, surface: str) -> float:
        """Return where the dial of exploration stands, from 0 to 1: as the person set it, or as the policy has it."""
        own = self._home.steering().exploration
        return self._way(surface).compiled.surface(surface).level() if own is None else own

    def _removed(
        self, item: Recommendation, reason: Counterfactual | Change | Attribution
    ) -> tuple[Decision, tuple[Change, ...]]:
        if not isinstance(item, Recommendation):
            raise MisuseError(f"a recommendation is needed, from a list; this is of type {type(item).__name__}.")
        decision, _ = self._told(item)
        changes = changes_of(reason)
        for change in changes:
            self._set(change)
        return decision, changes

    def _set(self, change: Change) -> None:
        controls = self._controls
        if change.kind == "event":
            controls.ignore_item(change.target)
        elif change.kind == "more_like":
            controls.more_like(change.target, on=False)
        elif change.kind == "less_like":
            controls.less_like(change.target, on=False)
        elif change.kind == "interest":
            controls.set_interest(change.target, None)
        elif change.kind == "diversity":
            controls.diversity(0.0)
        elif change.kind == "exploration":
            controls.exploration(None)

    def _way(self, surface: str) -> _Way:
        """Return how the next list of a surface is made. What the application's own code says wins."""
        policies = self._policies
        compiled = policies.compiled
        if policies.is_given or self._is_off():
            return _Way(compiled, None)

        def is_usable(experiment: Experiment) -> bool:
            return policies.can_list([variant.rules for variant in experiment.variants], surface)

        meeting = self._experiments.meeting(surface, compiled.bundle, is_usable)
        if meeting is None:
            return _Way(compiled, None)
        return _Way(policies.under(meeting.variant.rules, meeting.told), meeting)

    def _kept(self, decision: Decision, read: frozenset[str], way: _Way) -> list[Recommendation]:
        home = self._home
        consents = ReadOnlyDict(self._consents())
        made = recommendations(decision, self._wording, consents)
        if decision.bars.cap is not None:
            home.add_exposures(each.item for each in made)
        home.add_decisions(lambda: [record_of(decision, consents)], read)
        if way.meeting is not None:
            self._experiments.list_made(way.meeting, [each.item for each in made], decision.bundle)
        return made

    def _decided(
        self,
        way: _Way,
        k: int,
        surface: str,
        context: Mapping[str, ContextValue] | None,
        seed: int | None,
        dials: Dials | None = None,
        **asked: Any,
    ) -> Decision:
        """Make a list by what is known and set now."""
        compiled, now, inputs = way.compiled, self._home.now(), self._inputs()
        if dials is not None:
            inputs = replace(inputs, steering=replace(inputs.steering, **dials._asdict()))
        drawn = seed
        if seed is None and compiled.explores(surface, inputs.steering.exploration):
            drawn = int.from_bytes(self._home.entropy(8), "big") >> 1
        request = Request.of(k, now, context=context, surface=surface, seed=drawn or 0, **asked)
        request = replace(request, context=self._policies.circumstances(request.context, now))
        return decide(compiled, inputs, self._shown(compiled, request))

    def _shown(self, compiled: Compiled, request: Request) -> Request:
        """Return the request with how often items were shown, where that counts."""
        cap = effective_cap(self._inputs(), compiled.surface(request.surface))
        if cap is None:
            return request
        return replace(request, shown=ReadOnlyDict(self._home.exposures(request.now - cap.days * _DAY)))

    def _inputs(self) -> Inputs:
        home, steering = self._home, self._home.steering()
        # A private session is without personal data.
        steering = replace(steering, non_profiled=True) if home.is_private else steering
        steering = replace(steering, switched_off=True) if self._is_off() else steering
        return Inputs(home.usable_events(), steering, home.attributes() if home.permits(SCORING) else ReadOnlyDict())

    def _told(self, recommendation: Recommendation) -> tuple[Decision, Mapping[str, int]]:
        """Return the decision behind a recommendation, if it may be told, and the consents that it was made by."""
        inputs = self._inputs()
        return decision_of(recommendation, inputs.events, inputs.steering, inputs.attributes)

    def _consents(self) -> dict[str, int]:
        """Return the numbers of the consent records in force, by purpose."""
        status = self._consent.status()
        return {
            purpose.value: each.decided_by.sequence
            for purpose, each in status.items()
            if each.granted and each.decided_by is not None
        }
