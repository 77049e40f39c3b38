"""An audit bundle could need a network, name somebody, or not hold what it must."""

from homespun_server.compliance.audit import verify
from tests.server.compliance.audit.conftest import Audited


def test_a_right_bundle_is_refused(audited: Audited) -> None:
    found = {each.name: (each.outcome, each.figure, each.wrong) for each in verify(audited.raw, audited.pins)}
    assert {name: each for name, each in found.items() if each[0] != "pass"} == {}
