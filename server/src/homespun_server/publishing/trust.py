"""What a guarantee for collected tasks rests on, in words: the same on cards, in terminals and in documents."""

TRUST = "one of leader and helper is honest: keeps what it opens to itself, and adds its noise"
"""What has to be so. Whoever runs both, or knows both keys, could read every report."""
