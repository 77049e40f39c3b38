"""A stranger who knows a name allows what was denied, or what they said cannot be told apart and put right.

What is proven is what a voucher, an installation's own id or an officer's request stands behind. The properties are of
the pure function; the attacks go through the ledger.
"""

from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from homespun.consent import Controller, to_27560
from homespun.protocol.asking.registration import voucher_of
from homespun.protocol.consent import ConsentRecord
from homespun.protocol.consent_report import report_of
from homespun_server.compliance.consent import ConsentEvent, ConsentLedger, Status
from homespun_server.compliance.consent.events import Origin
from homespun_server.compliance.consent.standing import IN_WORDS, PROVEN, Standing
from homespun_server.compliance.consent.status import statuses
from homespun_server.errors import ConflictError
from homespun_server.store import Store
from homespun_server.store.schema_consent import consent_vouched
from tests.server.compliance.consent.support import (
    ADA,
    KEYS,
    NOON,
    PHONE,
    TABLET,
    VOUCHER,
    Hands,
    gpc,
    record,
    report,
    subject_of,
)

STRANGER, OTHER = "e" * 32, "f" * 32
BROWSER, DESK = "1" * 32, "2" * 32
"""The streams of a person's browser signals, and of a request of theirs."""
DEVICES = Controller(
    identifier="https://films.example",
    name="Films",
    address="1 Street",
    contact="p@films.example",
    jurisdictions=("IE",),
)
PURPOSES = ("personalization", "measurement", "contribution", "device_storage")
LATER = NOON + timedelta(days=2)


def status(ledger: ConsentLedger, purpose: str = "personalization") -> Status:
    return ledger.status_as_of(subject_of(ledger))[purpose]


def told(ledger: ConsentLedger, purpose: str = "personalization") -> tuple[bool, Standing | None]:
    found = status(ledger, purpose)
    return found.granted, found.standing


# The attacks.


def test_a_strangers_grant_overrules_a_withdrawal(ledger: ConsentLedger, clock: Hands) -> None:
    ledger.record(report(record(1)), voucher=VOUCHER)
    ledger.record(report(record(2, action="withdraw")))
    clock.pass_(hours=1)
    for source in (STRANGER, OTHER):
        for sequence in (1, 2, 9_000):
            ledger.record(report(record(sequence), source=source))
            assert told(ledger) == (False, "vouched")


def test_a_strangers_grant_overrules_a_withdrawal_of_a_device_that_nobody_vouches_for(
    ledger: ConsentLedger, clock: Hands
) -> None:
    ledger.record(report(record(1)))
    ledger.record(report(record(2, action="withdraw")))
    clock.pass_(hours=1)
    ledger.record(report(record(1), source=STRANGER))
    assert told(ledger) == (False, "unvouched")
    # The device itself may, as it is the same source.
    ledger.record(report(record(3)))
    assert told(ledger) == (True, "unvouched")


def test_a_strangers_opt_out_is_not_honoured_or_not_told_or_cannot_be_put_right(
    ledger: ConsentLedger, clock: Hands
) -> None:
    ledger.record(report(record(1)), voucher=VOUCHER)
    assert told(ledger) == (True, "vouched")
    clock.pass_(hours=1)
    ledger.record(report(record(1, action="refuse"), source=STRANGER))
    assert told(ledger) == (False, "unvouched")
    clock.pass_(hours=1)
    # Nobody without a voucher puts it right.
    ledger.record(report(record(1), source=OTHER))
    assert told(ledger) == (False, "unvouched")
    ledger.record(report(record(2)))
    assert told(ledger) == (True, "vouched")


