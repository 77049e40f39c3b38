"""The policy where nobody gave one, and the surfaces that every policy has."""

from homespun.protocol.policy import Policy, Surface
from homespun.protocol.policy.stages import Candidates, Learning, Rules, Seen
from homespun.protocol.read_only import ReadOnlyDict

POOL = 300
"""Items that later stages look at; what is learned on the device was measured with so many."""

DEFAULT = Policy(
    schema=1,
    name="default",
    surfaces=ReadOnlyDict(
        {
            "home": Surface(stages=(Candidates(pool=POOL), Seen(), Rules(), Learning())),
            "similar": Surface(stages=(Candidates(), Rules()), source="similar"),
            "search": Surface(stages=(Rules(), Learning()), source="given"),
            "continue": Surface(stages=(Rules(), Learning()), source="history"),
        }
    ),
)
"""Lists by the model, with what is learned on the device; what the person knows is left out of the home list."""
