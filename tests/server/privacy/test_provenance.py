"""What would make something that depends on people's data pass for fixed, public, or released."""

import copy
import dataclasses
import pickle
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import numpy as np
import pytest

from homespun.errors import MisuseError
from homespun_server.privacy import provenance
from homespun_server.privacy.provenance import (
    Sourced,
    check_sourced,
    derive,
    fixed,
    non_private,
    public,
    released,
    together,
)
from homespun_server.statistics.raw import Raw
from tests.server.support import exact, noisy, user_sum

USERS = 7919


def test_a_value_is_dressed_up_as_sourced() -> None:
    for disguise in ({}, {"made_here": None}, {"made_here": object()}, {"made_here": True}):
        with pytest.raises(MisuseError, match="never directly"):
            Sourced(USERS, (), (), **disguise)


def test_a_sourced_is_copied_with_another_value_or_without_its_sources() -> None:
    marked = non_private(Raw(USERS), "users")
    for change in ({"value": 5}, {"people": ()}, {"public": ("the press",)}):
        with pytest.raises(MisuseError, match="never directly"):
            dataclasses.replace(marked, **change)
    with pytest.raises(dataclasses.FrozenInstanceError):
        marked.people = ()  # type: ignore[misc]
    assert copy.copy(marked).kind == copy.deepcopy(marked).kind == "non_private"


@dataclasses.dataclass(frozen=True)
class Box:
    content: object


class Structure(msgspec.Struct, frozen=True):
    content: object


WRAPS: tuple[Callable[[Any], object], ...] = (
    lambda value: value,
    lambda value: (1, value),
    lambda value: ["text", 1.0, value],
    lambda value: {"users": value},
    Box,
    Structure,
    lambda value: Box((value,)),
    lambda value: [Structure({1: (value,)})],
)


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("secret", [Raw(USERS), user_sum([1, 2])])
def test_something_exact_passes_for_public_or_is_derived(wrap: Callable[[Any], object], secret: object) -> None:
    with pytest.raises(MisuseError, match="is exact"):
        public(wrap(secret), "the newspaper")
    with pytest.raises(MisuseError, match="is exact"):
        derive(lambda _: wrap(secret), fixed(1))


@pytest.mark.parametrize(
    "value", [Raw(USERS), np.arange(3), np.float64(0.5), np.int64(3), [1], {"a": 1}, (1, 2), noisy([1]), fixed(1)]
)
def test_a_computed_value_passes_for_fixed(value: Any) -> None:
    with pytest.raises(MisuseError, match="not fixed a priori"):
        fixed(value)


@pytest.mark.parametrize("value", [3, 0.5, True, None, "likes", ("a", "b"), Decimal("0.5"), Fraction(1, 3)])
def test_a_plain_value_cannot_be_fixed(value: Any) -> None:
    assert fixed(value).value == value
    assert (fixed(value).kind, fixed(value).people, fixed(value).origin) == ("fixed", (), "fixed a priori")


@pytest.mark.parametrize("wrap", WRAPS)
def test_a_release_passes_for_public(wrap: Callable[[Any], object]) -> None:
    known, hidden = noisy([1]), noisy([1])
    with pytest.raises(MisuseError, match="about people"):
        public(wrap(hidden), "the newspaper")
    with pytest.raises(MisuseError, match="about people"):
        derive(lambda _: wrap(hidden), released(known))
    assert derive(wrap, released(known)).releases == (known,)


def test_a_public_value_has_no_source() -> None:
    for nothing in ("", "  "):
        with pytest.raises(MisuseError, match="name the source"):
            public(5, nothing)
    assert public(5, "the newspaper").origin == "public: the newspaper"


@pytest.mark.parametrize("value", [user_sum([1]), np.arange(3), 5, Raw(5), released(noisy([1]))])
def test_something_else_passes_for_a_release(value: Any) -> None:
    with pytest.raises(MisuseError, match="was not released"):
        released(value)


def test_an_exact_figure_is_let_through_without_a_name() -> None:
    for figure, name in ((Raw(USERS), ""), (Raw(USERS), " "), (USERS, "users"), (fixed(5), "users")):
        with pytest.raises(MisuseError, match="without privacy"):
            non_private(figure, name)  # type: ignore[arg-type]


