"""A bundle could vouch for consents that it never showed, name somebody, or take a receipt for what it is not."""

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from homespun.explain.recording import record_of
from homespun.model.bundle import Bundle
from homespun.model.sample import sample_folder
from homespun.protocol.canonical import canonical
from homespun.protocol.consent_report import ConsentReceipt, encode_receipt, sign_receipt
from homespun.protocol.events import Event
from homespun_server.cli import main
from homespun_server.compliance.audit import Pins, export, verify
from homespun_server.compliance.audit.container import pack, unpack
from homespun_server.compliance.audit.exporting import Wanted
from homespun_server.compliance.consent import ConsentLedger
from homespun_server.compliance.keys import ComplianceKeys, create_compliance_keys, open_compliance_keys
from homespun_server.compliance.log import open_log
from homespun_server.publishing.directory import open_registry
from homespun_server.settings import ServerSettings
from homespun_server.store import open_store
from tests.sdk.deciding import decide
from tests.server.api.support import CHEAP, NOON, PASSPHRASE, Hands, make_directory
from tests.server.compliance.consent.support import record, report

EVENTS, COUNTS, RECEIPTS = "consents/events.jsonl", "consents/counts.json", "consents/receipts-1.jsonl"
NAMES = ("ada@example.org", "bob@example.org", "eve@example.org")


@dataclass(frozen=True)
class Consented:
    """A working directory with consents of three people, one of whom was erased, and bundles of it."""

    settings: ServerSettings
    keys: ComplianceKeys
    receipts: tuple[ConsentReceipt, ...]
    pseudonyms: tuple[str, ...]
    without: dict[str, bytes]
    whole: dict[str, bytes]

    def told(self, members: dict[str, bytes]) -> dict[str, tuple[str, str]]:
        pins = Pins(log=bytes.fromhex(self.keys.log_key), receipts=bytes.fromhex(self.keys.receipts_key))
        return {each.name: (each.outcome, each.wrong or each.figure) for each in verify(pack(members), pins)}


def explained() -> bytes:
    """Return two lists of the first person: one rests on what they allowed, one on what nobody ever did."""
    with closing(Bundle.open(sample_folder())) as bundle:
        events = [Event(item, "rate", 100.0 * number, 5.0) for number, item in enumerate(bundle.items[:4])]
        decision = decide(bundle, events, k=4, now=5000.0)
        made = [record_of(decision, {"personalization": number}) for number in (1, 99)]
    return b"".join(msgspec.json.encode(each) + b"\n" for each in made)


@pytest.fixture(scope="module")
def consented(tmp_path_factory: pytest.TempPathFactory) -> Consented:
    folder, clock = tmp_path_factory.mktemp("consents"), Hands()
    settings = make_directory(folder / "wd")
    create_compliance_keys(settings, PASSPHRASE.encode(), costs=CHEAP, now=clock)
    keys = open_compliance_keys(settings)
    with open_store(settings.store) as store:
        open_registry(settings, store, clock).add(sample_folder(), lineage={}, gates={})
        log = open_log(settings, store, keys, clock)
        ledger = ConsentLedger(store, keys, log, clock)
        made = [record(1), record(2, "measurement"), record(3, action="withdraw")]
        receipts = [ledger.record(report(each, subject=NAMES[0])) for each in made]
        receipts += [ledger.record(report(record(1), subject=name)) for name in NAMES[1:]]
        pseudonyms = tuple(ledger.subjects.pseudonym(name) or "" for name in NAMES)
        with store.writing() as connection:
            ledger.erase_within(connection, pseudonyms[2])
            log.forget_within(connection, pseudonyms[2])
        (folder / "receipts.jsonl").write_bytes(b"".join(encode_receipt(each) + b"\n" for each in receipts[:2]))
        (folder / "records.jsonl").write_bytes(explained())
        wanted = Wanted(since=NOON - timedelta(days=1), explanations=(folder / "records.jsonl",))
        without = export(settings, store, keys, wanted, now=clock)
        more = Wanted(
            since=wanted.since,
            explanations=wanted.explanations,
            consents=True,
            receipts=(folder / "receipts.jsonl",),
        )
        whole = export(settings, store, keys, more, now=clock)
    return Consented(settings, keys, tuple(receipts), pseudonyms, unpack(without), unpack(whole))


def test_events_that_are_not_included_pass(consented: Consented) -> None:
    found = consented.told(consented.without)
    assert found["consent events"] == (
        "nothing",
        "0 of 5 consent events are shown: not included, as they are people's own",
    )
    assert found["consent receipts"][0] == "nothing"
    assert found["consent receipts"][1].startswith("0 of 5 consent events have a receipt here: not included")
    assert found["chain"][1].endswith("the events are not included")


def test_events_and_receipts_that_are_right_are_refused(consented: Consented) -> None:
    found = consented.told(consented.whole)
    assert {name: wrong for name, (outcome, wrong) in found.items() if outcome == "fail"} == {}
    assert found["consent events"][1] == "4 of 5 consent events, of 2 pseudonyms, are as the log commits to them"
    assert found["consent receipts"][1].startswith(
        "2 of 5 consent events have a receipt here, signed and in the log; 2"
    )
    assert found["chain"][1].endswith("2 of them to the numbers of consent records; 1 of these to events that the log "
                                      "commits to")  # fmt: skip


