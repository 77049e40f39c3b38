"""What the events of a request add up to: the state is what they say, in their order, and nothing else. Pure."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import msgspec

from homespun_server.compliance.requests.course import WORKED, Course, Event, State, What
from homespun_server.compliance.requests.effects import EXPLANATIONS, Effect, Explained, explained, unexplained


def folded(course: Course, event: Event) -> Course:
    """Return the course after an event that was recorded."""
    course = replace(course, sequence=event.sequence)
    change = _CHANGES.get(event.what)
    return course if change is None else change(course, event)


def _worked(course: Course) -> Course:
    if course.state == "closed_pending":
        return course if course.missing else replace(course, state="closed")
    if course.state not in WORKED:
        return course
    if not course.missing:
        return replace(course, state="completed")
    return replace(course, state="partial" if course.effects else "working")


def _effect(course: Course, event: Event) -> Course:
    detail = dict(event.detail)
    name = str(detail.pop("connector"))
    effect = msgspec.convert(detail, Effect)
    return _worked(replace(course, effects={**course.effects, name: effect}))


def _began(course: Course, event: Event) -> Course:
    name, records = str(event.detail["connector"]), int(str(event.detail["records"]))
    return replace(course, began={**course.began, name: max(records, course.began.get(name, 0))})


def _asked(course: Course, event: Event) -> Course:
    asked = msgspec.convert(event.detail["devices"], list[str])
    return _worked(replace(course, devices={**dict.fromkeys(asked, False), **course.devices}))


def _answered(course: Course, event: Event) -> Course:
    device, declined = str(event.detail["device"]), event.detail.get("outcome") == "declined"
    refused = course.declined | {device} if declined else course.declined
    return _worked(replace(course, devices={**course.devices, device: True}, declined=refused))


def _scheduled(course: Course, event: Event) -> Course:
    bundle, pipeline = str(event.detail["bundle"]), event.detail.get("pipeline")
    made_by = {**course.pipelines, bundle: str(pipeline)} if pipeline else course.pipelines
    return _worked(replace(course, models={bundle: None, **course.models}, pipelines=made_by))


def _retrained(course: Course, event: Event) -> Course:
    made = {str(event.detail["bundle"]): str(event.detail["evidence"])}
    return _worked(replace(course, models={**course.models, **made}))


def _exported(course: Course, event: Event) -> Course:
    course, said = replace(course, copied=True), event.detail.get("explained")
    if said is None:
        return course
    return _explained(course, explained(msgspec.convert(said, Explained)))


def _unexplained(course: Course, event: Event) -> Course:
    return _explained(course, unexplained(str(event.detail["reason"]), str(event.detail["evidence"])))


def _explained(course: Course, effect: Effect) -> Course:
    return _worked(replace(course, effects={**course.effects, EXPLANATIONS: effect}))


def _extended(course: Course, event: Event) -> Course:
    due = datetime.fromisoformat(str(event.detail["due"])).astimezone(UTC)
    return replace(course, due=max(course.due, due), extended=True)


def _into(state: State) -> Callable[[Course, Event], Course]:
    return lambda course, _: replace(course, state=state)


_CHANGES: dict[What, Callable[[Course, Event], Course]] = {
    "confirmed": lambda course, _: replace(course, confirmed=True),
    "identified": _into("identified"),
    "accepted": _into("accepted"),
    "refused": _into("refused"),
    "withdrawn": _into("withdrawn"),
    "extended": _extended,
    "working": lambda course, _: _worked(replace(course, state="working")),
    "began": _began,
    "effect": _effect,
    "asked": _asked,
    "answered": _answered,
    "scheduled": _scheduled,
    "retrained": _retrained,
    "exported": _exported,
    "unexplained": _unexplained,
    "lifted": lambda course, _: replace(course, lifted=True),
    "closed": lambda course, _: replace(course, state="closed_pending" if course.missing else "closed"),
}
