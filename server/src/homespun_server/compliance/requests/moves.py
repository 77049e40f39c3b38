"""Which event may come next, and what it has to bring with it. Pure.

Every function returns the event's detail, or raises with what is in the way.
"""

from datetime import datetime

from homespun_server.compliance.requests.course import COPIES, ENDED, WORKED, Course, State, What, extended_due
from homespun_server.compliance.requests.effects import EXPLANATIONS, PSEUDONYMS, not_yet_explained
from homespun_server.errors import RequestError
from homespun_server.store.moments import text_of

Detail = dict[str, object]

LONGEST = 2_000

_FROM: dict[What, frozenset[State]] = {
    "confirmed": frozenset({"received", "identified", "accepted", *WORKED}),
    "identified": frozenset({"received"}),
    "accepted": frozenset({"identified"}),
    "refused": frozenset({"received", "identified"}),
    "withdrawn": frozenset({"received", "identified", "accepted"}),
    "extended": frozenset({"received", "identified", "accepted", *WORKED}),
    "working": frozenset({"accepted", *WORKED}),
    "closed": frozenset({"completed", "partial"}),
    "exported": WORKED,
    "unexplained": WORKED,
    "lifted": frozenset({"completed", "closed", "closed_pending"}),
}

BY_MACHINE: dict[What, frozenset[State]] = {
    "began": WORKED,
    "effect": WORKED,
    "asked": WORKED,
    "scheduled": WORKED,
    "answered": WORKED | {"closed_pending"},
    "retrained": WORKED | {"closed_pending"},
    "returned": frozenset({"completed", "closed", "closed_pending"}),
}
"""In which states a program may record what it did."""

_NEEDS: dict[What, tuple[str, ...]] = {
    "confirmed": ("how",),
    "identified": ("method", "evidence"),
    "refused": ("reason", "notice"),
    "extended": ("reason", "notice"),
    # The person is informed before a restriction is lifted (GDPR Art. 18(3)).
    "lifted": ("reason", "notice"),
    # Otherwise whoever is late, or unwilling, ends a request in the person's name.
    "withdrawn": ("reason", "evidence"),
    "unexplained": ("reason", "evidence"),
}
"""What an officer says with an event: plain words, or a reference to evidence that is kept elsewhere."""


def checked(course: Course, what: What, detail: Detail, now: datetime) -> Detail:
    """Return the detail to record with an officer's event.

    Args:
        course: How things stand.
        what: What is to happen.
        detail: What was said with it.
        now: The server's time.

    Raises:
        RequestError: The state, the rules or missing evidence forbid it.
    """
    if course.state not in _FROM.get(what, frozenset()) and not _is_late_answer(course, what):
        ended = " It has ended; open a new one." if course.state in ENDED else ""
        raise RequestError(f"a request that is {_words(course.state)} cannot be {what}.{ended} Nothing was recorded.")
    for name in _NEEDS.get(what, ()):
        _check_said(what, name, detail.get(name))
    if what == "lifted":
        _check_lifting(course)
    if what == "unexplained":
        _check_unexplained(course)
    if what == "exported":
        check_explained(course, given="explained" in detail)
    if what == "refused":
        return _refusal(course, detail)
    if what == "extended":
        return _extension(course, detail, now)
    if what == "closed":
        return _closing(course, detail)
    return detail


def _is_late_answer(course: Course, what: What) -> bool:
    """Return whether an answer is made of a request that is closed: what was done and what stays is still there.

    A copy needs the person's name, which is gone by then.
    """
    return what == "exported" and course.rules.kind not in COPIES and course.state in {"closed", "closed_pending"}


def may_be_named(course: Course, what: What, after: Course, *, known: bool) -> bool:
    """Return whether a request's pseudonym is looked up: as work begins, and as it ends without one.

    Once the key was destroyed, whoever has a pseudonym under the same name came back; the request is not about them.

    Args:
        course: How things stood.
        what: What happened.
        after: How they stand then.
        known: Whether the request has a pseudonym.
    """
    keyless = course.outcome(PSEUDONYMS)
    if what == "working":
        return keyless is None or not keyless.final
    return after.state in ENDED and not known and course.rules.kind != "erasure"


