"""An open store: transactions, and database errors in plain words."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from homespun_server.errors import StoreError

WRITING = "homespun_writing"
"""The execution option of a connection that is going to write."""


class Store:
    """The operator's database; get one from ``open_store``. A context manager that closes it."""

    def __init__(self, engine: Engine, name: str) -> None:
        """Do not construct it; use ``open_store``.

        Args:
            engine: Connects to the database.
            name: What messages call it, without a password.
        """
        self._engine = engine
        self.name = name

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a connection to read with; a single statement sees a single moment."""
        with self._explained(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a transaction, which is durable once the block ends and undone if it raises.

        SQLite allows one writer at a time, and others wait for it here.

        Raises:
            IntegrityError: If a row is there already; for the caller to explain.
            StoreError: If the database refuses.
        """
        with self._explained(), self._engine.connect() as connection:
            writing = connection.execution_options(**{WRITING: True})
            with writing.begin():
                if connection.dialect.name == "postgresql":
                    connection.execute(_DURABLE)
                yield writing

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise
        except SQLAlchemyError as error:
            raise refused(self.name, error) from error


def refused(name: str, error: SQLAlchemyError) -> StoreError:
    """Return a database's refusal in plain words."""
    reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
    advice = "Check that it is the right one and that this program may use it"
    if "locked" in reason:
        advice = "Another program has held it for too long; try again when that one is done"
    elif "not a database" in reason or "malformed" in reason:
        advice = "It is not a store of homespun's, or was damaged; name another one, or restore it from a backup"
    return StoreError(f"the store {name} cannot be used: {reason}. {advice}.")


# A server may be set to confirm what is not on its disk yet; a spend must be there.
_DURABLE = text(
    "SELECT set_config('synchronous_commit', 'on', true) "
    "WHERE current_setting('synchronous_commit') IN ('off', 'local')"
)
