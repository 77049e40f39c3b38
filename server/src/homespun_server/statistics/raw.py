"""Raw figures about people: exact, for the operator's eyes, and of no other use.

A number of users, an exact metric or a count of rows is easily written where it would leave the operator's
machine, or compared with a threshold that then leaks. In a ``Raw`` it can be neither: it has no arithmetic, no
order, no truth, no text and no JSON. It is opened for the operator's own report with ``for_the_operator``, whose
uses a test lists one by one; it becomes part of a bundle only by ``privacy.provenance.non_private``, which
marks everything that is derived from it.

Non-goals: whoever reaches for the private attribute gets it. This stops mistakes, not the operator, who holds
the table anyway. Sums that are to be released are no ``Raw`` but a ``UserSum``.
"""

from typing import TYPE_CHECKING, Generic, NoReturn, TypeVar, final

from homespun.errors import MisuseError

T_co = TypeVar("T_co", covariant=True)


@final
class Raw(Generic[T_co]):
    """A raw figure about people, which cannot be used by accident."""

    __slots__ = ("__value",)

    def __init__(self, value: T_co) -> None:
        """Hide a figure.

        Args:
            value: The exact figure, or a structure that is made of such.
        """
        self.__value = value

    def for_the_operator(self) -> T_co:
        """Return the figure, to be shown to the operator of the server and to nobody else."""
        return self.__value

    def __repr__(self) -> str:
        return "<raw figure about people, hidden>"


def _refuse(*_: object, **__: object) -> NoReturn:
    raise MisuseError(
        "this is a raw figure about people: it cannot be computed with, compared, written or copied. Show it to the "
        "operator with for_the_operator(), use a released statistic in its place, or let it through with "
        "non_private(), which marks everything that is made from it."
    )


_OPERATIONS = (
    *("eq", "ne", "lt", "le", "gt", "ge", "bool", "int", "float", "complex", "index", "round", "trunc", "floor"),
    *("add", "sub", "mul", "truediv", "floordiv", "mod", "divmod", "pow", "matmul", "and", "or", "xor", "neg"),
    *("radd", "rsub", "rmul", "rtruediv", "rfloordiv", "rmod", "rdivmod", "rpow", "rmatmul", "rand", "ror", "rxor"),
    *("abs", "ceil", "len", "iter", "contains", "getitem", "array", "bytes", "str", "format", "reduce_ex"),
)

if not TYPE_CHECKING:
    # A type checker that saw these would take them for allowed.
    for _operation in _OPERATIONS:
        setattr(Raw, f"__{_operation}__", _refuse)
