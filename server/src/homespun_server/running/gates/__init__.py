"""What a bundle must meet before it is signed: pure functions from figures and a threshold to a result.

A gate that cannot be measured is not met: publishing what nobody could measure is for the operator to decide, who can
override it with a reason. That decision is on the bundle's card.
"""

from homespun_server.running.gates.deciding import decide
from homespun_server.running.gates.figures import Figures
from homespun_server.running.gates.result import GateResult

__all__ = ["Figures", "GateResult", "decide"]