def test_a_stranger_says_the_signal_is_off_or_makes_an_exception(ledger: ConsentLedger, clock: Hands) -> None:
    ledger.record(report(record(1, "measurement")), voucher=VOUCHER)
    clock.pass_(hours=1)
    ledger.signal(ADA, "account")
    assert told(ledger, "measurement") == (False, "browser")
    clock.pass_(hours=1)
    ledger.record(report(gpc(1, on=False), source=STRANGER))
    ledger.record(report(record(2, "measurement", exception="gpc"), source=STRANGER))
    assert told(ledger, "measurement") == (False, "browser")
    ledger.record(report(record(2, "measurement", exception="gpc")))
    assert told(ledger, "measurement") == (True, "vouched")


@pytest.mark.parametrize("by", ["request", "browser", "tablet", "stranger"])
def test_a_late_grant_of_a_device_that_was_offline_overrules_an_opt_out(
    ledger: ConsentLedger, clock: Hands, by: str
) -> None:
    made = record(1, "measurement", time=NOON.timestamp(), exception="gpc")
    clock.pass_(days=30)
    if by == "browser":
        ledger.signal(ADA, "account")
    else:
        source = {"request": DESK, "tablet": TABLET, "stranger": STRANGER}[by]
        against = report(record(1, "measurement", action="withdraw"), source=source)
        voucher = VOUCHER if by == "tablet" else None
        ledger.record(against, origin="request" if by == "request" else "device", voucher=voucher)
    clock.pass_(hours=1)
    ledger.record(report(made), voucher=VOUCHER)
    assert not status(ledger, "measurement").granted
    # What is chosen since then is honoured.
    now = record(2, "measurement", time=clock().timestamp(), exception="gpc")
    ledger.record(report(now))
    assert told(ledger, "measurement") == (True, "vouched")


@pytest.mark.parametrize("origin", ["browser", "request"])
def test_a_device_reports_into_a_stream_that_is_no_devices(ledger: ConsentLedger, clock: Hands, origin: str) -> None:
    ledger.record(report(record(1, "measurement")), voucher=VOUCHER)
    clock.pass_(hours=1)
    ledger.record(report(record(1, "measurement", action="withdraw"), source=OTHER), origin="request")
    first = ledger.signal(ADA, "account")
    source = {"browser": first.source, "request": OTHER}[origin]
    before = status(ledger, "measurement")
    clock.pass_(hours=1)
    for sequence, made in ((2, gpc(2, on=False)), (3, record(3, "measurement", exception="gpc"))):
        for voucher in (None, VOUCHER):
            with pytest.raises(ConflictError):
                ledger.record(report(made, source=source), voucher=voucher)
        assert (source, sequence) in [(each.source, each.sequence) for each in ledger.conflicts_of(subject_of(ledger))]
    assert status(ledger, "measurement") == before
    # Nor is a place kept free for a stranger by reporting before: the browser's stream is known beforehand to nobody.
    clock.pass_(hours=1)
    assert ledger.signal(ADA, "account") == first


def test_an_off_of_anybody_is_repeated_as_the_browsers_signal(ledger: ConsentLedger, clock: Hands) -> None:
    ledger.record(report(record(1, "measurement")), voucher=VOUCHER)
    first = ledger.signal(ADA, "account")
    for profile, sequence in ((first.source, 2), (STRANGER, 1)):
        clock.pass_(hours=1)
        document = to_27560([gpc(sequence, on=False)], profile=profile, controller=DEVICES)
        ledger.import_27560(msgspec.json.encode(document), ADA)
        assert told(ledger, "measurement") == (False, "browser")
        clock.pass_(hours=1)
        receipt = ledger.signal(ADA, "account")
        (event,) = [each for each in ledger.events_of(subject_of(ledger)) if each.sequence == receipt.sequence > 2]
        assert (event.origin, event.choice.signal_value) == ("browser", True)
        assert told(ledger, "measurement") == (False, "browser")


def test_a_stranger_prolongs_a_term(ledger: ConsentLedger, clock: Hands) -> None:
    ledger.record(report(record(1, time=NOON.timestamp(), valid_until=NOON.timestamp() + 3600)), voucher=VOUCHER)
    clock.pass_(minutes=30)
    ledger.record(report(record(1), source=STRANGER))
    assert told(ledger) == (True, "vouched")
    clock.pass_(minutes=31)
    assert told(ledger) == (False, "vouched")
    assert status(ledger).because == "lapsed"


