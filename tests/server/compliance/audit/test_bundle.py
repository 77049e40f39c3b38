"""An audit bundle could need a network, name somebody, or not hold what it must."""

from homespun_server.compliance.audit import verify
from tests.server.compliance.audit.conftest import Audited

NO_LINEAGE = (
    "0 releases behind 0 private bundles lead to their charges in the ledgers; the chain ends at 1 registered by hand, "
    "without a lineage, 1 of them behind lists"
)
NOT_INCLUDED = ("predecessors", "consent events", "consent receipts", "training")
"""Where no pipeline made the bundles, and nobody asked for people's own: nothing was checked, and it does not pass."""


def test_a_right_bundle_is_refused(audited: Audited) -> None:
    found = {each.name: each for each in verify(audited.raw, audited.pins) if each.outcome != "pass"}
    assert {name: each.outcome for name, each in found.items()} == dict.fromkeys(NOT_INCLUDED, "nothing")
    assert found["training"].figure == NO_LINEAGE
    assert not [each.figure for each in found.values() if not each.figure.startswith("0 ")]
