"""What a person chose is reported without their leave, more than once, after they took it back, or without proof."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import homespun as hs
from homespun.contribute.uploads import CONSENTS, parse_upload
from homespun.errors import MisuseError, TransportError
from homespun.protocol.consent_report import (
    ConsentAnswer,
    ConsentReceipt,
    ConsentReport,
    report_digest,
    sign_receipt,
    verify_receipt,
)
from homespun.protocol.consent_submission import decode_submission
from homespun.proving import ProofOutcome
from tests.sdk.people import BOTH, MEASUREMENT, NOTICE, PERSONALIZATION, STORAGE, Machine, exported
from tests.sdk.profile.support import QUICK, raw_key

PROOF = hs.Purpose.CONSENT_PROOF
URL = "https://films.example"
DAY = 86_400.0
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))


def public(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes_raw().hex()


SETTINGS = hs.ConsentProof(url=URL, receipts_key=public(KEY))


class Operator:
    """Takes reports and answers with receipts."""

    def __init__(self, key: Ed25519PrivateKey = KEY) -> None:
        self.key = key
        self.vouchers: list[str | None] = []
        self.fits: str | None = None
        self.reports: list[ConsentReport] = []
        self.error: TransportError | None = None
        self.change: Callable[[bytes], bytes] = lambda answer: answer
        self.meanwhile: Callable[[], object] = lambda: None

    def send(self, destination: str, payload: bytes) -> bytes:
        assert destination == URL
        path, body = parse_upload(payload)
        assert path == CONSENTS
        self.meanwhile()
        if self.error is not None:
            raise self.error
        report, voucher = decode_submission(body)
        self.reports.append(report)
        self.vouchers.append(voucher)
        receipt = ConsentReceipt(
            report=report_digest(report),
            source=report.source,
            sequence=report.sequence,
            received="2025-03-01T12:00:00+00:00",
            public_key=public(self.key),
        )
        signed = sign_receipt(receipt, self.key.sign)
        is_vouched = self.fits is not None and self.fits in self.vouchers
        return self.change(msgspec.json.encode(ConsentAnswer(receipt=signed, vouched=is_vouched)))


@pytest.fixture
def machine(tmp_path: Path, bundle: hs.Bundle) -> Machine:
    return Machine(tmp_path, bundle)


@pytest.fixture
def operator() -> Operator:
    return Operator()


def opened(machine: Machine, operator: Operator, *purposes: hs.Purpose, settings: Any = SETTINGS) -> hs.Personalizer:
    me = hs.Personalizer.open(
        machine.folder,
        key=raw_key(),
        bundle=machine.bundle,
        settings=QUICK,
        clock=machine.clock,
        transport=operator,
        consent_proof=settings,
    )
    if purposes:
        me.consent.grant(*purposes, notice=NOTICE)
    return me


def test_a_choice_is_reported_without_leave(machine: Machine, operator: Operator) -> None:
    everything_else = [purpose for purpose in hs.Purpose if purpose is not PROOF]
    with opened(machine, operator, *everything_else) as me:
        outcome = me.consent_proof.sync()
        assert "did not allow" in str(outcome)
        assert not me.consent_proof.is_on
        assert me.ledger.entries() == ()
    assert operator.reports == []


def test_a_choice_is_lost_or_reported_twice(machine: Machine, operator: Operator) -> None:
    with opened(machine, operator, *BOTH, PROOF) as me:
        assert me.consent_proof.sync().receipted == (1, 2, 3)
        me.consent.withdraw(PERSONALIZATION)
        assert me.consent_proof.sync().receipted == (4,)
        assert me.consent_proof.sync().receipted == ()
    with opened(machine, operator) as again:
        assert again.consent_proof.sync() == ProofOutcome()
        proofs = again.consent_proof.proofs()
    told = [(report.sequence, report.choice.purpose, report.choice.action) for report in operator.reports]
    assert told == [
        (1, "device_storage", "grant"),
        (2, "personalization", "grant"),
        (3, "consent_proof", "grant"),
        (4, "personalization", "withdraw"),
    ]
    assert [proof.report for proof in proofs] == operator.reports
    for proof in proofs:
        assert proof.receipt is not None
        verify_receipt(proof.receipt, proof.report, public_key=public(KEY))
    assert operator.reports[0].choice.notice is not None
    assert operator.reports[0].choice.notice.text == NOTICE.text


def test_a_report_names_more_than_it_must(machine: Machine, operator: Operator) -> None:
    with opened(machine, operator, STORAGE, PROOF) as me:
        me.consent_proof.sync()
        profile = me._home.profile
    assert len({(report.subject, report.source) for report in operator.reports}) == 1
    report = operator.reports[0]
    assert report.known_as == "installation"
    assert len({report.subject, report.source, profile}) == 3


def test_another_account_is_connected_with_the_first(machine: Machine, operator: Operator) -> None:
    for subject in ("ada", "bob"):
        settings = hs.ConsentProof(url=URL, receipts_key=public(KEY), subject=subject)
        with opened(machine, operator, STORAGE, PROOF, settings=settings) as me:
            me.consent_proof.sync()
    assert [report.subject for report in operator.reports] == ["ada", "ada", "bob", "bob"]
    assert len({report.source for report in operator.reports}) == 2


def test_a_report_is_missing_in_the_ledger_or_costs_something(machine: Machine, operator: Operator) -> None:
    with opened(machine, operator, STORAGE, PROOF) as me:
        me.consent_proof.sync()
        entries = [entry for entry in me.ledger.entries() if entry.state == "sent"]
        assert {(entry.purpose, entry.destination, entry.epsilon_spent) for entry in entries} == {(PROOF, URL, "0")}
        me.ledger.verify()
        sections = exported(me, machine.root / "export.zip")
    assert len(sections["proof"]) == 3


def test_what_waits_leaves_after_the_withdrawal(machine: Machine, operator: Operator) -> None:
    with opened(machine, operator, STORAGE, PROOF) as me:
        operator.error = TransportError("offline", may_have_left=False)
        assert me.consent_proof.sync().waiting == 2
        withdrawal = me.consent.withdraw(PROOF)
        assert any("dropped" in effect.text for effect in withdrawal.effects)
        operator.error = None
        machine.clock.advance(1e6)
        me.consent_proof.sync()
        me._home.egress.send_pending()
    assert operator.reports == []


def test_one_more_report_leaves_after_a_withdrawal_meanwhile(machine: Machine, operator: Operator) -> None:
    with opened(machine, operator, *BOTH, PROOF) as me:
        operator.meanwhile = lambda: me.consent.withdraw(PROOF)
        me.consent_proof.sync()
    # The one that was under way.
    assert len(operator.reports) == 1


def test_the_withdrawal_itself_is_reported(machine: Machine, operator: Operator) -> None:
    with opened(machine, operator, STORAGE, PROOF) as me:
        me.consent_proof.sync()
        kept = me.consent_proof.proofs()
        me.consent.withdraw(PROOF)
        me.consent_proof.sync()
        assert me.consent_proof.proofs() == kept != ()
    assert {report.choice.action for report in operator.reports} == {"grant"}


@pytest.mark.parametrize(
    "forged",
    [
        lambda _: b"",
        lambda _: b"{}",
        lambda answer: answer.replace(b"2025-03-01", b"2024-03-01"),
        lambda answer: answer.replace(b'"sequence":', b'"sequence":9'),
    ],
    ids=["nothing", "no receipt", "another time", "another place"],
)
def test_a_forged_receipt_is_kept(machine: Machine, operator: Operator, forged: Callable[[bytes], bytes]) -> None:
    with opened(machine, operator, STORAGE, PROOF) as me:
        operator.change = forged
        outcome = me.consent_proof.sync()
        assert outcome.refused
        assert me.consent_proof.proofs() == ()
        operator.change = lambda answer: answer
        assert me.consent_proof.sync().receipted == ()
        machine.clock.advance(DAY)
        assert me.consent_proof.sync().receipted == (1, 2)


def test_the_receipt_of_another_key_is_kept(machine: Machine) -> None:
    operator = Operator(OTHER)
    with opened(machine, operator, STORAGE, PROOF) as me:
        assert "Another key" in str(me.consent_proof.sync())
        assert me.consent_proof.proofs() == ()


def test_reports_without_receipts_keep_later_choices_back(machine: Machine) -> None:
    operator = Operator(OTHER)
    with opened(machine, operator, STORAGE, PROOF) as me:
        for _ in range(30):
            me.consent.grant(MEASUREMENT, notice=NOTICE)
            me.consent.withdraw(MEASUREMENT)
        for _ in range(4):
            machine.clock.advance(3600)
            me.consent_proof.sync()
        # Every one once, and none a second time within the day.
        assert sorted(report.sequence for report in operator.reports) == list(range(1, 63))
        machine.clock.advance(2 * DAY)
        me.consent_proof.sync()
        me.consent_proof.sync()
        assert len(operator.reports) == 2 * 62
        machine.clock.advance(DAY)
        me.consent_proof.sync()
        assert len(operator.reports) == 2 * 62
        # What is new goes first, also where all of the rest is due again.
        machine.clock.advance(2 * DAY)
        me.consent.grant(PERSONALIZATION, notice=NOTICE)
        me.consent_proof.sync()
        assert operator.reports[2 * 62].sequence == 63


def test_another_pinned_key_has_to_wait_for_what_the_first_refused(machine: Machine) -> None:
    operator = Operator(OTHER)
    with opened(machine, operator, STORAGE, PROOF) as me:
        me.consent_proof.sync()
    settings = hs.ConsentProof(url=URL, receipts_key=public(OTHER))
    with opened(machine, operator, settings=settings) as me:
        assert me.consent_proof.sync().receipted == (1, 2)


def test_a_withdrawal_is_reported_once_it_is_allowed_anew(machine: Machine, operator: Operator) -> None:
    with opened(machine, operator, STORAGE, PROOF) as me:
        me.consent_proof.sync()
        me.consent.withdraw(PROOF)
        me.consent.grant(MEASUREMENT, notice=NOTICE)
        me.consent_proof.sync()
        me.consent.grant(PROOF, notice=NOTICE)
        me.consent.grant(PERSONALIZATION, notice=NOTICE)
        assert me.consent_proof.sync().receipted == (5, 6)
    told = [(report.sequence, report.choice.purpose, report.choice.action) for report in operator.reports]
    assert told == [
        (1, "device_storage", "grant"),
        (2, "consent_proof", "grant"),
        (5, "consent_proof", "grant"),
        (6, "personalization", "grant"),
    ]


def test_a_receipt_for_another_report_is_kept(machine: Machine, operator: Operator) -> None:
    answers: list[bytes] = []

    def first(answer: bytes) -> bytes:
        answers.append(answer)
        return answers[0]

    operator.change = first
    with opened(machine, operator, STORAGE, PROOF) as me:
        outcome = me.consent_proof.sync()
        assert outcome.receipted == (1,)
        assert "another report" in str(outcome)


def test_a_refused_report_is_sent_for_ever(machine: Machine, operator: Operator) -> None:
    with opened(machine, operator, STORAGE, PROOF) as me:
        operator.error = TransportError("conflict", is_final=True)
        assert len(me.consent_proof.sync().refused) == 2
        operator.error = None
        assert me.consent_proof.sync().receipted == ()
        assert {proof.receipt for proof in me.consent_proof.proofs()} == {None}
    assert operator.reports == []


def test_a_notice_that_is_too_long_keeps_other_choices_back(machine: Machine, operator: Operator) -> None:
    with opened(machine, operator, STORAGE, PROOF) as me:
        me.consent.grant(MEASUREMENT, notice=hs.Notice("x" * 100_000))
        me.consent.grant(PERSONALIZATION, notice=NOTICE)
        outcome = me.consent_proof.sync()
        assert outcome.receipted == (1, 2, 4)
        assert "Choice 3 cannot be reported" in str(outcome)


def test_an_application_that_reports_nothing_is_asked_to(machine: Machine) -> None:
    with machine.allowed(STORAGE, PROOF) as me, pytest.raises(MisuseError, match="consent_proof"):
        me.consent_proof.sync()


@pytest.mark.parametrize(
    "fields",
    [
        {"url": "http://films.example"},
        {"receipts_key": "00"},
        {"receipts_key": "g" * 64},
        {"subject": ""},
        {"subject": "\n"},
        {"subject": "9f" * 16},
    ],
)
def test_settings_that_cannot_be_are_taken(fields: dict[str, str]) -> None:
    with pytest.raises(MisuseError):
        hs.ConsentProof(**{"url": URL, "receipts_key": public(KEY), **fields})


def test_an_exported_proof_cannot_be_read(machine: Machine, operator: Operator) -> None:
    with opened(machine, operator, STORAGE, PROOF) as me:
        me.consent_proof.sync()
        proof = me.consent_proof.proofs()[0]
    assert json.loads(msgspec.json.encode(proof))["receipt"]["public_key"] == public(KEY)


GOOD, OVER = f"2000000000.{'a' * 64}", f"1000000000.{'b' * 64}"


def with_voucher(voucher: Any) -> hs.ConsentProof:
    return hs.ConsentProof(url=URL, receipts_key=public(KEY), subject="ada-5f1c", voucher=voucher)


def test_what_vouches_for_an_account_is_not_sent_or_is_part_of_the_report(machine: Machine, operator: Operator) -> None:
    operator.fits = GOOD
    with opened(machine, operator, STORAGE, PROOF, settings=with_voucher(lambda: GOOD)) as me:
        assert me.consent_proof.sync().refused == ()
        assert all(proof.vouched for proof in me.consent_proof.proofs())
        shown = [entry for entry in me.ledger.entries() if entry.state == "sent"]
        assert len(shown) == 2
        # The next voucher changes nothing: the stream is known to be hers.
        assert me.consent_proof.sync() == ProofOutcome()
    assert operator.vouchers == [GOOD, GOOD]
    assert GOOD not in repr(operator.reports)


def test_a_voucher_that_comes_later_or_did_not_fit_never_counts(machine: Machine, operator: Operator) -> None:
    operator.fits = GOOD
    with opened(machine, operator, STORAGE, PROOF, settings=with_voucher(OVER)) as me:
        assert "does not fit" in str(me.consent_proof.sync())
        # What was tried is not tried again.
        assert me.consent_proof.sync() == ProofOutcome()
        assert not any(proof.vouched for proof in me.consent_proof.proofs())
    assert operator.vouchers == [OVER, OVER]
    with opened(machine, operator, settings=with_voucher(GOOD)) as me:
        assert me.consent_proof.sync().receipted == (2,)
        assert all(proof.vouched for proof in me.consent_proof.proofs())
        assert me.consent_proof.sync() == ProofOutcome()
    assert operator.vouchers == [OVER, OVER, GOOD]
    assert operator.reports[-1] == operator.reports[-2]


def _broken() -> str:
    raise RuntimeError("nobody is logged in")


@pytest.mark.parametrize(("voucher", "why"), [(_broken, "nobody is logged in"), ("no voucher", "it is none")])
def test_a_denial_stays_because_nothing_vouches_for_it(
    machine: Machine, operator: Operator, voucher: Any, why: str
) -> None:
    with opened(machine, operator, STORAGE, PROOF, settings=with_voucher(voucher)) as me:
        me.consent.withdraw(STORAGE)
        me.consent.grant(STORAGE, PROOF, notice=NOTICE)
        assert why in str(me.consent_proof.sync())
    assert set(operator.vouchers) == {None}


@pytest.mark.parametrize("given", [{"voucher": GOOD}, {"subject": "ada", "voucher": 5}])
def test_a_voucher_is_for_nobody_or_none(given: dict[str, Any]) -> None:
    with pytest.raises(MisuseError, match="voucher"):
        hs.ConsentProof(url=URL, receipts_key=public(KEY), **given)


def test_a_voucher_is_asked_for_in_vain_or_not_when_the_operator_forgot(machine: Machine, operator: Operator) -> None:
    asked: list[str] = []

    def voucher() -> str:
        asked.append(GOOD)
        return GOOD

    operator.fits = GOOD
    with opened(machine, operator, STORAGE, PROOF, settings=with_voucher(voucher)) as me:
        me.consent_proof.sync()
        me.consent.refuse(MEASUREMENT, notice=NOTICE)
        me.consent_proof.sync()
        assert len(asked) == 1
        # The operator erased this person, who is somebody new to it.
        operator.vouchers.clear()
        me.consent.grant(PERSONALIZATION, notice=NOTICE)
        me.consent_proof.sync()
        assert not any(proof.vouched for proof in me.consent_proof.proofs())
        me.consent_proof.sync()
        assert all(proof.vouched for proof in me.consent_proof.proofs())
    assert operator.vouchers == [None, GOOD]
