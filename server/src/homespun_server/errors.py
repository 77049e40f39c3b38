"""The exceptions of the server, under the client's roots.

::

    homespun.errors.HomespunError
    ├── MisuseError
    │   ├── PrivacyParameterError    an ε, δ, σ or charge that promises nothing
    │   └── SettingsError            the working directory's settings, or its environment, are wrong
    ├── UntrustedInputError
    │   ├── DataError                a table of interactions or items that cannot be used as it is
    │   └── ReleaseFileError         a kept release that is damaged, or that the ledger does not know
    ├── BudgetError                  the privacy budget
    │   ├── BudgetExceededError      a reservation or charge that the budget does not allow
    │   ├── ReservationEndedError    a reservation was closed or cancelled, or has expired
    │   └── LedgerError              a ledger is not there, is damaged, or is of a newer program
    ├── StoreError                   the operator's database
    │   └── ConflictError            somebody else wrote first
    ├── RegistryError                a registered bundle does not allow it
    │   └── NotRegisteredError       there is no such bundle
    ├── SigningKeyError              a private key cannot be opened, or is not there
    ├── RepositoryError              the signed repository is not as this publisher left it, or refuses
    │   └── RepositoryBusyError      somebody else is publishing
    ├── TokenError                   a token that admits to nothing: unknown, expired or revoked
    ├── AggregationError             leader or helper refuses, or the other one is not as it should be
    │   ├── BelowMinimumError        a task has too few reports yet; nothing is revealed
    │   └── DisagreementError        leader and helper do not hold the same; nothing is revealed
    ├── TransparencyError            the transparency log is not what it was; signing it would be a fork
    ├── RequestError                 a request of a person does not allow what was asked
    │   └── UnknownRequestError      there is no such request
    ├── GateFailedError              a bundle does not meet what was asked of it
    ├── ClaimRefutedError            an audit contradicts a claim of privacy
    ├── TrainingError                the data allow no model
    └── OutputError                  a result cannot be put where it was asked for

A data error is corrected in the table, a training error by other data or other settings, a budget error
by the budget's owner alone, a store error by whoever runs the database, and an output error by another
destination; hence the separate branches.
"""

from collections.abc import Mapping
from pathlib import Path

from homespun.errors import HomespunError, MisuseError, UntrustedInputError

__all__ = [
    "AggregationError",
    "BelowMinimumError",
    "BudgetError",
    "BudgetExceededError",
    "ClaimRefutedError",
    "ConflictError",
    "DataError",
    "DisagreementError",
    "GateFailedError",
    "LedgerError",
    "NotRegisteredError",
    "OutputError",
    "PrivacyParameterError",
    "RegistryError",
    "ReleaseFileError",
    "RepositoryBusyError",
    "RepositoryError",
    "RequestError",
    "ReservationEndedError",
    "SettingsError",
    "SigningKeyError",
    "StoreError",
    "TokenError",
    "TrainingError",
    "TransparencyError",
    "UnknownRequestError",
]


class PrivacyParameterError(MisuseError):
    """A privacy parameter promises nothing: out of range, or not what the mechanism costs."""


class SettingsError(MisuseError):
    """The settings of a working directory, or the environment, say what cannot be; nothing was done."""


class DataError(UntrustedInputError):
    """A table of interactions or items cannot be used as it is; nothing of it was.

    Attributes:
        path: The file.
        column: The column at fault, as the file names it; None where it is the row or the whole file.
        rows: The first offending rows, at most five. Data rows count from 1, without the header and
            without blank lines. Empty where the whole file is at fault.
        lines: The lines of a text file on which these rows start, from 1; empty where unknown.
        count: How many rows are at fault; 0 where the whole file is.
    """

    def __init__(
        self,
        message: str,
        *,
        path: Path,
        column: str | None = None,
        rows: tuple[int, ...] = (),
        lines: tuple[int, ...] = (),
        count: int = 0,
    ) -> None:
        super().__init__(message)
        self.path = path
        self.column = column
        self.rows = rows
        self.lines = lines
        self.count = count


class ReleaseFileError(UntrustedInputError):
    """A kept release is damaged, or the ledger does not know it; nothing of it was used."""


class BudgetError(HomespunError):
    """The privacy budget does not permit what was asked."""


class BudgetExceededError(BudgetError):
    """A reservation or a charge would exceed the budget; nothing was read, spent or released."""


class ReservationEndedError(BudgetError):
    """A reservation was closed or cancelled, or has expired; nothing can be spent from it any more."""


class LedgerError(BudgetError):
    """A budget ledger is not there, was damaged or changed, or was written by a newer program."""


class StoreError(HomespunError):
    """The operator's database cannot be opened or used, or is of another program or a newer version."""


class ConflictError(StoreError):
    """Somebody else wrote first; nothing was written. Read again and decide again."""


class RegistryError(HomespunError):
    """A registered bundle is in a stage that does not allow what was asked; nothing was changed."""


class NotRegisteredError(RegistryError):
    """There is no such bundle in the registry."""


class SigningKeyError(HomespunError):
    """A private key for signing cannot be opened, is damaged or is not there; nothing was signed with it."""


class RepositoryError(HomespunError):
    """The signed repository is not as its publisher left it, or refuses what was asked; nothing was published."""


class RepositoryBusyError(RepositoryError):
    """Somebody else is publishing to the same repository; nothing was done."""


class TokenError(HomespunError):
    """A token admits to nothing: nobody made it, it expired, or it was revoked."""


class AggregationError(HomespunError):
    """A leader or a helper refuses what was asked, or was answered what cannot be used; nothing was added."""


class BelowMinimumError(AggregationError):
    """A task has fewer reports than may be revealed; more may come."""


class DisagreementError(AggregationError):
    """Leader and helper do not hold the same: one of them is wrong or lies, so nothing is revealed."""


class TransparencyError(HomespunError):
    """The log is not what it was when it was last signed; nothing was added or signed, as that would be a fork."""


class RequestError(HomespunError):
    """A request of a person does not allow what was asked: its state, its rules or missing evidence forbid it."""


class UnknownRequestError(RequestError):
    """There is no such request."""


class ReplayError(HomespunError):
    """What was erased may be back in some stores, which cannot be worked on; in the others it was erased again.

    Attributes:
        again: How many records were erased again, by store.
        reasons: Why a store could not be worked on, by its name.
    """

    def __init__(self, again: Mapping[str, int], reasons: Mapping[str, str]) -> None:
        told = "; ".join(f"{name}: {why}" for name, why in reasons.items())
        super().__init__(
            f"after a restore, what was erased may be back in {told}. What was erased elsewhere was erased again. "
            "Nothing is made or served of people's data until that is mended; then run homespun-server request replay."
        )
        self.again, self.reasons = dict(again), dict(reasons)


class GateFailedError(HomespunError):
    """A bundle does not meet what a pipeline asks of it; nothing was signed or published.

    Attributes:
        gates: The names of the gates that it does not meet.
    """

    def __init__(self, message: str, *, gates: tuple[str, ...]) -> None:
        super().__init__(message)
        self.gates = gates


class ClaimRefutedError(HomespunError):
    """An audit shows more of people than is claimed: the build that was audited must not release anything."""


class TrainingError(HomespunError):
    """The data allow no model; nothing was made."""


class OutputError(HomespunError):
    """A result cannot be put where it was asked for; what is there was left alone."""
