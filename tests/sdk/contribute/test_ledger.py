"""What the person reads."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from homespun.contribute.ledger import Ledger
from homespun.errors import LedgerError, TransportError
from homespun.protocol.egress import from_json_lines, verify_chain
from tests.sdk.contribute.rig import Rig, raising


@pytest.fixture
def used() -> Rig:
    """One sent, one that may have left, one dropped, one waiting."""
    rig = Rig(consents={"contribution": 3, "measurement": 4})
    rig.queue(b"sent", epsilon=Decimal("0.5"))
    rig.egress.send_pending()
    rig.queue(b"possibly", epsilon=1)
    rig.wire.after = raising(TransportError("timed out"))
    rig.clock.advance(60)
    rig.egress.send_pending()
    rig.queue(b"dropped", epsilon=2)
    rig.egress.cancel(["contribution"])
    rig.queue(b"waiting", epsilon=Decimal("0.25"), purpose="measurement")
    return rig


def test_a_person_who_gave_nothing_is_left_wondering() -> None:
    ledger = Rig().ledger
    said = "Nothing has left the profile that is here now, and nothing is waiting to leave it."
    assert ledger.summary() == ledger.table() == said
    assert (ledger.entries(), ledger.pending(), ledger.totals(), ledger.to_json_lines()) == ((), (), (), "")
    ledger.verify()


def test_what_only_waits_is_said_to_have_left() -> None:
    rig = Rig()
    rig.queue()
    assert rig.ledger.summary() == "No contribution has left this device; 1 waiting to leave it. ε taken: 1, ε left: 9."


def test_the_summary_leaves_something_out(used: Rig) -> None:
    assert used.ledger.summary() == (
        "2 contributions (12 bytes) left this device, 1 of them only possibly; 1 waiting to leave it; "
        "1 dropped before anything of it left. ε taken: 1.75, ε left: 8.25."
    )


def test_what_leaves_as_the_person_is_called_a_contribution() -> None:
    rig = Rig(consents={"consent_proof": 3, "requests": 4})
    rig.queue(b"a choice", purpose="consent_proof", epsilon=0)
    rig.egress.send_pending()
    rig.queue(b"an answer", purpose="requests", epsilon=0)
    ledger = Ledger(rig.log, identified=("consent_proof", "requests"))
    assert ledger.summary() == (
        "No contribution has left this device. Sent as the person: 1 message (8 bytes); 1 waiting. "
        "ε taken: 0, ε left: 10."
    )


def test_the_totals_mix_purposes_or_count_attempts(used: Rig) -> None:
    contribution, measurement = used.ledger.totals()
    assert (contribution.purpose, contribution.sent, contribution.possibly_sent) == ("contribution", 1, 1)
    assert (contribution.waiting, contribution.dropped, contribution.payload_bytes) == (0, 1, 12)
    assert contribution.epsilon_spent == "1.5"
    assert (measurement.purpose, measurement.waiting, measurement.epsilon_spent) == ("measurement", 1, "0.25")
    assert (measurement.sent, measurement.payload_bytes) == (0, 0)


def test_what_waits_cannot_be_read(used: Rig) -> None:
    (entry,) = used.ledger.pending()
    assert used.ledger.payload(entry.sequence) == b"waiting"
    assert used.ledger.payload(1) is None


def test_the_table_leaves_an_entry_out_or_is_crooked(used: Rig) -> None:
    summary, _, table = used.ledger.table().partition("\n\n")
    heading, *lines = table.splitlines()
    assert summary == used.ledger.summary()
    assert len(lines) == len(used.log.entries)
    assert heading.split()[:3] == ["No.", "When", "(UTC)"]
    for entry, line in zip(used.log.entries, lines, strict=True):
        assert line.split()[0] == str(entry.sequence)
        assert line.index(entry.purpose) == heading.index("Purpose")
        assert line.index(entry.destination) == heading.index("Destination")
    assert "2023-11-14 22:13:20" in lines[0]
    assert "failed, may have left" in table
    assert "timed out" in table


def test_an_entry_from_elsewhere_steers_the_terminal() -> None:
    rig = Rig()
    rig.queue()
    rig.log.entries = (replace(rig.log.entries[0], note="\x1b[2J\n\u202e", what="a\rb"),)
    lines = rig.ledger.table().splitlines()
    assert len(lines) == 4
    assert all(line.isprintable() for line in lines)


def test_a_time_that_the_platform_cannot_convert_breaks_the_table() -> None:
    rig = Rig()
    rig.clock.advance(253_402_300_799 - rig.clock())
    rig.queue()
    assert "9999-12-31 23:59:59" in rig.ledger.table()


def test_an_exported_ledger_cannot_be_checked_elsewhere(used: Rig) -> None:
    entries = from_json_lines(used.ledger.to_json_lines())
    assert entries == used.ledger.entries()
    verify_chain(entries, head=used.log.entries[-1].hash)


def test_a_changed_ledger_passes(used: Rig) -> None:
    used.ledger.verify()
    used.log.entries = (*used.log.entries[:3], replace(used.log.entries[3], size=1), *used.log.entries[4:])
    with pytest.raises(LedgerError, match="Entry 4 "):
        used.ledger.verify()
    used.log.entries = used.log.entries[:2]
    used.ledger.verify()
    with pytest.raises(LedgerError, match="entry 3 and those after it are missing"):
        used.ledger.verify(head="a" * 64)
