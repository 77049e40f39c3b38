"""Shares of a report: split by a device (``splitting``), checked by leader and helper (``verifying``), added up.

A vector x is the sum of two shares mod p, each uniform by itself. The helper's is expanded from a seed; the leader's is
as long as x. Both are committed to, so that what is checked (``norm_proof``) cannot be chosen after the random halves
are known. An aggregator refuses a share that does not fit its commitment.

    leader's share: blind (16), x − expanded (4 each), proof − expanded (4 each)
    helper's share: seed (32), blind (16)
    public: SHA-256 of the leader's blind and vector, SHA-256 of the helper's share; each with the binding

Everything is bound to a task, a report and a time by ``binding``. A report is accepted by both aggregators or by
neither. Whoever is honest learns nothing of x; a dishonest aggregator can make reports count or not, and learns nothing
of x either.

Pure: who calls gives randomness.
"""

from homespun.protocol.collection.field import add_vectors, centre
from homespun.protocol.collection.form import ShareForm
from homespun.protocol.collection.opening import Role
from homespun.protocol.collection.splitting import Split, split
from homespun.protocol.collection.verifying import Prepared, ShareVerifier

__all__ = ["Prepared", "Role", "ShareForm", "ShareVerifier", "Split", "add_vectors", "centre", "split"]
