"""From tables of interactions and items to bounded sums over users.

What this package reads is personal data that the operator lawfully holds. Exact sums stay inside it:
only a release, made elsewhere under a budget, may leave.
"""
