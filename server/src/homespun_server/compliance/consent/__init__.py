"""The consent ledger: what people reported that they allow and refuse, by pseudonym, with proof for both sides.

Rules:

- Events are only added, and go only with their whole subject; both are the database's to refuse.
- Within a source (a device, an import, a browser) the sequence orders. Between sources the time of receipt does, and
  what denies wins where that is the same. A device's clock only takes away.
- What nobody vouches for denies like everything else, and overrules no denial of another source (``standing``).
- Words that people were shown are kept where the operator registered them; otherwise their hash is (``notices``).
- The same report again changes nothing and gets the same receipt. Another report in its place is refused, and noted.
- Status is what was reported, by the rules by which devices decide (``homespun.consent``): signals act across purposes.

Non-goals: deciding anything on a device, which obeys its own records alone; knowing that a report is true; knowing of
people who did not agree to report. What is not reported any more stays as it was reported last, and is told so.
"""

from homespun_server.compliance.consent.counts import DayCount
from homespun_server.compliance.consent.events import Conflict, ConsentEvent, Gap
from homespun_server.compliance.consent.ledger import ConsentLedger
from homespun_server.compliance.consent.notices import Notices, ShownWords
from homespun_server.compliance.consent.ports import Log
from homespun_server.compliance.consent.status import Status
from homespun_server.compliance.consent.subjects import Subjects

__all__ = [
    "Conflict",
    "ConsentEvent",
    "ConsentLedger",
    "DayCount",
    "Gap",
    "Log",
    "Notices",
    "ShownWords",
    "Status",
    "Subjects",
]
