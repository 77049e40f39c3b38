"""A stranger's text passes for the operator's words, or the operator's words are not known any more."""

import hashlib
from pathlib import Path

import pytest

from homespun.errors import MisuseError
from homespun.protocol.consent import ShownNotice
from homespun_server.compliance.consent import ConsentLedger
from homespun_server.compliance.consent.notices import MAX_SHOWN, MAX_TEXT
from homespun_server.errors import ConflictError
from homespun_server.settings import ControllerSettings
from homespun_server.store import Store, open_store
from homespun_server.store.schema_consent import consent_notices
from tests.server.compliance.consent.support import (
    NOTICE,
    TEXT,
    Hands,
    both,
    ledger_of,
    record,
    report,
    subject_of,
)

INSULT = "The operator is a crook."
FORGED = ShownNotice(INSULT, "xx-forged", "forged version", hashlib.sha256(INSULT.encode()).hexdigest())


def texts(store: Store) -> list[str]:
    with store.reading() as connection:
        return [row.text for row in connection.execute(consent_notices.select())]


@both
def test_a_strangers_text_becomes_the_operators_words(ledger: ConsentLedger, store: Store) -> None:
    ledger.record(report(record(1, notice=FORGED)))
    assert texts(store) == [TEXT]
    (event,) = ledger.events_of(subject_of(ledger))
    assert event.choice.notice == ShownNotice("", FORGED.language, FORGED.version, FORGED.sha256)
    known, forged = ledger.notices.shown()
    assert (known.sha256, known.text, known.choices) == (NOTICE.sha256, TEXT, 0)
    assert (forged.sha256, forged.text, forged.version, forged.registered, forged.choices) == (
        FORGED.sha256, None, "", None, 1,
    )  # fmt: skip
    # Nor do counts, which everybody sees, call it as the stranger does.
    (count,) = ledger.counts()
    assert (count.notice, count.version, count.language, count.number) == (FORGED.sha256, "", "", 1)


def test_a_strangers_text_is_on_the_disk(tmp_path: Path) -> None:
    with open_store(tmp_path / "store.db") as store:
        ledger_of(store, Hands()).record(report(record(1, notice=FORGED)))
    assert INSULT.encode() not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


def test_a_hash_of_a_stranger_stays_after_an_erasure(ledger: ConsentLedger, store: Store) -> None:
    ledger.record(report(record(1, notice=FORGED)))
    with store.writing() as connection:
        ledger.erase_within(connection, subject_of(ledger))
    assert [each.sha256 for each in ledger.notices.shown()] == [NOTICE.sha256]
    assert ledger.counts() == ()


@both
def test_words_that_were_registered_later_are_not_told(ledger: ConsentLedger, clock: Hands) -> None:
    ledger.record(report(record(1, notice=FORGED)))
    clock.pass_(days=1)
    found = ledger.notices.register(INSULT, language="en", version="8")
    assert (found.sha256, found.choices, found.registered) == (FORGED.sha256, 1, "2025-03-02T12:00:00+00:00")
    (event,) = ledger.events_of(subject_of(ledger))
    assert event.choice.notice == ShownNotice(INSULT, "en", "8", FORGED.sha256)
    assert [(each.version, each.language) for each in ledger.counts()] == [("8", "en")]
    clock.pass_(days=1)
    assert ledger.notices.register(INSULT, language="en", version="8") == found


@both
def test_registered_words_are_told_by_a_strangers_version(ledger: ConsentLedger) -> None:
    claimed = ShownNotice(TEXT, "zz", "999 signed off by the DPO", NOTICE.sha256)
    ledger.record(report(record(1, notice=claimed)))
    subject = subject_of(ledger)
    (event,) = ledger.events_of(subject)
    assert event.choice.notice == NOTICE
    controller = ControllerSettings(name="Films", address="1 Street", contact="p@films.example", jurisdictions=("IE",))
    (told,) = (each for made in ledger.export_27560(subject, controller).records for each in made.notices)
    assert (told.text, told.language, told.version) == (TEXT, "en", "7")


def test_registered_words_change_their_version_or_language(ledger: ConsentLedger) -> None:
    for language, version in (("de", "7"), ("en", "8")):
        with pytest.raises(ConflictError, match=r"version 7 \(en\)"):
            ledger.notices.register(TEXT, language=language, version=version)
    assert [(each.version, each.language) for each in ledger.notices.shown()] == [("7", "en")]


@pytest.mark.parametrize(
    "fields",
    [{"text": ""}, {"text": "x" * (MAX_TEXT + 1)}, {"language": ""}, {"language": "x" * 101}, {"version": "x" * 201}],
    ids=["nothing", "long", "no language", "long language", "long version"],
)
def test_words_without_end_or_name_are_registered(ledger: ConsentLedger, fields: dict[str, str]) -> None:
    given = {"text": "Ok?", "language": "en", "version": "1", **fields}
    with pytest.raises(MisuseError, match="characters"):
        ledger.notices.register(given["text"], language=given["language"], version=given["version"])
    assert len(ledger.notices.shown()) == 1


def test_strangers_push_registered_words_out_of_the_list(
    ledger: ConsentLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MAX_SHOWN > 3
    monkeypatch.setattr("homespun_server.compliance.consent.notices.MAX_SHOWN", 3)
    for sequence in range(1, 6):
        sha256 = hashlib.sha256(b"%d" % sequence).hexdigest()
        ledger.record(report(record(sequence, notice=ShownNotice("", "en", "1", sha256))))
    found = ledger.notices.shown()
    assert len(found) == 3
    assert found[0].sha256 == NOTICE.sha256
