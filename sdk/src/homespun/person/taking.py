"""What an export of the profile holds, and restoring one into a fresh profile."""

import base64
from collections.abc import Iterable, Iterator
from typing import Any

from homespun.consent.parts import CACHE, EXPERIMENTS, LEARNING, PARTS, Part
from homespun.errors import ExportError, MisuseError
from homespun.home import Home
from homespun.model.bundle import Bundle
from homespun.person.attributes import checked
from homespun.person.export import Contents, Imported, Section
from homespun.person.interests import interests
from homespun.protocol.export import ExportedBundle

_AT_ONCE = 10_000


def contents(home: Home, bundle: Bundle) -> Contents:
    """Return everything that the profile holds.

    Raises:
        ClosedError, ProfileError: See the classes.
    """
    events, view = home.events(), home.view()
    decisions = home.decisions()
    named = {event.item for event in events} | {record.item for record in decisions}
    return Contents(
        profile=home.profile,
        made=home.now(),
        bundle=ExportedBundle(id=bundle.id, name=bundle.manifest.name),
        events=events,
        titles=_titles(bundle, named),
        attributes=home.attributes(),
        controls=home.controls(),
        interests=interests(bundle, events, home.steering()),
        consents=view.consent or home.ledger().records,
        decisions=decisions,
        egress=home.egress_entries(),
        extra=(_exposures(home), *(_compartment(home, part) for part in (LEARNING, CACHE, EXPERIMENTS))),
    )


def sections() -> frozenset[str]:
    """Return the names of the sections that registered parts are exported in."""
    return frozenset(part.section for part in PARTS if part.section is not None)


def restore(home: Home, imported: Imported) -> int:
    """Put what an export holds into a profile that has nothing yet; return the number of events.

    Raises:
        MisuseError: The profile has something, or does not allow to record.
        ExportError: An attribute is not one.
        ClosedError, ProfileError: See the classes.
    """
    if home.events(1) or home.controls():
        raise MisuseError("an export is restored into a fresh profile only, and this one has something in it already.")
    events = imported.events
    for start in range(0, len(events), _AT_ONCE):
        if home.add_all(events[start : start + _AT_ONCE], "power") is None:
            raise MisuseError("the profile does not allow to record, so nothing was restored; ask for consent first.")
    for entry in imported.controls:
        home.set_control(lambda _, entry=entry: entry)  # type: ignore[misc] - bound at once
    for name, value in imported.attributes.items():
        try:
            home.set_attribute(name, checked(name, value))
        except MisuseError as error:
            raise ExportError(f"The export's attribute {name!r} is none that a profile can hold: {error}") from error
    return len(events)


def _titles(bundle: Bundle, items: Iterable[str]) -> dict[str, str]:
    known = [item for item in items if item in bundle]
    return dict(zip(known, bundle.titles_at([bundle.position(item) for item in known]), strict=True))


def _exposures(home: Home) -> Section:
    rows = [{"item": item, "times": times} for item, times in sorted(home.exposures(0.0).items())]
    words = "How often items were shown, kept while there is a frequency cap."
    return Section(name="exposures", category="observed", description=words, rows=rows)


def _compartment(home: Home, part: Part) -> Section:
    words = f"What the application keeps as {part.words}, as bytes in base64."
    return Section(name=part.section or "", category="inferred", description=words, rows=_kept(home, part))


def _kept(home: Home, part: Part) -> Iterator[dict[str, Any]]:
    store = home.store()
    if store is not None and part.compartment is not None:
        for name, value in store.kept(part.compartment).items():
            yield {"name": name, "value": base64.b64encode(value).decode()}
