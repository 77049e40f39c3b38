"""The person's own page: what is known, why, what they set and allow, and what left, served to them on this machine.

Rules: it listens on the loopback interface alone, on a port that the system picks; who has not come in by a one-time
address sees nothing; everything works without scripts; nothing is fetched from anywhere else. Every button does what
the application's own call would do, by the same method and behind the same gate.

Non-goals: accounts, several people, reaching it from another machine, and changing keys.
"""

from homespun.console.console import Console
from homespun.console.parts import Parts

__all__ = ["Console", "Parts"]