def test_a_stranger_calls_an_account_an_installation(ledger: ConsentLedger, clock: Hands) -> None:
    account = "0" * 32
    mine = report_of(record(1, action="refuse"), subject=account, known_as="account", source=PHONE, sdk="")
    theirs = report_of(record(1), subject=account, known_as="installation", source=STRANGER, sdk="")
    for first, second in ((mine, theirs), (theirs, mine)):
        name = f"{first.source[0]:0>32}"
        for each in (first, second):
            ledger.record(msgspec.structs.replace(each, subject=name))
            clock.pass_(hours=1)
        last = msgspec.structs.replace(theirs, subject=name, sequence=2)
        ledger.record(last)
        found = ledger.status_as_of(subject_of(ledger, name))["personalization"]
        assert (found.granted, found.standing) == (False, "unvouched")
        assert not ledger.is_proven(name, STRANGER)


def test_a_stranger_calls_an_account_an_installation_before_anybody_else(ledger: ConsentLedger, clock: Hands) -> None:
    account = "9f" * 16
    theirs = report_of(record(1), subject=account, known_as="installation", source=STRANGER, sdk="")
    ledger.record(theirs)
    clock.pass_(hours=1)
    officers = report_of(record(1, action="withdraw"), subject=account, known_as="account", source=DESK, sdk="")
    ledger.record(officers, origin="request")
    clock.pass_(hours=1)
    ledger.record(msgspec.structs.replace(theirs, sequence=2))
    found = ledger.status_as_of(subject_of(ledger, account))["personalization"]
    assert (found.granted, found.standing) == (False, "request")
    assert not ledger.is_proven(account, STRANGER)


def test_a_name_that_no_installation_draws_is_its_own_proof(ledger: ConsentLedger, clock: Hands) -> None:
    for source, action in ((PHONE, "refuse"), (STRANGER, "grant")):
        made = report_of(record(1, action=action), subject=ADA, known_as="installation", source=source, sdk="")
        ledger.record(made)
        clock.pass_(hours=1)
    assert told(ledger) == (False, "unvouched")


def test_an_installations_own_id_is_no_proof(ledger: ConsentLedger, clock: Hands) -> None:
    for sequence, source in ((1, PHONE), (1, TABLET)):
        action = "withdraw" if source == PHONE else "grant"
        made = record(sequence, action=action)
        ledger.record(report_of(made, subject="9" * 32, known_as="installation", source=source, sdk=""))
        clock.pass_(hours=1)
    found = ledger.status_as_of(subject_of(ledger, "9" * 32))["personalization"]
    assert (found.granted, found.standing) == (True, "installation")
    assert ledger.is_proven("9" * 32, PHONE)


@pytest.mark.parametrize(
    "voucher",
    [
        voucher_of(KEYS.vouching, "bob", 4_000_000_000),
        voucher_of(KEYS.vouching, ADA, 1_700_000_000),
        voucher_of(bytes(32), ADA, 4_000_000_000),
        VOUCHER[:-1] + ("0" if VOUCHER[-1] != "0" else "1"),
        "",
    ],
    ids=["of another account", "over", "made up", "changed", "none"],
)
def test_a_voucher_that_does_not_fit_vouches_or_loses_a_denial(ledger: ConsentLedger, voucher: str) -> None:
    ledger.record(report(record(1, action="refuse")), voucher=voucher)
    assert told(ledger) == (False, "unvouched")
    assert not ledger.is_proven(ADA, PHONE)


