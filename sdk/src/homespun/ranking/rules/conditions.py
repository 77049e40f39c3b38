"""Conditions as functions: compiled once, equal ones once, each answered at most once a request.

Whether something holds has three answers: yes, no, and unknown, which is what every condition on the person is where
nothing of them may be used: not of lifecycle, likes or history. Unknown stays unknown under ``not``; ``all`` is no if
one part is, ``any`` is yes if one part is, whatever the unknown ones would be (Kleene's strong logic of three values,
1938). A rule acts only on a yes. So without personal data no rule acts because of what is not known, be it that there
are no events. A circumstance that the request does not tell fits nothing, and so ``not`` of it holds.
"""

import math
from collections.abc import Callable, Iterable, Sequence

from homespun.protocol.bundle import context_text
from homespun.protocol.policy.conditions import Condition, HistoryTest, Likes, ValueTest
from homespun.ranking.rules.situation import Situation

Answer = bool | None
"""Whether something holds; None: nobody may know."""


class Answers(dict[int, Answer]):
    """What is known to hold in one situation, by the numbers of conditions; found out when asked for."""

    def __init__(self, conditions: "Conditions", situation: Situation) -> None:
        """Answer nothing yet; others come here by ``Conditions.answers``."""
        super().__init__()
        context = situation.context
        self.situation = situation
        self.person = situation if situation.personal else None
        self.texts = {name: context_text(context[name]) for name in conditions.texts if name in context}
        self.numbers = {
            name: value
            for name in conditions.numeric
            if isinstance(value := context.get(name), int | float) and not isinstance(value, bool)
        }
        self._checks = conditions.checks

    def __missing__(self, number: int) -> Answer:
        answer = self[number] = self._checks[number](self)
        return answer


Check = Callable[[Answers], Answer]


class Conditions:
    """Some conditions, compiled.

    Attributes:
        numbers: The number of each condition that was given, in their order.
        checks: How each is checked, by number.
        texts: The circumstances that they compare with texts.
        numeric: Those that they compare with numbers.
    """

    def __init__(self, conditions: Iterable[Condition]) -> None:
        """Compile conditions and everything in them."""
        self._places: dict[Condition, int] = {}
        self.checks: list[Check] = []
        self.texts: set[str] = set()
        self.numeric: set[str] = set()
        self.numbers = tuple([self._add(condition) for condition in conditions])

    def answers(self, situation: Situation) -> Answers:
        """Return what holds in a situation; nothing is checked before it is asked for."""
        return Answers(self, situation)

    def holding(self, situation: Situation) -> list[bool]:
        """Return for each condition whether it holds; one of which nobody may know does not."""
        answers = self.answers(situation)
        return [answers[number] is True for number in self.numbers]

    def number(self, condition: Condition) -> int:
        """Return the number of one of the conditions, or of one inside them."""
        return self._places[condition]

    def _add(self, condition: Condition) -> int:
        if condition not in self._places:
            check = self._compiled(condition)
            self._places[condition] = len(self.checks)
            self.checks.append(check)
        return self._places[condition]

    def _compiled(self, condition: Condition) -> Check:
        if condition.all is not None:
            return _each([self._add(part) for part in condition.all])
        if condition.any is not None:
            return _some([self._add(part) for part in condition.any])
        if condition.not_ is not None:
            return _opposite(self._add(condition.not_))
        return self._test(condition)

    def _test(self, condition: Condition) -> Check:
        if condition.context is not None:
            return self._circumstance(condition.context)
        if condition.likes is not None:
            return _likes(condition.likes)
        if condition.history is not None:
            return _history(condition.history)
        return _lifecycle(condition.lifecycle or ())

    def _circumstance(self, test: ValueTest) -> Check:
        if test.values is None:
            self.numeric.add(test.name)
            return _number(test)
        self.texts.add(test.name)
        return _text(test.name, frozenset(test.values))


def _each(numbers: Sequence[int]) -> Check:
    def check(answers: Answers) -> Answer:
        found: Answer = True
        for number in numbers:
            answer = answers[number]
            if answer is False:
                return False
            found = found and answer
        return found

    return check


def _some(numbers: Sequence[int]) -> Check:
    def check(answers: Answers) -> Answer:
        found: Answer = False
        for number in numbers:
            answer = answers[number]
            if answer:
                return True
            found = None if answer is None else found
        return found

    return check


def _opposite(number: int) -> Check:
    def check(answers: Answers) -> Answer:
        answer = answers[number]
        return None if answer is None else not answer

    return check


def _text(name: str, values: frozenset[str]) -> Check:
    return lambda answers: answers.texts.get(name) in values


def _number(test: ValueTest) -> Check:
    name = test.name
    least, below = _range(test)
    # NaN stands for a circumstance that is none; it fails every comparison.
    return lambda answers: least <= answers.numbers.get(name, math.nan) < below


def _lifecycle(stages: Sequence[str]) -> Check:
    return lambda answers: None if answers.person is None else answers.person.lifecycle in stages


def _likes(test: Likes) -> Check:
    least, below = _range(test)
    return lambda answers: None if answers.person is None else least <= answers.person.likes < below


def _history(test: HistoryTest) -> Check:
    least, below = _range(test)

    def check(answers: Answers) -> Answer:
        situation = answers.person
        if situation is None or situation.past is None:
            return None
        return least <= situation.past.count(test, situation.now) < below

    return check


def _range(test: ValueTest | Likes | HistoryTest) -> tuple[float, float]:
    return (
        -math.inf if test.at_least is None else test.at_least,
        math.inf if test.below is None else test.below,
    )
