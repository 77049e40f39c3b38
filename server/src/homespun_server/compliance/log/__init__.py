"""The transparency log: what was done is committed to in order, in a Merkle tree as in RFC 9162, and signed.

Rules:

- An entry says of what kind it is, and commits to the rest with a salt: it can be checked by whoever is shown the
  opening, and says nothing to anybody else. Forgetting a person destroys their openings; the tree stays whole.
- The log is only added to, which the database enforces, and never forks: a checkpoint is signed only after it was
  proved that the log continues what was signed before, by the store and by a copy that lies beside it.
- A log that its own operator forks or rewrites is found by a witness, a party of its own with a memory of its own.

Non-goal: showing that what was committed to is true. That is for audits, which open the entries.
"""

from homespun_server.compliance.log.entries import KINDS, Kind, LogEntry, Opening
from homespun_server.compliance.log.log import TransparencyLog
from homespun_server.compliance.log.opening import open_log

__all__ = ["KINDS", "Kind", "LogEntry", "Opening", "TransparencyLog", "open_log"]