def test_somebody_is_named(consented: Consented) -> None:
    """Nobody by name, by default nobody by pseudonym either, and in no bundle who was erased."""
    without, whole = (b"".join(members.values()) for members in (consented.without, consented.whole))
    assert not [name for name in NAMES if name.encode() in whole + without]
    assert [each.encode() in without for each in consented.pseudonyms] == [False] * 3
    assert [each.encode() in whole for each in consented.pseudonyms] == [True, True, False]


def changed_event(members: dict[str, bytes]) -> None:
    members[EVENTS] = members[EVENTS].replace(b'\\"action\\":\\"withdraw\\"', b'\\"action\\":\\"grant\\"')


def kept_back(members: dict[str, bytes]) -> None:
    members[EVENTS] = b"".join(members[EVENTS].splitlines(keepends=True)[1:])


def kept_back_and_not_counted(members: dict[str, bytes]) -> None:
    """What is shown and what is counted agree with each other."""
    events = members[EVENTS].splitlines(keepends=True)
    members[EVENTS] = b"".join(line for line in events if b"withdraw" not in line)
    told = json.loads(members[COUNTS])
    told["counts"] = [each for each in told["counts"] if each["action"] != "withdraw"]
    members[COUNTS] = canonical(told)


def shown_twice(members: dict[str, bytes]) -> None:
    members[EVENTS] += members[EVENTS].splitlines(keepends=True)[0]


def moved_event(members: dict[str, bytes]) -> None:
    first, *rest = members[EVENTS].splitlines(keepends=True)
    content = json.loads(first)
    content["index"] += 1
    members[EVENTS] = canonical(content) + b"\n" + b"".join(rest)


@pytest.mark.parametrize("change", [changed_event, kept_back, kept_back_and_not_counted, shown_twice, moved_event])
def test_an_event_is_another_than_was_logged(consented: Consented, change: Callable[[dict[str, bytes]], None]) -> None:
    members = dict(consented.whole)
    change(members)
    assert members != consented.whole
    assert consented.told(members)["consent events"][0] == "fail"


def test_withdrawals_are_counted_as_grants(consented: Consented) -> None:
    """All in all as many as before, on a day that is not over."""
    members = dict(consented.whole)
    members["consents/counts.json"] = members["consents/counts.json"].replace(b'"withdraw"', b'"refuse"')
    assert members != consented.whole
    assert consented.told(members)["consent events"][0] == "fail"


def with_receipts(consented: Consented, *receipts: ConsentReceipt) -> dict[str, bytes]:
    return {**consented.whole, RECEIPTS: b"".join(encode_receipt(each) + b"\n" for each in receipts)}


def signed(consented: Consented, receipt: ConsentReceipt, **changes: object) -> ConsentReceipt:
    """Return another receipt, which the operator signs."""
    return sign_receipt(msgspec.structs.replace(receipt, **changes), consented.keys.receipts.sign)


def test_a_receipt_is_taken_that_the_operator_did_not_sign(consented: Consented) -> None:
    first = consented.receipts[0]
    forged = msgspec.structs.replace(first, received="2020-01-01T00:00:00.000000+00:00")
    other = msgspec.structs.replace(first, public_key="00" * 32)
    for each in (forged, other, msgspec.structs.replace(first, signature="")):
        assert consented.told(with_receipts(consented, each))["consent receipts"][0] == "fail"


def test_a_receipt_that_the_operator_signed_names_something_else_in_the_log(consented: Consented) -> None:
    first, second, third, *_ = consented.receipts
    wrong = (
        (signed(consented, first, log=third.log),),  # another event of the same person
        (signed(consented, first, log=10_000),),  # an entry that is not there
        (signed(consented, first, log=None),),
        (signed(consented, second, received="2020-01-01T00:00:00.000000+00:00"),),
        (first, signed(consented, first, report="00" * 32)),  # two people were told the same entry
    )
    for receipts in wrong:
        assert consented.told(with_receipts(consented, *receipts))["consent receipts"][0] == "fail"
    # An event that was erased has nothing to be compared with, and its receipt is still somebody's.
    found = consented.told(with_receipts(consented, consented.receipts[-1], consented.receipts[-1]))
    assert found["consent receipts"] == (
        "pass",
        "1 of 5 consent events have a receipt here, signed and in the log; 0 were compared with events",
    )


def test_the_command_includes_people_without_being_asked(
    consented: Consented, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOMESPUN_KEY_PASSPHRASE", PASSPHRASE)
    command = ["audit", "export", "--since", "2025-03-01", "--in", str(consented.settings.folder), "--out"]
    assert main([*command, str(tmp_path / "plain.zip")]) == 0
    assert "personal data" not in capsys.readouterr().out
    assert EVENTS not in unpack((tmp_path / "plain.zip").read_bytes())
    (tmp_path / "receipts.jsonl").write_bytes(encode_receipt(consented.receipts[0]))
    more = ["--with-consents", "--receipts", str(tmp_path / "receipts.jsonl")]
    assert main([*command, str(tmp_path / "more.zip"), *more]) == 0
    assert "personal data" in capsys.readouterr().out
    assert {EVENTS, RECEIPTS} <= unpack((tmp_path / "more.zip").read_bytes()).keys()
    assert main(["audit", "verify", str(tmp_path / "more.zip"), "--receipts-key", consented.keys.receipts_key]) == 0
