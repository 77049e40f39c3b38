"""What a gate says."""

import msgspec

from homespun_server.publishing.review import Basis


class GateResult(msgspec.Struct, frozen=True, kw_only=True):
    """A gate's result.

    Attributes:
        name: The gate's.
        passed: Whether the bundle meets it.
        figure: What was found, as text; exact where ``basis`` says so, and for the operator alone then.
        threshold: What was asked, as text.
        words: What it means, in a sentence.
        basis: What was looked at.
        final: Whether nobody can override it.
    """

    name: str
    passed: bool
    figure: str
    threshold: str
    words: str
    basis: Basis
    final: bool = False


NOT_MEASURED = "not measured"
