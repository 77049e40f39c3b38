"""A request closes without evidence, a deadline moves back, or an officer's decision leaves no trace."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from homespun.errors import MisuseError
from homespun_server.compliance.requests.course import ENDED, WORKED, Course, Event, opening
from homespun_server.compliance.requests.effects import DEVICES, EXPLANATIONS, MODELS, Effect, failed, nothing
from homespun_server.compliance.requests.folding import folded
from homespun_server.compliance.requests.moves import checked
from homespun_server.compliance.requests.profile import KINDS, shipped
from homespun_server.errors import RequestError
from tests.server.compliance.requests.support import NOON

STORES = ("table", "pseudonyms", DEVICES, MODELS)
WHATS = ["confirmed", "identified", "accepted", "refused", "withdrawn", "extended", "working", "exported", "closed"]
WHATS += ["unexplained"]
SAID = {"method": "seen", "evidence": "case 1", "reason": "legal_claims", "notice": "letter 1", "how": "mail"}
EFFECTS = [
    Effect(outcome="done", level="logical", records=1, detail="removed"),
    nothing("there is none"),
    failed("the disk is full"),
    Effect(outcome="pending", level="unverified", detail="others have to"),
    Effect(outcome="kept", detail="it cannot go"),
]


def started(kind: str = "erasure", regulation: str = "gdpr") -> Course:
    return opening(shipped(regulation).rules(kind), STORES, NOON)  # type: ignore[arg-type]


def after(course: Course, what: str, detail: dict | None = None) -> Course:
    event = Event(sequence=course.sequence + 1, moment="", who="", role="", what=what, detail=detail or {})  # type: ignore[arg-type]
    return folded(course, event)


def acted(course: Course, what: str, **said: object) -> Course:
    return after(course, what, checked(course, what, {**SAID, **said}, NOON))  # type: ignore[arg-type]


@pytest.mark.parametrize("said", [{}, {"reason": "no longer wanted"}, {"evidence": "letter 7"}, {"how": "mail"}])
@pytest.mark.parametrize("state", ["received", "identified", "accepted"])
def test_an_officer_ends_a_request_in_the_persons_name_without_evidence(state: str, said: dict[str, object]) -> None:
    course = replace(started(), state=state)  # type: ignore[arg-type]
    with pytest.raises(RequestError, match=r"to be withdrawn, a request needs '(reason|evidence)'"):
        checked(course, "withdrawn", dict(said), NOON)
    whole: dict[str, object] = {"reason": "no longer wanted", "evidence": "letter 7"}
    assert after(course, "withdrawn", checked(course, "withdrawn", whole, NOON)).state == "withdrawn"


class Machine(RuleBasedStateMachine):
    """Officers and programs do whatever they like, in any order; the rules hold them."""

    def __init__(self, course: Course | None = None) -> None:
        super().__init__()
        self.now = NOON
        self.course = course or started()
        self.due = [self.course.due]
        self.known: dict[str, Effect] = {}

    @rule(what=st.sampled_from(WHATS), pending=st.booleans(), reason=st.sampled_from(["legal_claims", "none"]))
    def officer(self, what: str, *, pending: bool, reason: str) -> None:
        try:
            detail = checked(self.course, what, {**SAID, "reason": reason, "pending": pending}, self.now)  # type: ignore[arg-type]
        except RequestError:
            return
        self.course = after(self.course, what, detail)
        self.due.append(self.course.due)

    @precondition(lambda self: self.course.state in WORKED)
    @rule(store=st.sampled_from(STORES[:2]), effect=st.sampled_from(EFFECTS))
    def program(self, store: str, effect: Effect) -> None:
        self.known[store] = effect
        self.course = after(self.course, "effect", {"connector": store, **msgspec.to_builtins(effect)})

    @precondition(lambda self: self.course.state in WORKED)
    @rule(devices=st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, unique=True))
    def asks(self, devices: list[str]) -> None:
        self.course = after(self.course, "asked", {"devices": devices})

    @precondition(lambda self: self.course.waiting and self.course.state in {*WORKED, "closed_pending"})
    @rule()
    def device(self) -> None:
        self.course = after(self.course, "answered", {"device": self.course.waiting[0], "outcome": "done"})

    @precondition(lambda self: self.course.state in WORKED)
    @rule(bundle=st.sampled_from(["m1", "m2"]))
    def schedules(self, bundle: str) -> None:
        if bundle not in self.course.models:
            self.course = after(self.course, "scheduled", {"bundle": bundle, "name": "films"})

    @precondition(lambda self: self.course.untrained and self.course.state in {*WORKED, "closed_pending"})
    @rule()
    def retrains(self) -> None:
        self.course = after(self.course, "retrained", {"bundle": self.course.untrained[0], "evidence": "m3"})

    @rule(days=st.integers(0, 40))
    def time(self, days: int) -> None:
        self.now += timedelta(days=days)

    @invariant()
    def is_never_closed_without_evidence(self) -> None:
        found = {name: self.course.outcome(name) for name in STORES}
        if self.course.state == "closed":
            assert all(each is not None and each.final for each in found.values())
            assert not self.course.waiting
            assert not self.course.untrained
        if self.course.state == "closed_pending":
            own = [found[name] for name in STORES[:2]]
            assert all(each is not None and (each.final or each.outcome == "pending") for each in own)
            assert any(each is None or not each.final for each in found.values())

    @invariant()
    def never_moves_a_deadline_back(self) -> None:
        assert self.due == sorted(self.due)
        assert len(set(self.due)) <= 2
        assert (len(set(self.due)) == 2) == self.course.extended

    @invariant()
    def waits_for_nobody_once_it_ended(self) -> None:
        assert (self.course.next is None) == (self.course.state in ENDED)


Machine.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestNoRequestClosesWithoutEvidence = Machine.TestCase


class Explanations(Machine):
    """The same with a request for an explanation, under a regulation that lets others be waited for."""

    def __init__(self) -> None:
        rules = msgspec.structs.replace(shipped("gdpr").rules("explanation"), pending=True)
        super().__init__(opening(rules, (*STORES, EXPLANATIONS), NOON))
        self.explained = False

    @rule(records=st.integers(0, 2))
    def answers(self, records: int) -> None:
        said: dict[str, object] = {"explained": {"records": records, "bundles": ["b" * 64]}} if records else {}
        try:
            detail = checked(self.course, "exported", said, self.now)
        except RequestError:
            return
        self.explained |= bool(records)
        self.course = after(self.course, "exported", detail)

    @rule(said=st.sampled_from([{}, {"reason": "on the device"}, {"evidence": "receipt"}, SAID]))
    def says_there_is_none(self, said: dict[str, object]) -> None:
        try:
            detail = checked(self.course, "unexplained", dict(said), self.now)
        except RequestError:
            return
        assert said == SAID
        self.course = after(self.course, "unexplained", detail)

    @precondition(lambda self: self.course.state in WORKED)
    @rule()
    def works_on_all_stores(self) -> None:
        for store in STORES:
            self.course = after(self.course, "effect", {"connector": store, **msgspec.to_builtins(EFFECTS[0])})

    @precondition(lambda self: self.course.state == "received")
    @rule()
    def accepts(self) -> None:
        for what in ("identified", "accepted", "working"):
            self.course = acted(self.course, what)

    @invariant()
    def is_never_closed_without_an_explanation(self) -> None:
        if self.course.state in {"closed", "closed_pending"}:
            effect = self.course.outcome(EXPLANATIONS)
            assert effect is not None
            assert effect.outcome == ("done" if self.explained else "nothing")
            assert self.course.copied


Explanations.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestNoExplanationIsLeftOut = Explanations.TestCase


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("regulation", ["gdpr", "ccpa"])
def test_a_kind_of_request_is_answered_by_opening_it(kind: str, regulation: str) -> None:
    if kind not in shipped(regulation).kinds:
        return
    course = started(kind, regulation)
    if course.state == "received":
        course = acted(course, "identified")
    course = acted(acted(course, "accepted"), "working")
    assert course.missing == STORES
    with pytest.raises(RequestError):
        checked(course, "closed", {"pending": True}, NOON)


def test_nobody_checked_who_it_is() -> None:
    with pytest.raises(RequestError, match="received cannot be accepted"):
        acted(started(), "accepted")


def test_a_check_of_identity_says_nothing() -> None:
    with pytest.raises(RequestError, match="'evidence' in words"):
        checked(started(), "identified", {"method": "seen", "evidence": " "}, NOON)


def test_a_refusal_has_a_reason_of_the_officers_own() -> None:
    with pytest.raises(RequestError, match="knows no reason 'too much work'"):
        acted(started(), "refused", reason="too much work")
    assert acted(started(), "refused").state == "refused"


def test_an_extension_is_told_too_late_or_given_twice() -> None:
    course = started()
    late = course.due + timedelta(seconds=1)
    with pytest.raises(RequestError, match="the request is late, and stays so"):
        checked(course, "extended", SAID, late)  # type: ignore[arg-type]
    extended = acted(course, "extended")
    assert extended.due == datetime(2025, 6, 3, 21, 59, 59, tzinfo=UTC)
    with pytest.raises(RequestError, match="was extended already"):
        acted(extended, "extended")


def test_what_only_waits_for_devices_is_called_done() -> None:
    course = acted(acted(acted(started(), "identified"), "accepted"), "working")
    for store in ("table", "pseudonyms", MODELS):
        course = after(course, "effect", {"connector": store, **msgspec.to_builtins(EFFECTS[0])})
    course = after(course, "asked", {"devices": ["phone", "tablet"]})
    assert (course.state, course.waiting) == ("partial", ("phone", "tablet"))
    with pytest.raises(RequestError, match="2 of 2 devices have not answered"):
        checked(course, "closed", {}, NOON)
    closed = acted(course, "closed", pending=True)
    assert closed.state == "closed_pending"
    assert closed.outcome(DEVICES) is not None
    assert closed.outcome(DEVICES).outcome == "pending"  # type: ignore[union-attr]
    for device in ("phone", "tablet"):
        closed = after(closed, "answered", {"device": device, "outcome": "done"})
    assert closed.state == "closed"


@pytest.mark.parametrize("regulation", ["gdpr", "ccpa"])
def test_a_device_that_is_offline_keeps_the_answer_from_coming_in_time(regulation: str) -> None:
    assert [kind for kind, rules in shipped(regulation).kinds.items() if not rules.pending] == []


def test_a_regulation_without_leave_closes_while_devices_are_pending() -> None:
    course = acted(acted(acted(started("access"), "identified"), "accepted"), "working")
    course = replace(course, rules=msgspec.structs.replace(course.rules, pending=False))
    course = replace(after(course, "asked", {"devices": ["phone"]}), copied=True)
    for store in ("table", "pseudonyms", MODELS):
        course = after(course, "effect", {"connector": store, **msgspec.to_builtins(EFFECTS[0])})
    with pytest.raises(RequestError, match="no evidence"):
        checked(course, "closed", {"pending": True}, NOON)


def test_a_copy_was_never_made() -> None:
    course = acted(acted(acted(started("access"), "identified"), "accepted"), "working")
    for store in STORES:
        course = after(course, "effect", {"connector": store, **msgspec.to_builtins(EFFECTS[0])})
    with pytest.raises(RequestError, match="copy was not made yet"):
        checked(course, "closed", {}, NOON)


@pytest.mark.parametrize("claimed", [{"outcome": "done", "detail": "removed"}, {"outcome": "nothing", "detail": " "}])
def test_an_effect_claims_without_a_level_or_a_reason(claimed: dict) -> None:
    with pytest.raises(MisuseError, match="it is no evidence"):
        Effect(**claimed)
