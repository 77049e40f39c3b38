"""Whatever happens in whatever order, the ledger verifies and its sums are right."""

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from homespun.contribute import EgressLimits
from homespun.errors import BudgetError, NotPermittedError, TransportError
from homespun.protocol.egress import from_json_lines, to_json_lines, verify_chain
from tests.sdk.contribute.rig import Killed, Rig, no_connection, raising

CEILING = Decimal("3.7")
PURPOSES = ("contribution", "measurement")

EPSILONS = st.decimals(0, 2, places=3)
STEPS = st.one_of(
    st.tuples(st.just("queue"), st.sampled_from(PURPOSES), EPSILONS, st.booleans()),
    st.tuples(st.just("send"), st.sampled_from(["well", "unsure", "offline", "bug", "killed", "killed after"])),
    st.tuples(st.just("cancel"), st.sampled_from(PURPOSES)),
    st.tuples(st.just("consent"), st.sampled_from(PURPOSES), st.sampled_from([None, 3, 4])),
    st.tuples(st.just("clock"), st.sampled_from([-(10**5), 30, 60, 600, 10**6])),
    st.tuples(st.just("restart")),
)

ENDS: dict[str, BaseException] = {
    "unsure": TransportError("timed out"),
    "offline": no_connection(),
    "bug": ZeroDivisionError("bug"),
    "killed": Killed(),
    "killed after": Killed(),
}


class World(Rig):
    """A rig that knows on its own what every contribution costs and whether it reached the wire."""

    def play(self, step: tuple[Any, ...]) -> None:
        getattr(self, f"on_{step[0]}")(*step[1:])

    def on_queue(self, purpose: str, epsilon: Decimal, idempotent: bool) -> None:  # noqa: FBT001 - a step's values
        payload = b"payload %d" % len(self.log.entries)
        try:
            self.queue(payload, purpose=purpose, epsilon=epsilon, idempotent=idempotent)
        except NotPermittedError:
            assert purpose not in self.consents
        except BudgetError:
            assert epsilon > Decimal(self.log.entries[-1].epsilon_left if self.log.entries else CEILING)

    def on_send(self, how: str) -> None:
        self.wire.before = self.wire.after = lambda: None
        if how != "well":
            setattr(self.wire, "before" if how in {"offline", "killed"} else "after", raising(ENDS[how]))
        if how.startswith("killed"):
            try:
                self.egress.send_pending(3)
            except Killed:
                self.on_restart()
        else:
            assert self.egress.send_pending(3).problem is None

    def on_cancel(self, purpose: str) -> None:
        self.egress.cancel([purpose])
        assert all(entry.purpose != purpose for entry in self.ledger.pending())

    def on_consent(self, purpose: str, sequence: int | None) -> None:
        self.consents.pop(purpose, None)
        if sequence is not None:
            self.consents[purpose] = sequence

    def on_clock(self, seconds: int) -> None:
        self.clock.advance(seconds)

    def on_restart(self) -> None:
        self.egress = self.another()


def played(steps: list[tuple[Any, ...]]) -> World:
    world = World(ceiling=CEILING, limits=EgressLimits(attempts=3), consents={"contribution": 3, "measurement": 3})
    for step in steps:
        before = world.log.entries
        world.play(step)
        assert world.log.entries[: len(before)] == before
    return world


@given(st.lists(STEPS, max_size=25))
def test_a_ledger_of_some_history_does_not_verify(steps: list[tuple[Any, ...]]) -> None:
    world = played(steps)
    entries = world.log.entries
    verify_chain(entries, head=entries[-1].hash if entries else None)
    assert from_json_lines(to_json_lines(entries)) == entries
    assert world.ledger.table()


@given(st.lists(STEPS, max_size=25))
def test_epsilon_is_lost_or_made_from_nothing(steps: list[tuple[Any, ...]]) -> None:
    world = played(steps)
    cost: dict[int, Decimal] = {}
    for entry in world.log.entries:
        number = entry.of or entry.sequence
        cost[number] = Decimal(entry.epsilon_spent)
        assert sum(cost.values()) + Decimal(entry.epsilon_left) == CEILING
    queued = {entry.sequence: entry for entry in world.log.entries if entry.state == "queued"}
    cancelled = {entry.of for entry in world.log.entries if entry.state == "cancelled"}
    kept = sum(Decimal(entry.epsilon_spent) for number, entry in queued.items() if number not in cancelled)
    given_up = sum(cost[number] for number in cancelled if number is not None)
    assert kept + given_up == sum(cost.values()) <= CEILING


@given(st.lists(STEPS, max_size=25))
def test_bytes_reached_the_wire_without_an_entry_or_for_free(steps: list[tuple[Any, ...]]) -> None:
    world = played(steps)
    queued = {b"payload %d" % (entry.sequence - 1): entry for entry in world.log.entries if entry.state == "queued"}
    for destination, payload in world.wire.delivered:
        entry = queued[payload]
        later = [each for each in world.log.entries if each.of == entry.sequence]
        assert any(each.state == "sending" for each in later)
        assert {each.epsilon_spent for each in later} == {entry.epsilon_spent}
        assert destination == entry.destination
    for payload, entry in queued.items():
        times = sum(sent == payload for _, sent in world.wire.delivered)
        assert times <= (3 if entry.idempotent else 1)


@given(st.lists(STEPS, max_size=25))
def test_a_payload_is_kept_that_will_not_be_sent(steps: list[tuple[Any, ...]]) -> None:
    world = played(steps)
    world.wire.before = world.wire.after = lambda: None
    world.clock.advance(10**7)
    world.egress.send_pending(1000)
    assert world.log.payloads == {}
    assert world.ledger.pending() == ()


def test_the_steps_never_reach_the_wire() -> None:
    steps = [("queue", "contribution", Decimal(1), True), ("send", "killed after"), ("clock", 60), ("send", "well")]
    world = played(steps)
    assert len(world.wire.delivered) == 2
    assert world.log.entries[-1].epsilon_left == "2.7"
