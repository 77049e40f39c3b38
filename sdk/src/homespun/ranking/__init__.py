"""From events and controls to a list.

Every list comes with the decision that made it, so that reasons are never reconstructed.
"""