def test_a_document_overrules_a_withdrawal(ledger: ConsentLedger, clock: Hands) -> None:
    ledger.record(report(record(1, action="withdraw")), voucher=VOUCHER)
    clock.pass_(hours=1)
    for profile in (STRANGER, PHONE):
        document = to_27560([record(2)], profile=profile, controller=DEVICES)
        ledger.import_27560(msgspec.json.encode(document), ADA)
    assert told(ledger) == (False, "vouched")
    document = to_27560([record(1, "measurement")], profile=STRANGER, controller=DEVICES)
    ledger.import_27560(msgspec.json.encode(document), ADA)
    assert told(ledger, "measurement") == (True, "import")


def test_what_an_officer_recorded_is_overruled_by_a_stranger(ledger: ConsentLedger, clock: Hands) -> None:
    ledger.record(report(record(1, action="withdraw"), source=OTHER), origin="request")
    clock.pass_(hours=1)
    ledger.record(report(record(1), source=STRANGER))
    assert told(ledger) == (False, "request")
    ledger.record(report(record(1)), voucher=VOUCHER)
    assert told(ledger) == (True, "vouched")


def test_a_voucher_changes_what_was_known_before(ledger: ConsentLedger, clock: Hands, store: Store) -> None:
    ledger.record(report(record(1)))
    clock.pass_(days=1)
    # The same report again, now with a voucher.
    ledger.record(report(record(1)), voucher=VOUCHER)
    subject = subject_of(ledger)
    assert ledger.size() == (1, 0)
    assert ledger.status_as_of(subject, NOON)["personalization"].standing == "unvouched"
    assert told(ledger) == (True, "vouched")
    with store.writing() as connection:
        ledger.erase_within(connection, subject)
    with store.reading() as connection:
        assert connection.execute(consent_vouched.select()).all() == []


# What holds for everything that can be received.

Drawn = tuple[str, str, str, int, bool, int]
"""Source, purpose, action, minute of receipt, whether it is an exception or ends, and the minute that it claims."""

ACTIONS = ("grant", "withdraw", "refuse", "expire", "on", "off", "declare", "newer")
EVENTS = st.lists(
    st.tuples(
        st.sampled_from([PHONE, TABLET, BROWSER, DESK]),
        st.sampled_from(PURPOSES),
        st.sampled_from(ACTIONS),
        st.integers(0, 3),
        st.booleans(),
        st.integers(-1, 4),
    ),
    max_size=6,
)


def made(sequence: int, purpose: str, action: str, claimed: int, *, excepts: bool) -> ConsentRecord:
    time = NOON.timestamp() + 60 * claimed
    if action in ("on", "off"):
        return gpc(sequence, on=action == "on", time=time)
    if action == "declare":
        return record(sequence, "device_storage", "declare", notice=None, basis="It needs it.", time=time)
    until = time + 600 if excepts and action == "grant" and purpose == "personalization" else None
    return record(sequence, purpose, action, exception="gpc" if excepts else None, time=time, valid_until=until)


def bearer(source: str, action: str, *, strange: bool) -> tuple[Origin, str]:
    """Return what brings an event into a stream, and what it then does: browsers and officers only ever deny."""
    if source == BROWSER and (not strange or action == "on"):
        return "browser", "on"
    return ("request", "withdraw") if source == DESK and not strange else ("device", action)


def events(drawn: list[Drawn], vouched: set[str], first: int = 1, *, strange: bool = False) -> list[ConsentEvent]:
    """Return drawn choices as events; a greater minute is later, and sequences are as drawn.

    A stranger's are reports of devices into whatever stream, and the signal in the name of the person.
    """
    found = []
    for number, (source, purpose, drawn_action, minute, excepts, claimed) in enumerate(drawn, start=first):
        origin, action = bearer(source, drawn_action, strange=strange)
        choice = report(made(number, purpose, action, claimed, excepts=excepts)).choice
        found.append(
            ConsentEvent(
                number=number,
                source=source,
                sequence=number,
                origin=origin,
                received=NOON.replace(minute=minute).isoformat(timespec="seconds"),
                sdk="",
                log=None,
                choice=choice,
                vouched=NOON.isoformat(timespec="seconds") if source in vouched else None,
            )
        )
    return found


