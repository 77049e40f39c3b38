"""The receipt of an erasure that was asked for, which has to outlive what it tells of.

It lies beside the profile's folder, in ``<folder>.asked``, from the decision to erase on. What a crash leaves:

1. The promise: which request, and the key that will sign. A crash from here on erases at the next opening, because it
   is decided: the profile in which this device's id still is, and no other that is there by then.
2. The erasure, which is done again where it was interrupted, and then finds nothing.
3. The receipt, signed, with its lines of a ledger of its own; the promise goes, with the key, in the very write that
   brings it. A crash before signs once more, with the same sequence.
4. The way out sends it, as it sends everything: it writes down first, and tries again until it was taken.
5. The lines, without what was sent: they tell the person what left, until the person erases once more.

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
from homespun.errors import NotPermittedError, ProfileStorageError
from homespun.profile.alone import alone
from homespun.profile.files import make_folder, read_bounded, write_atomically
from homespun.protocol.egress import EgressEntry, progress_of

MAX_BYTES = 4 << 20
_WAIT_MS = 2000
_ATTEMPTS = 1
_MOST_ATTEMPTS = 1000

_STAYS = (
    "The file beside the profile's folder that ends in .asked: the signed receipt of an erasure that was asked for. It "
    "holds the request's id and the random id by which the operator knows this device, and stays until the operator "
    "has taken it, or the purpose 'requests' is refused; then only its lines of the ledger stay, until the next "
    "erasure."
)


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided, and is not executed and signed yet.

    Attributes:
        request: The request's id at the operator's.
        device: The device's id there. It is in the profile that is to be erased, and in no other.
        sequence: Of the answer.
        by: Who decided.
        destination: The operator's origin.
        purpose: The purpose that the receipt leaves under.
        consent: The consent record that allowed it when it was decided.
        private: The private half of the receipt key.
    """

    request: str
    device: str
    sequence: int
    by: Literal["person", "application"]
    destination: str
    purpose: str
    consent: int
    private: bytes


class Beside(msgspec.Struct, frozen=True, kw_only=True):
    """The content of the file.

    Attributes:
        schema: Version of the file.
        promise: What was decided last; None once its receipt is signed, or it was taken back.
        consent: The consent record that receipts leave under; while one waits, that of the first.
        entries: The lines of the ledger.
        payloads: What waits, by the sequence of its first line.
    """

    schema: Literal[2] = 2
    promise: Promise | None = None
    consent: int = 0
    entries: tuple[EgressEntry, ...] = ()
    payloads: dict[int, bytes] = {}


