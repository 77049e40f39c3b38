"""What the page shows and changes: the same objects that an application has, handed in by the composition root."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from homespun.asked.asked import Asked
from homespun.consent import Notice, Purpose
from homespun.contribute.ledger import Ledger
from homespun.contributing import Contributing
from homespun.listing import Listing
from homespun.measure.experiments import Experiments
from homespun.person.attributes import Attributes
from homespun.person.consent import Consent
from homespun.person.controls import Controls
from homespun.person.decisions import Decisions
from homespun.person.interests import Interest
from homespun.person.items import Items
from homespun.protocol.events import Event
from homespun.protocol.receipts import Receipt

Notices = dict[Purpose, Notice]
"""The words that the application shows for each purpose that it wants to be allowed."""


class Erase(Protocol):
    """Erases the profile, or the part that is named; see ``Personalizer.erase``."""

    def __call__(
        self,
        *,
        item: str | None = None,
        tag: str | None = None,
        between: tuple[float | None, float | None] | None = None,
        kind: str | None = None,
        inference: str | None = None,
    ) -> Receipt:
        """Erase, and return the receipt."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What belongs to one person; the names are those of ``Personalizer``.

    Attributes:
        consent: What they allow.
        controls: What they set.
        attributes: What they declare.
        attribute_names: What they can declare: ``Settings.attributes``.
        items: What can be recommended.
        ledger: What left.
        decisions: The records that are kept.
        experiments: What is compared.
        contributions: Which tasks there are.
        requests: What the operator asks of this device.
        listing: Makes lists, and says why.
        events: Returns what was recorded.
        interests: Returns what was inferred.
        erase: Erases.
        exported: Returns everything as a file's bytes, sealed with a passphrase if there is one.
        entropy: Gives unpredictable bytes.
    """

    consent: Consent
    controls: Controls
    attributes: Attributes
    attribute_names: tuple[str, ...]
    items: Items
    ledger: Ledger
    decisions: Decisions
    experiments: Experiments
    contributions: Contributing
    requests: Asked
    listing: Listing
    events: Callable[[], list[Event]]
    interests: Callable[[], list[Interest]]
    erase: Erase
    exported: Callable[[str | None], bytes]
    entropy: Callable[[int], bytes]
