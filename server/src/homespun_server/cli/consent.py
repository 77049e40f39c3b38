"""``homespun-server consent``: what people reported that they allow; of one person only for a case."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from homespun.errors import MisuseError
from homespun.protocol.consent import ShownNotice
from homespun_server.cli.directory import command_actor, settings_of
from homespun_server.cli.signing import add_directory_option
from homespun_server.compliance.consent import ConsentLedger, DayCount
from homespun_server.compliance.consent.standing import IN_WORDS, standings
from homespun_server.compliance.opening import Compliance, open_compliance
from homespun_server.compliance.requests.cases import check_case
from homespun_server.errors import OutputError, SigningKeyError
from homespun_server.settings import PASSPHRASE_VARIABLE, ServerSettings
from homespun_server.store import AuditLog, Store, open_store
from homespun_server.store.moments import utc_now

_STAYS = (
    "This is what was reported, up to when it was last reported: whoever does not agree to report, or does not any "
    "more, decides on their own device."
)


@dataclass(frozen=True)
class _Opened:
    settings: ServerSettings
    store: Store
    compliance: Compliance

    @property
    def ledger(self) -> ConsentLedger:
        return self.compliance.consents


@contextmanager
def _opened(options: argparse.Namespace) -> Iterator[_Opened]:
    settings = settings_of(options)
    with open_store(settings.store, create=False) as store:
        compliance = open_compliance(settings, store)
        if compliance is None:
            raise SigningKeyError(
                "the consent ledger needs the compliance keys; make them with homespun-server compliance init, and set "
                f"{PASSPHRASE_VARIABLE}."
            )
        yield _Opened(settings, store, compliance)


def _subject(opened: _Opened, options: argparse.Namespace, what: str) -> str:
    """Return whose records are asked for, after it was recorded for which case of theirs they are looked at."""
    actor = command_actor(f"consent {what}")
    found = opened.ledger.subjects.pseudonym(options.subject)
    check_case(opened.compliance.requests.requests, options.case, options.subject, found)
    AuditLog(opened.store).add(actor, "read-person", options.case, {"what": "consents", "pseudonym": found or ""})
    if found is None:
        raise MisuseError("nobody of that name reported anything, or they were erased; check the name.")
    return found


def _status(options: argparse.Namespace, console: Console) -> None:
    with _opened(options) as opened:
        found = opened.ledger.status_as_of(_subject(opened, options, "status"), options.at)
    table = _table("purpose", "allowed", "why", "received", "who says it")
    for purpose, status in found.items():
        who = "–" if status.standing is None else status.standing
        _add(table, purpose, "yes" if status.granted else "no", status.because, status.since or "–", who)
    console.print(table)
    for standing in sorted({status.standing for status in found.values() if status.standing is not None}):
        _say(console, f"{standing}: {IN_WORDS[standing]}.")
    _say(console, _STAYS)


def _events(options: argparse.Namespace, console: Console) -> None:
    with _opened(options) as opened:
        subject = _subject(opened, options, "events")
        events, conflicts = opened.ledger.events_of(subject), opened.ledger.conflicts_of(subject)
        gaps = opened.ledger.gaps(subject)
    table = _table("received", "about", "what happened", "who says it, on which words, where; source, log")
    behind = standings(events, utc_now())
    for event in events:
        choice, notice = event.choice, event.choice.notice
        about = choice.purpose or choice.signal or ""
        version = "–" if notice is None else f"{notice.version} ({notice.language}){_registered(notice)}"
        said = f"{behind[event.number]}, {version}, {choice.method}, {choice.surface}"
        log = "–" if event.log is None else str(event.log)
        _add(table, event.received, about, choice.action, f"{said}; {event.source[:8]} {event.sequence}, {log}")
    console.print(table)
    for gap in gaps:
        _say(console, f"Of {gap.source[:8]} nothing was received from {gap.first} to {gap.last}.")
    for each in conflicts:
        _say(console, f"Refused on {each.received}: another report in the place of {each.source[:8]} {each.sequence}.")


def _import(options: argparse.Namespace, console: Console) -> None:
    try:
        data = options.file.read_bytes()
    except OSError as error:
        raise MisuseError(f"{options.file} cannot be read: {error}. Nothing was brought in.") from error
    with _opened(options) as opened:
        AuditLog(opened.store).add(command_actor("consent import"), "import-consent", options.case)
        receipts = opened.ledger.import_27560(data, options.subject)
    _say(console, f"{len(receipts):,} choices of the document are in the ledger.")


def _export(options: argparse.Namespace, console: Console) -> None:
    with _opened(options) as opened:
        subject = _subject(opened, options, "export")
        document = opened.ledger.export_27560(subject, opened.settings.compliance.controller)
    try:
        with options.out.open("xb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(document)))
    except OSError as error:
        raise OutputError(f"{options.out} cannot be written: {error}. Name a file that is not there yet.") from error
    _say(console, f"{options.out} holds {len(document.records)} consent records (ISO/IEC TS 27560, DPV).")


def _counts(options: argparse.Namespace, console: Console) -> None:
    with _opened(options) as opened:
        found = opened.ledger.counts(since=options.since, until=options.until)
    table = _table("day", "about", "wording", "what happened", "how often")
    for each in found:
        wording = _wording(each)
        _add(table, each.day, each.purpose, wording, each.action, f"{each.number:,}")
    console.print(table)


def _notice_add(options: argparse.Namespace, console: Console) -> None:
    try:
        text = options.file.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise MisuseError(f"{options.file} cannot be read as text in UTF-8: {error}. Nothing was kept.") from error
    with _opened(options) as opened:
        found = opened.ledger.notices.register(text, language=options.language, version=options.version)
        detail = {"version": found.version, "language": found.language}
        AuditLog(opened.store).add(command_actor("consent notice add"), "register-notice", found.sha256, detail)
    _say(console, f"{found.sha256} is registered: version {found.version} ({found.language}).")
    _say(console, f"{found.choices:,} choices in the ledger were made on these words, character by character.")


def _notice_list(options: argparse.Namespace, console: Console) -> None:
    with _opened(options) as opened:
        found = opened.ledger.notices.shown()
    table = _table("version", "language", "choices", "registered", "SHA-256")
    for each in found:
        named = (each.version, each.language) if each.registered else ("text not registered", "–")
        _add(table, *named, f"{each.choices:,}", each.registered or "–", each.sha256)
    console.print(table)


def _wording(count: DayCount) -> str:
    if not count.notice:
        return "–"
    return f"{count.version} ({count.language})" if count.version else f"text not registered ({count.notice[:8]})"


def _registered(notice: ShownNotice) -> str:
    return "" if notice.text else ", text not registered"


_WHOLE = {"about", "purpose", "allowed", "what happened"}
"""Columns of single words, which a narrow terminal must not break."""


def _table(*headings: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for heading in headings:
        table.add_column(heading, overflow="fold", no_wrap=heading in _WHOLE)
    return table


def _add(table: Table, *cells: str) -> None:
    """Add a row of texts that anybody may have sent: no markup, and nothing that a terminal obeys."""
    table.add_row(
        *(Text("".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in cell)) for cell in cells)
    )


def _say(console: Console, told: str) -> None:
    console.print(told, markup=False, highlight=False, soft_wrap=True)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day; write it as 2025-03-01") from None


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write it as 2025-03-01T12:00:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _configure_notices(command: argparse.ArgumentParser) -> tuple[argparse.ArgumentParser, ...]:
    parts = command.add_subparsers(required=True, metavar="ACTION")
    adding = parts.add_parser("add", help="register words that people are shown, so that reports of them have the text")
    adding.set_defaults(run=_notice_add)
    adding.add_argument("file", type=Path, metavar="FILE", help="the words, in UTF-8, character by character as shown")
    adding.add_argument("--language", required=True, metavar="TAG", help="their language, for instance de-AT")
    adding.add_argument("--version", required=True, metavar="NAME", help="your name for them")
    listing = parts.add_parser("list", help="the words that are registered, and hashes of those that are not")
    listing.set_defaults(run=_notice_list)
    return adding, listing


def configure(command: argparse.ArgumentParser) -> None:
    """Give the command its six parts."""
    command.description = "The consent ledger: what people reported that they allow and refuse."
    parts = command.add_subparsers(required=True, metavar="ACTION")
    showing = parts.add_parser("status", help="where the purposes of a person stand, now or at a time")
    showing.set_defaults(run=_status)
    showing.add_argument("--at", type=_moment, metavar="TIME", help="the time, ISO 8601 (now)")
    listing = parts.add_parser("events", help="what was received of a person, what is missing, what was refused")
    listing.set_defaults(run=_events)
    taking = parts.add_parser("import", help="bring in a document of ISO/IEC TS 27560")
    taking.set_defaults(run=_import)
    taking.add_argument("file", type=Path, metavar="FILE", help="as a device or this command wrote it")
    giving = parts.add_parser("export", help="write a person's events as a document of ISO/IEC TS 27560")
    giving.set_defaults(run=_export)
    giving.add_argument("--out", type=Path, required=True, metavar="FILE", help="where; it must not be there")
    counting = parts.add_parser("counts", help="how many choices each day brought, of nobody in particular")
    counting.set_defaults(run=_counts)
    counting.add_argument("--since", type=_day, metavar="DAY", help="the first day")
    counting.add_argument("--until", type=_day, metavar="DAY", help="the day after the last")
    for each in (showing, listing, taking, giving):
        each.add_argument("--subject", required=True, metavar="NAME", help="what you call the person")
        each.add_argument("--case", required=True, metavar="ID", help="the request that needs it; it is recorded")
    wording = parts.add_parser("notice", help="the words that people are shown")
    for each in (showing, listing, taking, giving, counting, *_configure_notices(wording)):
        add_directory_option(each)
