"""Models that are made again for a request: what is scheduled, and what of it was done by now."""

from collections.abc import Sequence

import msgspec

from homespun_server.compliance.requests.course import WORKED, Course
from homespun_server.compliance.requests.effects import DEVICES, MODELS, SET_ASIDE, Effect, nothing
from homespun_server.compliance.requests.requests import Requests
from homespun_server.compliance.requests.retraining import Retrainings
from homespun_server.errors import ConflictError
from homespun_server.publishing.registry import Version
from homespun_server.store import Actor

_ALL_GUARANTEED = "No model in the registry lacks a guarantee; the answer lists all."


class Remaking:
    """Has models made again. Safe to use from several threads and processes at once."""

    def __init__(self, requests: Requests, retrainings: Retrainings | None) -> None:
        """Use requests.

        Args:
            requests: The requests.
            retrainings: The models that are to be made again; None: there is no registry.
        """
        self._requests, self._retrainings = requests, retrainings

    def schedule(self, request: str, course: Course, actor: Actor) -> Course:
        """Schedule what a request needs made again, once its stores are done, and return how things then stand."""
        if course.rules.kind != "erasure" or self._retrainings is None:
            effect = nothing("Only an erasure has models made again." if self._retrainings else "There is no registry.")
            return self._kept(request, course, effect, actor)
        if set(course.missing) - {DEVICES, MODELS}:
            return course  # the person's rows may still be in a table
        if not course.models and not any(map(_had, (course, *self._requests.others(request)))):
            return self._kept(request, course, _not_known_to_be_in(self._retrainings.needed()), actor)
        for job in self._retrainings.schedule(request):
            if job.bundle not in course.models:
                detail = {"bundle": job.bundle, "name": job.name, **self._made_by(job.bundle)}
                course = self._requests.record(request, "scheduled", detail, actor)
        if not course.models:
            return self._kept(request, course, nothing(_ALL_GUARANTEED), actor)
        return self.check(request, actor)

    def check_waiting(self, actor: Actor) -> tuple[str, ...]:
        """Look after every request that waits for models; one that was closed so far as it went then becomes closed.

        Args:
            actor: Who looks.

        Returns:
            The requests that stand otherwise than before.
        """
        waiting = () if self._retrainings is None else self._retrainings.waiting((*WORKED, "closed_pending"))
        return tuple(each for each in waiting if self._moved(each, actor))

    def _moved(self, request: str, actor: Actor) -> bool:
        before = self._requests.course(request)
        try:
            return bool(before.untrained) and self.check(request, actor).untrained != before.untrained
        except ConflictError:
            return False  # somebody else is at it

    def check(self, request: str, actor: Actor) -> Course:
        """Look which models were made again by now, and return how things stand with a request."""
        course = self._requests.course(request)
        for job in () if self._retrainings is None else self._retrainings.check(request):
            if job.evidence is not None and course.models.get(job.bundle, "") is None:
                detail = {"bundle": job.bundle, "evidence": job.evidence}
                course = self._requests.record(request, "retrained", detail, actor)
        return course

    def _made_by(self, bundle: str) -> dict[str, str]:
        pipeline = None if self._retrainings is None else self._retrainings.pipeline(bundle)
        return {} if pipeline is None else {"pipeline": pipeline}

    def _kept(self, request: str, course: Course, effect: Effect, actor: Actor) -> Course:
        known = course.outcome(MODELS)
        if known is not None and known.final:
            return course
        return self._requests.record(request, "effect", effect_of(MODELS, effect), actor)


def _not_known_to_be_in(models: Sequence[Version]) -> Effect:
    """Return that no row of a person is known; a model may have been made before their rows went."""
    if not models:
        return nothing(_ALL_GUARANTEED)
    names = ", ".join(sorted(each.name for each in models))
    return nothing(
        "No table has a row of this person, or had one at an earlier request that is known to be theirs, and none was "
        "set aside. Whether a table had one before that, when a model without a guarantee was made from it, cannot be "
        f"known here: a model's lineage has its table's hash, and not whose rows were in it. That goes for {names}. "
        "Whoever knows that this person had rows then has these made again."
    )


def _had(course: Course) -> bool:
    """Return whether a table had rows of the person, or what was set aside from one did."""
    found = (course.outcome(name) for name in course.connectors if is_table(name) or name == SET_ASIDE)
    return any(effect is not None and effect.outcome == "done" for effect in found)


def is_table(name: str) -> bool:
    """Return whether a store is a table about people."""
    return name.startswith("table ")


def effect_of(name: str, effect: Effect) -> dict[str, object]:
    """Return what an event says of a store's effect."""
    return {"connector": name, **msgspec.to_builtins(effect)}