def _check_said(what: What, name: str, said: object) -> None:
    if not isinstance(said, str) or not said.strip() or len(said) > LONGEST:
        raise RequestError(
            f"to be {what}, a request needs {name!r} in words, at most {LONGEST} characters: without it there is no "
            "evidence. Nothing was recorded."
        )


def _check_lifting(course: Course) -> None:
    if course.rules.kind != "restriction" or course.lifted:
        why = "was lifted before" if course.lifted else f"is of the kind {course.rules.kind}, which the person ends"
        raise RequestError(f"only a restriction is lifted, and once; this request {why}. Nothing was recorded.")


def _check_unexplained(course: Course) -> None:
    known = course.outcome(EXPLANATIONS)
    if course.rules.kind != "explanation" or (known is not None and known.outcome == "done"):
        why = "has its explanation" if course.rules.kind == "explanation" else f"is of the kind {course.rules.kind}"
        raise RequestError(f"this request {why}, so nobody says why there is none. Nothing was recorded.")


def check_explained(course: Course, *, given: bool) -> None:
    """Refuse an answer to a request for an explanation that has none, and no word why.

    Args:
        course: How things stand.
        given: Whether the answer explains recorded lists.

    Raises:
        RequestError: It may not be made.
    """
    if course.rules.kind != "explanation":
        if given:
            raise RequestError(
                f"a request of the kind {course.rules.kind} explains no lists; open one of the kind explanation."
            )
        return
    known = course.outcome(EXPLANATIONS)
    if given or (known is not None and known.outcome == "nothing"):
        return
    if known is not None and known.outcome == "done":
        raise RequestError(
            "an answer with explanations was made before, and nothing of the records was kept: give them again, so "
            "that this answer has them too. Nothing was recorded."
        )
    raise RequestError(f"{not_yet_explained().detail} Nothing was recorded.")


def _refusal(course: Course, detail: Detail) -> Detail:
    reason = str(detail["reason"])
    if reason not in course.rules.refusals:
        raise RequestError(
            f"{course.rules.title} knows no reason {reason!r} to refuse a request; it knows "
            f"{', '.join(course.rules.refusals)}. Nothing was recorded."
        )
    return {**detail, "words": course.rules.refusals[reason], "told": course.rules.told["refusal"]}


def _extension(course: Course, detail: Detail, now: datetime) -> Detail:
    if course.rules.extension is None or course.extended:
        why = "was extended already" if course.extended else f"of the kind {course.rules.kind} has no extension"
        raise RequestError(f"a request that {why} keeps its deadline, {text_of(course.due)}. Nothing was recorded.")
    if now > course.due:
        raise RequestError(
            f"the person had to be told of an extension until {text_of(course.due)}, which is over: the request is "
            "late, and stays so. Answer it. Nothing was recorded."
        )
    return {**detail, "from": text_of(course.due), "due": text_of(extended_due(course))}


def _closing(course: Course, detail: Detail) -> Detail:
    if course.rules.kind in COPIES and not course.copied:
        raise RequestError("the person's copy was not made yet (request export), so the request is not answered.")
    if not course.missing:
        return {**detail, "pending": 0}
    if course.only_pending and course.rules.pending:
        if detail.get("pending") is not True:
            raise RequestError(
                f"{_missing(course)}. That is not done: wait, or close it as closed with pending devices or models "
                "(pending), and tell the person so. Nothing was recorded."
            )
        return {**detail, "pending": len(course.waiting) + len(course.untrained), "stores": list(course.missing)}
    raise RequestError(
        f"{_missing(course)}. There is no evidence that anything was done there, so the request stays open. Work on "
        "it again (request work). Nothing was recorded."
    )


def _missing(course: Course) -> str:
    told = []
    for name in course.missing:
        effect = course.outcome(name)
        told.append(f"{name}: {'nothing was recorded' if effect is None else effect.detail.rstrip('.')}")
    return "; ".join(told)


def _words(state: State) -> str:
    return state.replace("_", " with ")