def strangers(drawn: list[Drawn], first: int) -> list[ConsentEvent]:
    """Return the same of two sources that nobody knows, of the signal, and of streams of which strangers got to know.

    Those of a person's devices are not among them: whoever copies one reports as that device.
    """
    names = {PHONE: STRANGER, TABLET: OTHER, BROWSER: BROWSER, DESK: DESK}
    theirs = [(names[source], *rest) for source, *rest in drawn]
    return events(theirs, set(), first, strange=True)  # type: ignore[arg-type]


@given(EVENTS, EVENTS, st.sets(st.sampled_from([PHONE, TABLET])), st.sampled_from([NOON.replace(minute=4), LATER]))
@hypothesis_settings(max_examples=400)
def test_any_reports_of_strangers_turn_a_denied_purpose_into_a_granted_one(
    mine: list[Drawn],
    theirs: list[Drawn],
    vouched: set[str],
    at: object,
) -> None:
    known = events(mine, vouched)
    before = statuses(known, at)  # type: ignore[arg-type]
    after = statuses([*known, *strangers(theirs, len(known) + 1)], at)  # type: ignore[arg-type]
    for purpose, found in before.items():
        if found.decided_by is not None and not found.granted:
            assert not after[purpose].granted, purpose
        if after[purpose].granted and found.granted and found.standing in PROVEN:
            assert after[purpose].standing in PROVEN


@given(EVENTS, EVENTS)
@hypothesis_settings(max_examples=200)
def test_any_reports_turn_what_is_proven_denied_into_granted(mine: list[Drawn], theirs: list[Drawn]) -> None:
    # Of whatever source that is not proven, also the same one over and over, before and after.
    proven = [event for event in events(mine, {PHONE}) if event.source == PHONE]
    rest = [event for event in events(mine, {PHONE}) if event.source == TABLET]
    more = strangers(theirs, len(mine) + 1)
    alone = statuses(proven, LATER)
    together = statuses([*proven, *rest, *more], LATER)
    for purpose, found in alone.items():
        if found.decided_by is not None and not found.granted:
            assert not together[purpose].granted, purpose


@given(EVENTS, st.sampled_from(PURPOSES))
@hypothesis_settings(max_examples=200)
def test_a_strangers_last_word_against_something_is_lost_or_stays_against_a_later_proven_grant(
    mine: list[Drawn], purpose: str
) -> None:
    known = events(mine, {PHONE, TABLET})
    number = len(known) + 1
    against = events([(STRANGER, purpose, "withdraw", 4, False, 4)], set(), number)
    found = statuses([*known, *against], LATER)[purpose]
    assert not found.granted
    right = events([(PHONE, purpose, "grant", 5, False, 5)], {PHONE}, number + 1)
    right = [
        msgspec.structs.replace(each, choice=msgspec.structs.replace(each.choice, exception="gpc")) for each in right
    ]
    found = statuses([*known, *against, *right], LATER)[purpose]
    assert (found.granted, found.standing) == (True, "vouched")


@given(EVENTS, st.sampled_from(PURPOSES), st.integers(-9, 4))
@hypothesis_settings(max_examples=200)
def test_a_late_grant_overrules_what_was_denied_since_it_was_made(
    mine: list[Drawn], purpose: str, claimed: int
) -> None:
    number = len(mine) + 1
    known = [
        *events(mine, {PHONE, TABLET}),
        *events([(DESK, purpose, "withdraw", 4, False, 4)], set(), number),
        *events([(PHONE, purpose, "grant", 5, True, claimed)], {PHONE}, number + 1),
    ]
    assert not statuses(known, NOON.replace(minute=6))[purpose].granted


def test_a_standing_has_no_words() -> None:
    assert IN_WORDS.keys() == set(Standing.__args__)  # type: ignore[attr-defined]