class Afterwards:
    """What outlives the profile. Also the log of its way out (``EgressLog``)."""

    def __init__(
        self,
        path: Path | None,
        outliving: Callable[[EgressLog, Callable[[str], int | None], EgressLimits], Egress],
        refused: Callable[[], bool] = lambda: False,
        private: Callable[[], bool] = lambda: False,
    ) -> None:
        """Write nothing yet.

        Args:
            path: The file; None: the profile is in memory only, and so is this.
            outliving: Gives the way out of a log; see ``Egress.outliving``.
            refused: Tells whether the person has refused since that anything is answered.
            private: Tells whether a private session is on.
        """
        self._refused = refused
        self._private = private
        self._path = path
        self._held: bytes | None = None
        self._egress = outliving(self, self._allowed, EgressLimits(attempts=_MOST_ATTEMPTS))

    def promise(self) -> Promise | None:
        """Return what was decided and is not done with; None: nothing.

        Raises:
            ProfileStorageError: It cannot be read.
        """
        return self._read().promise

    @property
    def is_refused(self) -> bool:
        """Whether the person has refused since that anything is answered."""
        return self._refused()

    @property
    def waits(self) -> bool:
        """Whether something was decided that is not done with, or a receipt waits."""
        beside = self._read()
        return beside.promise is not None or _waits(beside)

    def begin(self, promise: Promise) -> None:
        """Write down durably what was decided.

        Raises:
            ProfileStorageError: It could not be written down; nothing may be erased.
        """
        with self._alone():
            beside = self._read()
            consent = beside.consent if _waits(beside) else promise.consent
            self._write(msgspec.structs.replace(beside, promise=promise, consent=consent))

    def settle(self, receipt: bytes) -> None:
        """Keep the signed receipt until it was taken, and destroy the key.

        Raises:
            ProfileStorageError: It could not be written down.
        """
        promise = self.promise()
        if promise is not None:
            self._egress.queue(
                _name(promise),
                encode_intake(RECEIPTS, receipt),
                purpose=promise.purpose,
                destination=promise.destination,
                epsilon=0,
                idempotent=True,
                once=True,
            )

    def hand_over(self) -> SendOutcome | None:
        """Send what waits; None: nothing does. What was taken leaves its lines, without what was sent.

        Raises:
            ProfileStorageError: It cannot be read.
        """
        return self._egress.send_pending(_ATTEMPTS) if _waits(self._read()) else None

    def forget(self) -> None:
        """Take back what was decided and is not executed; what left, or waits to, stays as it is.

        Raises:
            ProfileStorageError: It could not be written down.
        """
        with self._alone():
            beside = self._read()
            if beside.entries:
                self._write(msgspec.structs.replace(beside, promise=None))
            else:
                self._remove()
        self._unlock()

    def erase(self) -> None:
        """Remove the lines of what was taken, as the ledger goes with its profile; what waits stays."""
        with contextlib.suppress(ProfileStorageError):
            if self._path is None or self._path.exists():
                with self._alone():
                    if not self.waits:
                        self._remove()
            self._unlock()

    def told(self) -> tuple[str, ...]:
        """Return what a receipt of the profile's erasure says of what stays here; nothing where nothing does."""
        with contextlib.suppress(ProfileStorageError):
            if not self.waits:
                return ()
        return (_STAYS,)

    def egress_entries(self) -> Entries:
        """Return every line of its ledger."""
        return self._read().entries

    def payload(self, sequence: int) -> bytes | None:
        """Return what waits, by the sequence of its first line."""
        return self._read().payloads.get(sequence)

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
            beside = self._read()
            added = choose(beside.entries)
            payloads = {**beside.payloads, **(keep or {})}
            for sequence in drop:
                payloads.pop(sequence, None)
            promise = beside.promise
            if promise is not None and any(each.what == _name(promise) for each in added):
                promise = None
            entries = (*beside.entries, *added)
            self._write(msgspec.structs.replace(beside, promise=promise, entries=entries, payloads=payloads))

    def _allowed(self, _: str) -> int | None:
        if self._private():
            raise NotPermittedError("a private session is on, so no receipt leaves meanwhile.")
        return None if self._refused() else self._read().consent

    def _read(self) -> Beside:
        try:
            raw = self._held if self._path is None else read_bounded(self._path, MAX_BYTES)
            return Beside() if raw is None else msgspec.json.decode(raw, type=Beside)
        except FileNotFoundError:
            return Beside()
        except (OSError, msgspec.MsgspecError) as error:
            raise self._unusable(error) from error

    def _remove(self) -> None:
        self._held = None
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)

    def _unlock(self) -> None:
        """Remove the lock where nothing is left that it is for; whoever waits for it makes another."""
        if self._path is not None and not self._path.exists():
            with contextlib.suppress(OSError):
                self._path.with_name(f"{self._path.name}.lock").unlink(missing_ok=True)

    def _write(self, beside: Beside) -> None:
        raw = msgspec.json.encode(beside)
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


def _waits(beside: Beside) -> bool:
    return any(each.last.state not in ("sent", "cancelled") for each in progress_of(beside.entries).values())


def receipt_name(request: str, device: str) -> str:
    """Return what the receipt of a request is called in the ledger.

    Args:
        request: The request's id.
        device: The device's id: whoever allows requests anew is another one, and may be asked the same.
    """
    return f"receipt/{request}/{device[:6]}"


def _name(promise: Promise) -> str:
    return receipt_name(promise.request, promise.device)
