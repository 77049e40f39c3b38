"""The one way out of the device for whatever is about the person. Requests for bundles are in ``requests``.

Rules:

- Nothing else may hold a transport. Every payload that is sent was queued here, under a consent and within the
  lifetime's ε.
- No byte leaves without an entry that was durable before: ``sending`` is written first, then the payload goes,
  then the answer is written. Whatever happens in between, the ledger says that it may have left. So does what is
  kept beside the ledger, which a restored backup does not take back.
- The consent is asked for when something is queued, in the transaction that begins its sending, and once more
  right before the bytes go.
- Sending never raises into the application; it returns an outcome.

Several processes may share one log: whoever writes ``sending`` first is the one who sends.
"""

import contextlib
import hashlib
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from decimal import Decimal

from homespun.contribute.beside import Elsewhere, NothingElsewhere
from homespun.contribute.limits import EgressLimits
from homespun.contribute.log import EgressChange, EgressLog, Entries, Transport, write
from homespun.contribute.offer import checked_offer, checked_purposes
from homespun.contribute.outcome import CancelEffects, Result, SendOutcome, SendResult
from homespun.contribute.rules import Rules
from homespun.errors import HomespunError, MisuseError, TransportError
from homespun.protocol.egress import EgressEntry, Progress, State, progress_of
from homespun.protocol.epsilon import epsilon_steps, epsilon_text, steps_of

_DEFAULT_LIMITS = EgressLimits()
_NOTHING = NothingElsewhere()

_MOST_SAID = 1 << 16
"""Most bytes of an answer that are handed on."""


