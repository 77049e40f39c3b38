"""What a task costs is said too small, for one installation or for several of one person."""

from decimal import Decimal
from math import inf, nextafter

import msgspec
import pytest

from homespun.protocol.collection.constants import NORM_PROOF_DELTA
from homespun_server.privacy.zcdp import epsilon_of
from homespun_server.publishing.tasks import costs
from tests.sdk.protocol.collection.support import task


@pytest.mark.parametrize("delta", ["0.000001", "0.00000000005"])
def test_several_installations_draw_anew_at_the_delta_of_one(delta: str) -> None:
    asked = msgspec.structs.replace(task(), epsilon="100", delta=delta)
    found = costs(asked, (1, 2, 3))
    for number, cost in enumerate(found, 1):
        rest = float(Decimal(delta)) - number * NORM_PROOF_DELTA
        assert cost.epsilon == epsilon_of(float(asked.rho) * number**2, rest)
        assert cost.epsilon > epsilon_of(float(asked.rho) * number**2, nextafter(float(Decimal(delta)), 1.0))


def test_an_epsilon_is_said_where_drawing_anew_takes_all_of_delta() -> None:
    asked = msgspec.structs.replace(task(), epsilon="100", delta="0.00000000002")
    assert [cost.epsilon == inf for cost in costs(asked, (1, 2))] == [False, True]
