"""An audit bundle could need a network, name somebody, or not hold what it must."""

from homespun_server.compliance.audit import verify
from tests.server.compliance.audit.conftest import Audited

NO_LINEAGE = (
    "0 releases behind 0 private bundles lead to their charges in the ledgers; the chain ends at 1 registered by hand, "
    "without a lineage, 1 of them behind lists"
)
"""What is told where no pipeline made the bundles: nothing was checked, and it does not pass."""


def test_a_right_bundle_is_refused(audited: Audited) -> None:
    found = {each.name: (each.outcome, each.figure, each.wrong) for each in verify(audited.raw, audited.pins)}
    assert {name: each for name, each in found.items() if each[0] != "pass"} == {
        "training": ("nothing", NO_LINEAGE, "")
    }
