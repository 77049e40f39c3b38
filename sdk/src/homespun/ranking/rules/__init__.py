"""A policy's rules: compiled once for a bundle, evaluated for every request.

What items a rule is about does not depend on the request, so it becomes one bit of every item. When a rule holds does,
so conditions become functions, equal ones once. What a rule does to a list is not decided here: whoever makes the list
asks which rules act, and on which of its candidates.
"""

from homespun.ranking.rules.book import RuleBook
from homespun.ranking.rules.conditions import Conditions
from homespun.ranking.rules.firing import Firing
from homespun.ranking.rules.naming import popularity_of
from homespun.ranking.rules.past import Past
from homespun.ranking.rules.report import RuleReport
from homespun.ranking.rules.shelf import Shelf
from homespun.ranking.rules.situation import Situation

__all__ = ["Conditions", "Firing", "Past", "RuleBook", "RuleReport", "Shelf", "Situation", "popularity_of"]
