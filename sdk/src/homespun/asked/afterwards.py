"""The receipt of an erasure that was asked for, which has to outlive what it tells of.

It lies beside the profile's folder, in ``<folder>.asked``, from the decision to erase until the operator has taken the
receipt, and is removed then. What a crash leaves:

1. The promise: which request, and the key that will sign, and nothing else of the profile. A crash from here on erases
   at the next opening, because the person has decided.
2. The erasure, which is done again where it was interrupted, and then finds nothing.
3. The receipt, signed, with its lines of a ledger of its own; the key goes in the very write that brings it. A crash
   before signs once more, with the same sequence.
4. The way out sends it, as it sends everything: it writes down first, and tries again until it was taken.

What is in it of the person: nothing. Of the device: the random id that the operator knows, and the request's.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal

import apsw
import msgspec

from homespun.contribute.egress import Egress
from homespun.contribute.limits import EgressLimits
from homespun.contribute.log import EgressLog, Entries
from homespun.contribute.outcome import SendOutcome
from homespun.contribute.uploads import RECEIPTS, encode_intake
from homespun.errors import ProfileStorageError
from homespun.profile.alone import alone
from homespun.profile.files import make_folder, read_bounded, write_atomically
from homespun.protocol.egress import EgressEntry, progress_of

MAX_BYTES = 1 << 20
_WAIT_MS = 2000
_ATTEMPTS = 1
_MOST_ATTEMPTS = 1000


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided, and how far it is; the content of the file.

    Attributes:
        schema: Version of the file.
        request: The request's id at the operator's.
        device: The device's id there.
        sequence: Of the answer.
        by: Who decided.
        destination: The operator's origin.
        purpose: The purpose that the receipt leaves under.
        consent: The consent record that allowed it when it was decided.
        private: The private half of the receipt key; empty once the receipt is signed.
        entries: The lines of the ledger.
        payloads: What waits, by the sequence of its first line.
    """

    schema: Literal[1] = 1
    request: str
    device: str
    sequence: int
    by: Literal["person", "application"]
    destination: str
    purpose: str
    consent: int
    private: bytes
    entries: tuple[EgressEntry, ...] = ()
    payloads: dict[int, bytes] = {}


class Afterwards:
    """What outlives the profile. Also the log of its way out (``EgressLog``)."""

    def __init__(
        self,
        path: Path | None,
        outliving: Callable[[EgressLog, Callable[[str], int | None], EgressLimits], Egress],
        refused: Callable[[], bool] = lambda: False,
    ) -> None:
        """Write nothing yet.

        Args:
            path: The file; None: the profile is in memory only, and so is this.
            outliving: Gives the way out of a log; see ``Egress.outliving``.
            refused: Tells whether the person has refused since that anything is answered.
        """
        self._refused = refused
        self._path = path
        self._held: bytes | None = None
        self._egress = outliving(self, self._allowed, EgressLimits(attempts=_MOST_ATTEMPTS))

    def promise(self) -> Promise | None:
        """Return what was decided and is not done with; None: nothing.

        Raises:
            ProfileStorageError: It cannot be read.
        """
        try:
            raw = self._held if self._path is None else read_bounded(self._path, MAX_BYTES)
            return None if raw is None else msgspec.json.decode(raw, type=Promise)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError) as error:
            raise self._unusable(error) from error

    def begin(self, promise: Promise) -> None:
        """Write down durably what was decided.

        Raises:
            ProfileStorageError: It could not be written down; nothing may be erased.
        """
        with self._alone():
            self._write(promise)

    def settle(self, receipt: bytes) -> None:
        """Keep the signed receipt until it was taken, and destroy the key.

        Raises:
            ProfileStorageError: It could not be written down.
        """
        promise = self.promise()
        if promise is not None and not promise.entries:
            self._egress.queue(
                f"receipt/{promise.request}",
                encode_intake(RECEIPTS, receipt),
                purpose=promise.purpose,
                destination=promise.destination,
                epsilon=0,
                idempotent=True,
                once=True,
            )

    def hand_over(self) -> SendOutcome | None:
        """Send what waits, and forget everything once it was taken; None: nothing waits.

        Raises:
            ProfileStorageError: It cannot be read.
        """
        promise = self.promise()
        if promise is None or not promise.entries:
            return None
        outcome = self._egress.send_pending(_ATTEMPTS)
        if all(each.last.state in ("sent", "cancelled") for each in progress_of(self.egress_entries()).values()):
            self.forget()
        return outcome

    def forget(self) -> None:
        """Remove the file."""
        self._held = None
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)

    def egress_entries(self) -> Entries:
        """Return every line of its ledger."""
        promise = self.promise()
        return () if promise is None else promise.entries

    def payload(self, sequence: int) -> bytes | None:
        """Return what waits, by the sequence of its first line."""
        promise = self.promise()
        return None if promise is None else promise.payloads.get(sequence)

    def extend_egress(
        self,
        choose: Callable[[Entries], Entries],
        *,
        keep: Mapping[int, bytes] | None = None,
        drop: Iterable[int] = (),
    ) -> None:
        """Write what ``choose`` makes of all lines; see ``EgressLog``.

        Raises:
            ProfileStorageError: It could not be written down.
        """
        with self._alone():
            promise = self.promise()
            if promise is None:
                return
            entries = (*promise.entries, *choose(promise.entries))
            payloads = {**promise.payloads, **(keep or {})}
            for sequence in drop:
                payloads.pop(sequence, None)
            self._write(msgspec.structs.replace(promise, entries=entries, payloads=payloads, private=b""))

    def _allowed(self, _: str) -> int | None:
        promise = self.promise()
        return None if promise is None or self._refused() else promise.consent

    def _write(self, promise: Promise) -> None:
        raw = msgspec.json.encode(promise)
        if self._path is None:
            self._held = raw
        else:
            write_atomically(self._path, raw)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            if self._path is None:
                yield
                return
            make_folder(self._path.parent)
            with alone(self._path, _WAIT_MS):
                yield
        except (OSError, apsw.Error) as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> ProfileStorageError:
        return ProfileStorageError(
            f"What was promised of an erasure, in '{self._path}', cannot be used: {error}. Make it accessible; the "
            "receipt is sent when it is."
        )
