"""Looking without changing anything: ``ledger``, ``profile show`` and ``profile check``."""

import argparse
from collections.abc import Iterator, Mapping
from contextlib import closing

from homespun.cli.opening import bundle_of, home_of
from homespun.cli.output import say, say_under
from homespun.config import Retention
from homespun.consent.parts import IDENTIFIED
from homespun.contribute import Ledger
from homespun.home import Home
from homespun.model.bundle import Bundle
from homespun.person.export.sections import sections_of
from homespun.person.taking import contents
from homespun.personalizer import Personalizer
from homespun.profile import exists
from homespun.protocol.controls import in_effect
from homespun.protocol.events import Event


def ledger(options: argparse.Namespace) -> None:
    """Tell what left the device or waits to leave it, after checking the chain."""
    with home_of(options) as home:
        book = Ledger(home.log, identified=IDENTIFIED)
        book.verify()
        told = book.to_json_lines().rstrip("\n") if options.json else book.table()
    if told:
        say(told)


def check(options: argparse.Namespace) -> None:
    """Read and authenticate everything, and check the ledger's chain."""
    with home_of(options) as home:
        store, sizes = home.store(), home.sizes()
        if store is None or sizes is None:
            say(_WITHDRAWN)
            return
        store.check()
        Ledger(home.log).verify()
    say(f"Everything is as it was written: {_counted(sizes.events, 'event')}, {sizes.disk_bytes:,} bytes on disk.")


def show(options: argparse.Namespace) -> None:
    """Tell what is kept, allowed, set, declared and inferred."""
    with closing(bundle_of(options)) as bundle, home_of(options) as home:
        me, sizes, store = Personalizer(bundle, home), home.sizes(), home.store()
        if sizes is not None:
            numbers = f"{_counted(sizes.events, 'event')}, {_counted(sizes.consent_records, 'consent record')}"
            say(f"{numbers}, {sizes.disk_bytes:,} bytes on disk")
        elif exists(options.profile):
            say(_WITHDRAWN)
        say_under("What you allow:", _allowed(me))
        say_under("What you set:", _set(me, home))
        say_under("What you declared:", (f"{name}: {value}" for name, value in me.attributes.items()))
        say_under("What you seem to like most:", _interests(me, options.k))
        say_under("What there is, in rows:", _rows(home, bundle))
        say_under("How long events are kept:", _kept({} if store is None else store.retention()))
        say_under("What you did last:", (_told(event, bundle) for event in me.events(options.k)))


_WITHDRAWN = "Storage was withdrawn. The profile is erased once no other program has it open any more."


def _allowed(me: Personalizer) -> Iterator[str]:
    for purpose, status in me.consent.status().items():
        reason = "" if status.because in ("", "granted") else f" ({status.because})"
        yield f"{purpose:<16} {'allowed' if status.granted else 'not allowed'}{reason}"


def _set(me: Personalizer, home: Home) -> Iterator[str]:
    standing = {entry.sequence for entry in in_effect(home.controls())}
    for change in me.controls.history():
        if change.entry.sequence in standing:
            yield f"{change.entry.sequence:>3}. {change.text}"


def _interests(me: Personalizer, most: int) -> Iterator[str]:
    for interest in me.interests()[:most]:
        source = "as you set it" if interest.edited else f"from {_counted(len(interest.events), 'event')}"
        yield f"{interest.weight:>4.0%} {interest.tag}, {source}"


def _rows(home: Home, bundle: Bundle) -> Iterator[str]:
    for section in sections_of(contents(home, bundle)):
        number = sum(1 for _ in section.rows)
        if number:
            yield f"{number:>7,} {section.heading}"


def _kept(retention: Mapping[str, Retention]) -> Iterator[str]:
    for kind, limit in retention.items():
        days = "" if limit.days is None else _counted(limit.days, "day")
        latest = "" if limit.events is None else f"the latest {limit.events:,}"
        yield f"{kind or 'all'}: {', '.join(each for each in (days, latest) if each) or 'until they are erased'}"


def _told(event: Event, bundle: Bundle) -> str:
    title = bundle.title(event.item) if event.item in bundle else event.item
    weight = "" if event.weight is None else f" {event.weight:g}"
    return f"{event.kind}{weight}: {title}"


def _counted(number: float, noun: str) -> str:
    return f"{number:,.15g} {noun}" if number == 1 else f"{number:,.15g} {noun}s"
