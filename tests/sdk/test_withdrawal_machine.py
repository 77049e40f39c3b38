"""Whatever somebody does in whatever order: what they said no to has no effect any more, from that very call on.

What the person said last about each purpose is kept beside the client, in a few lines of its own; what each part needs
is in the register. After every call, nothing that rests on a no may have been kept, have changed a list, or have left;
and nothing may wait.
"""

import contextlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, cast

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import homespun as hs
from homespun.asked.identity import identity_of
from homespun.consent.parts import (
    CACHE,
    CONSENT,
    CONTRIBUTIONS,
    EVENTS,
    EXPERIMENTS,
    IDENTIFIED,
    INDEX,
    LEARNING,
    LEDGER,
    PARTS,
    PROOF,
    SCORING,
    Block,
    Part,
)
from homespun.contribute.uploads import CONSENTS, INTAKE, parse_upload
from homespun.errors import NotPermittedError, TransportError
from homespun.protocol.asking.listing import Asked
from homespun.protocol.asking.registration import voucher_of
from homespun.protocol.consent_report import ConsentAnswer, ConsentReceipt, decode_report, report_digest, sign_receipt
from homespun.protocol.egress import progress_of
from homespun.testing import FakeClock, MemoryHttp, MemoryRepository
from homespun.testing.repository import CHANNEL
from tests.sdk.measure.support import everybody_fresh
from tests.sdk.people import CONTRIBUTION, DESTINATION, EVERY, MEASUREMENT, NOTICE, STORAGE, kept_by
from tests.sdk.people import kept as rows_of
from tests.sdk.profile.support import QUICK, raw_key
from tests.sdk.protocol.asking.support import ACCOUNT, ASKING_KEY, VOUCHING, drawn, listed, request

START = 1_700_000_000.0
OPERATOR = "https://operator.example.org"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw().hex()
PROOF_OF, REQUESTS = hs.Purpose.CONSENT_PROOF, hs.Purpose.REQUESTS
SIGNALLED = frozenset({CONTRIBUTION, MEASUREMENT})
ITEMS = [f"item-{number}" for number in range(6)]
SET: dict[Block, str] = {
    "pause": "pause",
    "restriction": "restrict",
    "objection": "object",
    "non_profiled": "non_profiled",
}
KINDS = ["restriction", "objection", "opt-out", "rectification"]
EXEMPT = {INDEX.name, CONSENT.name}
"""They keep what the person says, which is how it is known that they said no."""

SHARED = {CONTRIBUTIONS.name, LEDGER.name}
"""What waits, and what left, of every purpose; looked at purpose by purpose."""

OTHERS = [purpose for purpose in EVERY if purpose is not STORAGE]
purposes = st.lists(st.sampled_from(EVERY), min_size=1, max_size=3, unique=True)
others = st.lists(st.sampled_from(OTHERS), min_size=1, max_size=2, unique=True)


