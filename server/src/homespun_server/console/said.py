"""What a page says after a form was sent: texts of this program's own, so that an address cannot make it say others."""

TEXTS = {
    "paused": "Paused: no further device takes the release. Those that have it keep it.",
    "resumed": "Resumed: devices take the release again.",
    "rolled-back": "Rolled back: the earlier bundle was released again.",
    "request-opened": "The request is open, and its clock has started.",
    "request-recorded": "It was recorded.",
    "request-worked": "The request was carried to every store; see below what was done.",
    "request-lifted": "The restriction is lifted, and the rows are back in their tables.",
    "checkpoint-signed": "The log was brought up to date, and a checkpoint was signed.",
    "two-sessions": (
        "Your browser brought two sessions, of which another program on this computer may have set one; neither was "
        "taken. Remove the cookies of this address, then sign in."
    ),
    "signed-out": "You are signed out.",
    "signed-out-everywhere": "Every session of your account has ended.",
}
"""By the words that addresses carry."""


def text_of(said: str) -> str:
    """Return what is said; an empty text for anything else."""
    return TEXTS.get(said, "")
