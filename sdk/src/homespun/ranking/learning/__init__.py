"""What the model cannot know and the person's own events show: a lasting taste, and when things come back.

Rules: both are recomputed from the events that are there and nothing else is kept, so that an event that is erased is
one that never was; both are bounded; neither adds anything before there is enough to learn from.
"""

from homespun.ranking.learning.returning import SITTING, Returns
from homespun.ranking.learning.rule import LearningRule
from homespun.ranking.learning.taste import Learner, Posterior, Term

__all__ = ["SITTING", "Learner", "LearningRule", "Posterior", "Returns", "Term"]