class Said:
    """What the person said, and what it stops."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """All was in memory and is gone, or was erased: also what the person had set and signalled."""
        self.no = set(EVERY)
        self.gpc = False
        self.exceptions: set[hs.Purpose] = set()
        self.blocks: set[Block] = set()

    def yes(self, granted: list[hs.Purpose], *, exception: bool) -> None:
        self.no -= set(granted)
        if exception:
            self.exceptions |= set(granted)

    def not_(self, withdrawn: list[hs.Purpose]) -> None:
        if STORAGE in withdrawn and STORAGE not in self.no:
            self.forget()
        self.no |= set(withdrawn)
        self.exceptions -= set(withdrawn)

    def off(self, purpose: str) -> bool:
        return purpose in self.no or (self.gpc and purpose in SIGNALLED - self.exceptions)

    def stopped(self, part: Part) -> bool:
        return any(map(self.off, part.purposes))

    def inert(self, part: Part) -> bool:
        return self.stopped(part) or bool(part.blocked_by & self.blocks)


class World:
    """Whoever takes what leaves, and notes what should not have."""

    def __init__(self, said: Said) -> None:
        self.said = said
        self.online = True
        self.wrong: list[str] = []
        self.taken: Counter[str] = Counter()

    def send(self, destination: str, payload: bytes) -> bytes:
        path, purpose, body = "", payload.partition(b" ")[0].decode(), b""
        if destination == OPERATOR:
            path, body = parse_upload(payload)
            assert path in INTAKE
            purpose = PROOF_OF if path == CONSENTS else REQUESTS
        if self.said.inert(IDENTIFIED.get(purpose, CONTRIBUTIONS)) or self.said.off(purpose):
            self.wrong.append(f"{purpose} left")
        if not self.online:
            raise TransportError("no connection", may_have_left=False)
        self.taken[purpose] += 1
        return _receipt(body) if path == CONSENTS else b"{}"


def _receipt(body: bytes) -> bytes:
    report = decode_report(body)
    receipt = ConsentReceipt(
        report=report_digest(report),
        source=report.source,
        sequence=report.sequence,
        received="2025-03-01T12:00:00+00:00",
        public_key=PUBLIC,
    )
    return msgspec.json.encode(ConsentAnswer(receipt=sign_receipt(receipt, KEY.sign)))


class Person(RuleBasedStateMachine):
    """Somebody who agrees, refuses, withdraws and objects while the application goes on."""

    def __init__(self, bundle: hs.Bundle, bundle_folder: Path) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.root = Path(self.folder.name)
        self.shipped = bundle
        self.clock = FakeClock(START)
        self.said = Said()
        self.world = World(self.said)
        self.repository = MemoryRepository(now=self.clock, entropy=drawn("repository"))
        self.repository.release(bundle_folder)
        self.http = MemoryHttp(self.repository)
        self.asked = 0
        self.me = self.open()
        self.neutral = self.shown()

    def teardown(self) -> None:
        self.me.close()
        self.folder.cleanup()

    def open(self) -> hs.Personalizer:
        repository, http = self.repository, self.http
        me = hs.Personalizer.open(
            self.root / "profile",
            key=raw_key(),
            bundle=self.shipped,
            settings=QUICK,
            clock=self.clock,
            transport=self.world,
            updates=hs.Updates(url=http.url, channel=CHANNEL, root=repository.root, folder=self.root / "bundles"),
            consent_proof=hs.ConsentProof(url=OPERATOR, receipts_key=PUBLIC),
            requests=hs.Requests(
                url=OPERATOR,
                key=ASKING_KEY,
                account=ACCOUNT,
                voucher=voucher_of(VOUCHING, ACCOUNT, int(START) + 10**7),
            ),
        )
        cast("Any", me.requests)._updater._http = http
        return me

    def shown(self) -> list[tuple[str, bool]]:
        return [(each.item, each.personalized) for each in self.me.recommend(5)]

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Note what a call kept that it had no leave to keep."""
        idle = [part for part in PARTS if self.said.inert(part) and part.name not in EXEMPT | SHARED]
        shut = [purpose for purpose in EVERY if self.said.off(purpose)]
        before, noted = rows_of(self.me), self.noted()
        yield
        after, then = rows_of(self.me), self.noted()
        for part in idle:
            if self.said.inert(part) and kept_by(part, after) > kept_by(part, before):
                self.world.wrong.append(f"{part.name} was kept")
        self.world.wrong += [f"{each} is to leave" for each in shut if self.said.off(each) and then[each] > noted[each]]

    def noted(self) -> Counter[str]:
        """How often the ledger notes that something was to leave, by purpose."""
        return Counter(each.purpose for each in self.me.ledger.entries() if each.state != "cancelled")

    # What the person says.

    @rule(granted=purposes, exception=st.booleans())
    def grant(self, granted: list[hs.Purpose], exception: bool) -> None:  # noqa: FBT001 - a rule's argument
        exception = exception and self.said.gpc and set(granted) <= SIGNALLED
        self.me.consent.grant(*granted, notice=NOTICE, exception="gpc" if exception else None)
        self.said.yes(granted, exception=exception)

    @initialize()
    def begin(self) -> None:
        """Have something that a no can end."""
        self.grant_everything()
        for item in ITEMS[:2]:
            self.record(item)

    @rule()
    def grant_everything(self) -> None:
        self.me.consent.grant(*EVERY, notice=NOTICE)
        self.said.yes(list(EVERY), exception=False)

    @rule(withdrawn=others, how=st.sampled_from(["withdraw", "refuse", "elsewhere"]))
    def end(self, withdrawn: list[hs.Purpose], how: Literal["withdraw", "refuse", "elsewhere"]) -> None:
        with self.watched():
            if how == "refuse":
                self.me.consent.refuse(*withdrawn, notice=hs.Notice("And now?"))
            elif how == "withdraw" or self.said.off(STORAGE):  # without a profile nobody else is told
                self.me.consent.withdraw(*withdrawn)
            else:
                with self.open() as other:
                    other.consent.withdraw(*withdrawn)
            self.said.not_(withdrawn)

    @rule(more=st.lists(st.sampled_from(OTHERS), max_size=1))
    def end_storage(self, more: list[hs.Purpose]) -> None:
        with self.watched():
            self.me.consent.withdraw(STORAGE, *more)
            self.said.not_([STORAGE, *more])

    @rule()
    def signal(self) -> None:
        with self.watched():
            self.said.gpc = not self.said.gpc
            self.said.exceptions.clear()
            self.me.consent.signal(gpc=self.said.gpc)

    @rule(block=st.sampled_from(sorted(SET)), on=st.booleans())
    def set_against(self, block: Block, on: bool) -> None:  # noqa: FBT001 - a rule's argument
        getattr(self.me.controls, SET[block])(on=on)
        self._blocked(block, on=on)

    def _blocked(self, block: Block, *, on: bool) -> None:
        (self.said.blocks.add if on else self.said.blocks.discard)(block)

    # What the application does.

    @rule(item=st.sampled_from(ITEMS))
    def record(self, item: str) -> None:
        with self.watched():
            done = self.me.record(item, "rate", weight=5.0)
        assert done is not self.said.inert(EVENTS)
        self.clock.advance(60)

    @rule(experiment=st.booleans())
    def recommend(self, experiment: bool) -> None:  # noqa: FBT001 - a rule's argument
        with self.watched():
            self.me.experiments.use([everybody_fresh()] if experiment else [])
            made = self.shown()
            interests = self.me.interests()
        if self.said.inert(SCORING):
            assert not any(personalized for _, personalized in made)
            assert not interests
            if not experiment:
                assert made == self.neutral

    @rule(part=st.sampled_from([LEARNING, CACHE, EXPERIMENTS, PROOF]))
    def keep(self, part: Part) -> None:
        with self.watched():
            assert self.me._home.keep(part, "state", b"what was learnt") is not self.said.inert(part)

    @rule(purpose=st.sampled_from(OTHERS))
    def queue(self, purpose: hs.Purpose) -> None:
        identified = purpose in IDENTIFIED
        needed = {STORAGE, purpose} | (set() if identified else {CONTRIBUTION})
        stopped = any(map(self.said.off, needed)) or (
            not identified and bool({"restriction", "objection"} & self.said.blocks)
        )
        with self.watched(), pytest.raises(NotPermittedError) if stopped else contextlib.nullcontext():
            self.me._home.egress.queue(
                f"{purpose}/{self.clock():.0f}",
                f"{purpose} says something".encode(),
                purpose=str(purpose),
                destination=DESTINATION,
                epsilon=0,
            )

    @rule()
    def send(self) -> None:
        with self.watched():
            self.me._home.egress.send_pending()

    @rule()
    def prove(self) -> None:
        with self.watched():
            self.me.consent_proof.sync()

    @rule(kind=st.sampled_from(KINDS))
    def ask(self, kind: str) -> None:
        identity = identity_of(self.me._home)
        if identity is not None:
            self.asked += 1
            one = Asked(bytes.fromhex(identity.device), identity.secret, request(f"r-{self.asked}", kind))
            self.repository.list_requests(listed([one], made=int(self.clock()) + self.asked, least=4))

    @rule()
    def look(self) -> None:
        before = len(self.http.requests)
        with self.watched():
            self.me.requests.sync(force=True)
        assert not self.said.off(REQUESTS) or len(self.http.requests) == before

    @precondition(lambda self: self.me.requests.pending())
    @rule(decline=st.booleans())
    def answer(self, decline: bool) -> None:  # noqa: FBT001 - a rule's argument
        asked = self.me.requests.pending()[0].asked
        stopped = self.said.off(REQUESTS) or self.said.off(STORAGE)
        with self.watched():
            with pytest.raises(NotPermittedError) if stopped else contextlib.nullcontext():
                self.me.requests.answer(asked.request, decline=decline)
            if stopped or decline:
                return
            if asked.kind in SET:
                self._blocked(cast("Block", asked.kind), on=True)
            elif asked.kind == "opt-out":
                self.said.not_([CONTRIBUTION, MEASUREMENT])

    # What happens.

    @rule()
    def connect(self) -> None:
        self.world.online = not self.world.online
        self.clock.advance(7 * 3600)

    @rule()
    def restart(self) -> None:
        self.me.close()
        self.me = self.open()
        if STORAGE in self.said.no:
            self.said.forget()

    @invariant()
    def nothing_was_done_against_a_no(self) -> None:
        assert self.world.wrong == []

    @invariant()
    def nothing_is_left_that_was_to_go(self) -> None:
        there = rows_of(self.me)
        for part in PARTS:
            if part.cleared and part.name not in SHARED and self.said.stopped(part):
                assert kept_by(part, there) == 0, part.name
        if self.said.off(STORAGE):
            assert there == {}

    @invariant()
    def nothing_waits_against_a_no(self) -> None:
        for each in progress_of(self.me._home.egress_entries()).values():
            assert not (each.waiting and self.said.off(each.queued.purpose)), each.queued.purpose

    @invariant()
    def nothing_is_allowed_against_a_no(self) -> None:
        for purpose, status in self.me.consent.status().items():
            assert not (status.granted and self.said.off(purpose)), purpose


def test_something_goes_on_after_a_no(pytestconfig: pytest.Config, bundle: hs.Bundle, bundle_folder: Path) -> None:
    examples = 400 if pytestconfig.getoption("--soak") else 16
    machine: Any = lambda: Person(bundle, bundle_folder)  # noqa: E731
    # A course is short enough to be read as it is; to shrink one takes minutes, as each step waits for the disk.
    run_state_machine_as_test(
        machine,
        settings=settings(max_examples=examples, stateful_step_count=30, deadline=None, phases=[Phase.generate]),
    )