def _whatever(_: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class _Answer:
    states: tuple[State, ...]
    note: str = ""
    said: bytes = b""


class Egress:
    """The one way out of the device. Thread-safe; cancelling never waits for something that is being sent."""

    def __init__(
        self,
        log: EgressLog,
        transport: Transport,
        *,
        allowed: Callable[[str], int | None],
        clock: Callable[[], float],
        ceiling: Decimal | int,
        limits: EgressLimits = _DEFAULT_LIMITS,
        elsewhere: Elsewhere = _NOTHING,
    ) -> None:
        """Take charge of a transport.

        Args:
            log: Where the ledger and waiting payloads are kept.
            transport: What sends; to be given to nobody else.
            allowed: From a purpose's name to the sequence of the consent record that allows it now, or None if
                it is not allowed. Called inside the log's transactions, so it must not write to the log.
            clock: Returns seconds since 1970-01-01 UTC.
            ceiling: The most that everything this device ever sends may cost, as ε.
            limits: Limits of size, number and attempts.
            elsewhere: What is kept beside the log; asked inside the log's transactions, too.

        Raises:
            MisuseError: If ``ceiling`` is no ε.
        """
        self._log = log
        self._transport = transport
        self._clock = clock
        self._elsewhere = elsewhere
        self._rules = Rules(allowed, epsilon_steps(ceiling), limits, elsewhere)
        self._sending = threading.Lock()

    def outliving(self, log: EgressLog, allowed: Callable[[str], int | None], limits: EgressLimits) -> "Egress":
        """Return the way out of another log, which outlives the profile and takes none of the lifetime's ε.

        Args:
            log: Where its lines and payloads are kept.
            allowed: As for this one.
            limits: Limits of size, number and attempts.
        """
        return Egress(log, self._transport, allowed=allowed, clock=self._clock, ceiling=1, limits=limits)

    def queue(
        self,
        what: str,
        payload: bytes,
        *,
        purpose: str,
        destination: str,
        epsilon: Decimal | int,
        idempotent: bool = False,
        once: bool = False,
    ) -> EgressEntry:
        """Queue a contribution and return its entry in the ledger; nothing leaves yet.

        Args:
            what: Short name, for instance of its statistic and task: lower-case letters, digits and ``_.:/-``.
            payload: What is to be sent, in bytes; kept until it was sent or cancelled.
            purpose: Name of the purpose that it serves.
            destination: Origin that it goes to: ``https://host``, or ``http://`` for this very machine.
            epsilon: What it costs of the lifetime's ε.
            idempotent: Whether the destination counts a repeated payload once. Otherwise it is never sent
                again when it may have left.
            once: Whether it is refused where something of that name waits already, or may have left.

        Raises:
            MisuseError: An argument is not what it should be, or it is there already and is to be there once.
            NotPermittedError: The person does not allow the purpose now.
            BudgetError: The lifetime's ε does not suffice, or too many contributions wait already.
            LedgerError: The ledger is damaged.
            ProfileError: The log cannot be written.
        """
        offer = checked_offer(
            what,
            payload,
            purpose=purpose,
            destination=destination,
            epsilon=epsilon,
            idempotent=idempotent,
            limits=self._rules.limits,
        )
        (entry,) = self._write(lambda entries: self._rules.queueing(entries, offer, self._clock(), once=once))
        return entry

    def epsilon_left(self, *, besides: Collection[str] = ()) -> int:
        """Return the ε of the lifetime's that nothing has taken, in steps of 10⁻¹².

        Args:
            besides: Names of contributions that are not counted where the ledger does not tell of them yet.

        Raises:
            LedgerError: The ledger is damaged.
            ProfileError: It cannot be told what was taken.
        """
        return self._rules.left(self._log.egress_entries(), besides)

    def send_pending(
        self,
        limit: int = 10,
        *,
        resting: Callable[[], Collection[str]] = tuple,
        is_meant: Callable[[str], bool] = _whatever,
    ) -> SendOutcome:
        """Send what waits and is due, in the order of queueing.

        Never raises for what happens while sending: the outcome tells it.

        Args:
            limit: Most attempts to make.
            resting: Returns the destinations that asked to be left alone for now; what is for them waits. Asked before
                each attempt.
            is_meant: From a purpose's name to whether to send what serves it. What bears the person's name is not
                sent in one burst with what must not.

        Raises:
            MisuseError: If ``limit`` is no whole number from 1.
        """
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
            raise MisuseError(f"limit is {limit!r}; use a whole number from 1.")
        results: list[SendResult] = []
        with self._sending:
            try:
                self._send_due(limit, resting, is_meant, results)
            except Exception as error:  # noqa: BLE001 - a background task does not raise into its host
                return SendOutcome(tuple(results), str(error) or type(error).__name__)
        return SendOutcome(tuple(results))

    def cancel(self, purposes: Collection[str], *, note: str = "consent was withdrawn") -> CancelEffects:
        """Send nothing more for ``purposes``: drop what waits, and tell what can no longer be called back.

        Args:
            purposes: The purposes' names.
            note: Why; kept in the ledger.

        Raises:
            MisuseError: ``purposes`` are no names.
            LedgerError: The ledger is damaged.
            ProfileError: The log cannot be written.
        """
        names = checked_purposes(purposes)
        return self._cancel(lambda entry: entry.purpose in names, note)

    def cancel_waiting(self, sequences: Collection[int], *, note: str) -> CancelEffects:
        """Send nothing more of some contributions, for instance because nobody takes them any more.

        Args:
            sequences: The sequences of their first entries; what does not wait stays as it is.
            note: Why; kept in the ledger.

        Raises:
            LedgerError: The ledger is damaged.
            ProfileError: The log cannot be written.
        """
        return self._cancel(lambda entry: entry.sequence in sequences, note)

    def _cancel(self, is_meant: Callable[[EgressEntry], bool], note: str) -> CancelEffects:
        added = self._write(lambda entries: self._rules.cancelling(entries, is_meant, self._clock(), note))
        return _effects(progress_of(self._log.egress_entries()), is_meant, added)

    def _write(self, choose: Callable[[Entries], EgressChange]) -> Entries:
        return write(self._log, choose)

    def _send_due(
        self,
        limit: int,
        resting: Callable[[], Collection[str]],
        is_meant: Callable[[str], bool],
        results: list[SendResult],
    ) -> None:
        if self._rules.interrupted(self._log.egress_entries(), self._clock()).entries:
            self._write(lambda entries: self._rules.interrupted(entries, self._clock()))
        attempts = 0
        for sequence, progress in progress_of(self._log.egress_entries()).items():
            wanted = progress.waiting and is_meant(progress.queued.purpose)
            if wanted and attempts < limit and progress.queued.destination not in resting():
                attempts += self._send_one(sequence, progress.queued, results)

    def _send_one(self, sequence: int, queued: EgressEntry, results: list[SendResult]) -> bool:
        """Send one contribution if it is due; return whether an attempt was made."""
        payload = self._log.payload(sequence)
        begun = self._begin(sequence, payload)
        if begun is None or begun.state == "cancelled" or payload is None:
            results.append(_not_begun(sequence, queued, begun))
            return False
        answer = self._attempt(begun, payload)
        # Told before it is written: the caller learns of it even if the log then refuses.
        results.append(SendResult(sequence, queued.what, _result(answer, queued), answer.note, answer.said))
        self._write(lambda entries: self._rules.answering(entries, sequence, answer.states, self._clock(), answer.note))
        return True

    def _begin(self, sequence: int, payload: bytes | None) -> EgressEntry | None:
        found = progress_of(self._log.egress_entries())
        queued = found[sequence].queued
        if self._rules.may_send(queued) and self._rules.obstacle(found, sequence, self._clock()):
            return None
        intact = payload is not None and hashlib.sha256(payload).hexdigest() == queued.payload_sha256
        added = self._write(lambda entries: self._rules.beginning(entries, sequence, self._clock(), intact=intact))
        return added[-1] if added else None

    def _attempt(self, begun: EgressEntry, payload: bytes) -> _Answer:
        try:
            permitted = self._rules.may_send(begun)
        except Exception as error:  # noqa: BLE001 - whatever keeps the consents, without an answer nothing leaves
            return _Answer(("unsent",), f"it could not be asked whether this is allowed: {error}")
        if not permitted:
            return _Answer(("unsent", "cancelled"), "the consent that it was queued under no longer holds")
        try:
            before = self._elsewhere.mark(begun.what, left=True)
        except HomespunError as error:
            return _Answer(("unsent",), f"it could not be written down that it leaves: {error}")
        answer = self._deliver(begun.destination, payload)
        if "unsent" in answer.states and not before:
            # Where this cannot be taken back, it goes on counting as given.
            with contextlib.suppress(HomespunError):
                self._elsewhere.mark(begun.what, left=False)
        return answer

    def _deliver(self, destination: str, payload: bytes) -> _Answer:
        try:
            said = self._transport.send(destination, payload)
        except TransportError as error:
            state: State = "failed" if error.may_have_left else "unsent"
            return _Answer((state, "cancelled") if error.is_final else (state,), str(error))
        except Exception as error:  # noqa: BLE001 - a transport's fault is no reason to forget that it may have sent
            return _Answer(("failed",), f"the transport broke off: {type(error).__name__}: {error}")
        return _Answer(("sent",), said=said if isinstance(said, bytes) and len(said) <= _MOST_SAID else b"")


def _result(answer: _Answer, queued: EgressEntry) -> Result:
    if answer.states == ("sent",):
        return "sent"
    if "cancelled" in answer.states:
        return "failed" if "failed" in answer.states else "cancelled"
    return "kept" if queued.idempotent or answer.states == ("unsent",) else "failed"


def _not_begun(sequence: int, queued: EgressEntry, begun: EgressEntry | None) -> SendResult:
    if begun is not None:
        return SendResult(sequence, queued.what, "cancelled", begun.note)
    return SendResult(sequence, queued.what, "kept", "it is not due yet, or another process is at it")


def _effects(
    found: dict[int, Progress], is_meant: Callable[[EgressEntry], bool], added: tuple[EgressEntry, ...]
) -> CancelEffects:
    began_with = {entry: found[entry.of or 0] for entry in added}
    ended = [entry for entry in added if entry.state == "cancelled"]
    dropped = tuple(entry for entry in ended if not began_with[entry].may_have_left)
    gone = [each for each in found.values() if is_meant(each.queued) and each.may_have_left]
    return CancelEffects(
        dropped=dropped,
        stopped=tuple(entry for entry in ended if entry not in dropped),
        beyond_recall=tuple(each.last for each in gone),
        epsilon_returned=epsilon_text(sum(steps_of(began_with[entry].queued.epsilon_spent) for entry in dropped)),
    )
