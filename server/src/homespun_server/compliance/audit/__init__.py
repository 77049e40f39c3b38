"""Audit bundles: what was promised, done and recorded, in one file that can be checked with no network and no database.

Rules:

- Every claim in the file leads to a signature of a key that the auditor pins, to the transparency log's root, or to
  arithmetic that is done again. Each check stands for itself: a file whose hashes were written anew fails just as well.
- Nobody is named. Requests are exported without who they are about, consents as counts and commitments.
- The same store and moment give the same bytes.

Non-goal: to show that nothing happened beside what was recorded. What a witness saw, and receipts that people hold, do.
"""

from homespun_server.compliance.audit.exporting import export
from homespun_server.compliance.audit.pins import Pins
from homespun_server.compliance.audit.verifying import verify

__all__ = ["Pins", "export", "verify"]
