"""What the failures of a run mean to the application.

A failed check is ``Rejected``, a missing answer ``Unreachable``, and what this device could not do ``Deferred``. What
nobody thought of counts as a failed check: it comes from what was offered.
"""

from tuf.api.exceptions import DownloadError, ExpiredMetadataError, RepositoryError

from homespun.errors import HomespunError, TransportError, UntrustedInputError
from homespun.sync.outcome import Deferred, Outcome, Rejected, Unreachable
from homespun.sync.stopping import StoppedError


def outcome_of(error: Exception) -> Outcome:
    """Return what a failure means."""
    if isinstance(error, StoppedError):
        return error.outcome
    if isinstance(error, TransportError | DownloadError):
        return Unreachable(_said(error))
    if isinstance(error, MemoryError):
        return Deferred("there was not enough memory")
    if isinstance(error, HomespunError | OSError) and not isinstance(error, UntrustedInputError):
        return Deferred(_said(error).removesuffix("."))
    return Rejected(_check_that_failed(error))


def _check_that_failed(error: Exception) -> str:
    match error:
        case UntrustedInputError():
            return _said(error)
        case ExpiredMetadataError():
            return f"the repository's metadata has expired, so that newer one may be held back: {_said(error)}"
        case RepositoryError():
            return f"the repository's metadata is not what it should be: {_said(error)}"
        case _:
            return f"what was offered cannot be read: {type(error).__name__}: {_said(error)}"


def _said(error: Exception) -> str:
    said = str(error) or type(error).__name__
    return said if said.endswith(".") else f"{said}."
