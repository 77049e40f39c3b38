"""What an export of the profile holds, and restoring one into a fresh profile."""

import base64
from collections.abc import Iterable, Iterator
from typing import Any

from homespun.consent import Notice, Purpose
from homespun.consent.parts import COMPARTMENTS, CONTRIBUTIONS, EXPOSURES, Part
from homespun.errors import ExportError, MisuseError
from homespun.home import Home
from homespun.model.bundle import Bundle
from homespun.person.attributes import checked
from homespun.person.export import Contents, Imported, Section
from homespun.person.interests import interests
from homespun.protocol.egress import progress_of
from homespun.protocol.events import ContextValue, Event
from homespun.protocol.export import ExportedBundle
from homespun.protocol.records import named_in

_AT_ONCE = 10_000


def contents(home: Home, bundle: Bundle) -> Contents:
    """Return everything that the profile holds.

    Raises:
        ClosedError, ProfileError: See the classes.
    """
    events, view = home.events(), home.view()
    decisions = home.decisions()
    controls = home.controls()
    named = {event.item for event in events} | {name for record in decisions for name in named_in(record)}
    named |= {entry.target for entry in controls if entry.target is not None}
    return Contents(
        profile=home.profile,
        made=home.now(),
        bundle=ExportedBundle(id=bundle.id, name=bundle.manifest.name),
        events=events,
        titles=_titles(bundle, named),
        attributes=home.attributes(),
        controls=controls,
        interests=interests(bundle, events, home.steering()),
        consents=view.consent or home.ledger().records,
        decisions=decisions,
        egress=home.egress_entries(),
        extra=(_exposures(home), *(_compartment(home, part) for part in COMPARTMENTS if part.section), _outbox(home)),
    )


def restore(home: Home, imported: Imported, notice: Notice) -> None:
    """Make a fresh profile of what an export holds; the person allows its storage and its use by that.

    Raises:
        MisuseError: There is a profile already, or the person's settings forbid to record.
        ExportError: The export holds what no profile can.
        ClosedError, ProfileError: See the classes.
    """
    if home.sizes() is not None:
        raise MisuseError("there is a profile in that folder already; restore the export into a fresh one.")
    attributes = _attributes(imported)
    home.grant((Purpose.DEVICE_STORAGE, Purpose.PERSONALIZATION), notice, "application", "import")
    try:
        for start in range(0, len(imported.events), _AT_ONCE):
            _add(home, imported.events[start : start + _AT_ONCE])
        # Last, because a pause among them would stop the recording.
        home.add_controls(imported.controls)
        for name, value in attributes.items():
            home.set_attribute(name, value)
    except BaseException:
        home.erase()
        raise


def _add(home: Home, events: tuple[Event, ...]) -> None:
    if home.add_all(events, "power") is None:
        raise MisuseError("nothing may be recorded now, so nothing was restored. End the private session first.")


def _attributes(imported: Imported) -> dict[str, ContextValue]:
    try:
        return {name: checked(name, value) for name, value in imported.attributes.items()}
    except MisuseError as error:
        raise ExportError(f"The export holds an attribute that no profile can hold: {error}") from error


def _titles(bundle: Bundle, items: Iterable[str]) -> dict[str, str]:
    known = [item for item in items if item in bundle]
    return dict(zip(known, bundle.titles_at([bundle.position(item) for item in known]), strict=True))


def _exposures(home: Home) -> Section:
    rows = [{"item": item, "times": times} for item, times in sorted(home.exposures(0.0).items())]
    words = "How often items were shown, kept while there is a frequency cap."
    return Section(name=EXPOSURES.section or "", category="observed", description=words, rows=rows)


def _compartment(home: Home, part: Part) -> Section:
    words = f"What the application keeps as {part.words}, as bytes in base64."
    return Section(name=part.section or "", category="inferred", description=words, rows=_kept(home, part))


def _kept(home: Home, part: Part) -> Iterator[dict[str, Any]]:
    store = home.store()
    if store is not None and part.compartment is not None:
        for name, value in store.kept(part.compartment).items():
            yield {"name": name, "value": base64.b64encode(value).decode()}


def _outbox(home: Home) -> Section:
    words = "What waits to be sent, as bytes in base64; the numbers are those of the ledger of what left."
    return Section(name=CONTRIBUTIONS.section or "", category="egress", description=words, rows=_waiting(home))


def _waiting(home: Home) -> Iterator[dict[str, Any]]:
    for sequence in progress_of(home.egress_entries()):
        payload = home.log.payload(sequence)
        if payload is not None:
            yield {"sequence": sequence, "payload": base64.b64encode(payload).decode()}