@pytest.mark.parametrize("bare", [5, Raw(5), noisy([1]), None, "text", np.arange(3)])
def test_a_bare_value_is_derived_from(bare: Any) -> None:
    for attempt in (
        lambda: derive(lambda value: value, bare),
        lambda: derive(lambda one, _: one, fixed(1), bare),
        lambda: together(fixed(1), bare),
        lambda: check_sourced(good=fixed(1), users=bare),
    ):
        with pytest.raises(MisuseError, match="is a bare"):
            attempt()


def test_a_sourced_hides_inside_another() -> None:
    marked = non_private(Raw(USERS), "users")
    for hidden in (marked, (marked,), Box(marked)):
        with pytest.raises(MisuseError, match="would hide"):
            public(hidden, "the newspaper")
        with pytest.raises(MisuseError, match="would hide"):
            derive(lambda _, hidden=hidden: hidden, fixed(1))  # type: ignore[misc]


def test_an_array_is_changed_afterwards() -> None:
    for value in (np.zeros(3), Box(np.zeros(3)), (np.zeros(3),)):
        made = public(value, "random numbers").value
        array: Any = made[0] if isinstance(made, tuple) else made.content if isinstance(made, Box) else made
        with pytest.raises(ValueError, match="read-only"):
            array[0] = USERS


def test_a_source_is_lost_or_counted_twice() -> None:
    first, second = noisy([1]), noisy([1])
    a, b, c = released(first), released(second), public(3, "the newspaper")
    joined = derive(lambda *values: len(values), together(a, c), together(b, c), a)
    assert joined.releases == (first, second)
    assert joined.people == (first, second)
    assert joined.public == ("the newspaper",)
    assert joined.kind == "released"
    assert joined.origin == "released: item-counts"


def test_two_releases_of_equal_numbers_count_as_one() -> None:
    assert len(together(*(released(noisy([1])) for _ in range(3))).releases) == 3


def test_the_candidates_that_were_not_chosen_are_forgotten() -> None:
    """The choice depends on all of the figures, so it comes from all of them."""
    measured = [released(noisy([value])) for value in (10, 10_000_000, 20)]
    best = derive(lambda found: max(range(3), key=lambda index: float(found[index].reals[0])), together(*measured))
    assert best.value == 1
    assert best.releases == tuple(one.value for one in measured)


@pytest.mark.parametrize("marked", [non_private(Raw(USERS), "the number of users"), released(exact([5]))])
def test_what_is_derived_from_something_exact_loses_its_mark(marked: Sourced[object]) -> None:
    others = [released(noisy([1])), public(1, "the newspaper"), fixed(5)]
    for other in others:
        for made in (
            derive(lambda one, _: one, other, marked),
            derive(lambda one, _: one, marked, other),
            derive(lambda _: 0, together(derive(str, other), derive(lambda _: "", marked))),
        ):
            assert made.kind == "non_private"
            assert made.exact == marked.exact
            assert made.origin.startswith("NON-PRIVATE")
            assert marked.exact[0] in made.origin


def test_a_mark_is_shown_with_its_figure() -> None:
    marked = non_private(Raw(USERS), "the number of users")
    assert str(USERS) not in repr(marked)
    assert marked.value == USERS


def test_a_stolen_sourced_is_encoded_into_a_card() -> None:
    with pytest.raises((TypeError, msgspec.MsgspecError)):
        msgspec.json.encode({"users": released(noisy([1]))})


def test_a_pickle_makes_a_sourced_without_its_sources() -> None:
    marked = pickle.loads(pickle.dumps(non_private(Raw(USERS), "users")))  # noqa: S301
    assert marked.exact == ("users",)


def test_another_name_leads_from_a_raw_figure_to_a_sourced_one() -> None:
    """Every public function of the module, given a raw figure, refuses it, but for the one that marks it."""
    makers = [
        value for name, value in vars(provenance).items() if getattr(value, "__module__", "") == provenance.__name__
    ]
    functions = [maker for maker in makers if callable(maker) and not isinstance(maker, type)]
    names = {function.__name__ for function in functions if not function.__name__.startswith("_")}
    assert names == {"fixed", "public", "released", "non_private", "derive", "together", "check_sourced"}
