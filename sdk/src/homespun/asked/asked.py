"""``me.requests``: what the operator asks of this device, and the answers.

The order of one look, and what a crash leaves after each part:

1. An erasure that was promised is completed if it still may be, and its receipt sent; see ``afterwards``.
2. Without ``Purpose.REQUESTS``, or in a private session, nothing else happens. With it the device registers; see
   ``registering``.
3. The list is fetched as the channel signs it now, whatever is in it, and what is for this device is kept. What it does
   not ask any more is over.
4. What the list asks now and the application lets it execute is begun: the decision and the sequence of its answer are
   written down, then it is done, then the receipt is kept. A crash does it again under the same sequence, which changes
   nothing. An erasure has its promise instead: what could not be erased was not begun, and is decided anew.
5. Receipts are queued in the ledger and sent by the one way out until the operator took them.

What goes wrong with one request keeps no other from being answered, and nothing from being sent.

A withdrawal destroys the keys and what was asked, takes back what was promised and is not executed, and drops what
waits. The operator is not told, because nothing may be said any more: for it the device stays pending, until it counts
as lost.
"""

import contextlib
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Literal

import msgspec

from homespun.asked.afterwards import Promise, receipt_name
from homespun.asked.answering import Means, begun, erased, receipt_of, settings_of
from homespun.asked.identity import Identity, identity_of, keep
from homespun.asked.keeping import Keeping, is_timely
from homespun.asked.registering import REFUSED, Registering
from homespun.asked.settings import Requests
from homespun.asked.views import Held, RequestsOutcome, RequestView
from homespun.consent import Purpose
from homespun.contribute.log import EgressReader
from homespun.contribute.outcome import SendOutcome
from homespun.contribute.uploads import RECEIPTS, encode_intake
from homespun.errors import AskingError, HomespunError, MisuseError, NotPermittedError, ProfileBusyError
from homespun.protocol.asking.listing import RequestList, found_in
from homespun.protocol.egress import progress_of
from homespun.protocol.receipts import Receipt
from homespun.repeating import Repeating

if TYPE_CHECKING:
    from homespun.sync import Updater

_PURPOSE = str(Purpose.REQUESTS)
_ATTEMPTS = 4
_AHEAD_SECONDS = 600.0
"""How far a list's time may lie ahead of this device's: one from far ahead would make every later list an older one."""

_FILES = ("access", "portability", "explanation")

By = Literal["person", "application"]


def _ignore(_: str) -> None:
    """Tell nobody."""


class Asked:
    """``Personalizer.requests``. Thread-safe."""

    def __init__(
        self,
        means: Means,
        updater: "Updater | None",
        settings: Requests | None,
        *,
        step: Callable[[str], object] = _ignore,
    ) -> None:
        """Put the parts together.

        Args:
            means: What executing needs.
            updater: What asks the channel; None: there is no channel.
            settings: By whom devices are asked; None: by nobody.
            step: Is told the name of each moment at which something is on the disk.
        """
        self._means = means
        self._home = means.home
        self._updater = updater
        self._settings = settings
        self._step = step
        self._kept = Keeping(self._home, None if settings is None else settings.account)
        self._registering = Registering(self._home, self._kept, self._passed)
        self._one = threading.RLock()
        self._looked: float | None = None
        self._repeating = Repeating(self.sync, "requests")

    def _passed(self, name: str) -> None:
        self._step(name)

    @property
    def is_on(self) -> bool:
        """Whether the application lets this device be asked."""
        return self._settings is not None and self._updater is not None

    @property
    def surviving(self) -> EgressReader:
        """What left about profiles that were erased because the operator was asked to."""
        return self._means.afterwards

    def register(self) -> str:
        """Register this device for the account now, and return its id; ``sync`` does it by itself.

        Raises:
            MisuseError: The application gave no ``requests`` to ``Personalizer.open``.
            NotPermittedError: The person does not allow ``Purpose.REQUESTS`` now.
            ClosedError, ProfileError: See the classes.
        """
        with self._one:
            self._given()
            if not self._home.allows(_PURPOSE):
                raise NotPermittedError("the person does not allow 'requests' now, so nothing is registered.")
            identity = self._registering.register(self._given()[1], force=True)
            self._send()
            return identity.device

    def pending(self) -> tuple[RequestView, ...]:
        """Return the requests that wait for the person, the one that ends first foremost."""
        found = [each for each in self._kept.all().values() if each.state in ("open", "begun")]
        return tuple(map(self._view, sorted(found, key=lambda each: (each.asked.deadline, each.asked.request))))

    def show(self, request: str) -> RequestView:
        """Return a request, answered or not, for the person to read.

        Raises:
            MisuseError: This device was never asked that.
        """
        return self._view(self._found(request))

    def answer(self, request: str, *, digest: str = "", decline: bool = False) -> Receipt | None:
        """Do what a request asks, as the person decided, and send the signed receipt when that is possible.

        Args:
            request: The request's id.
            digest: For access, portability and explanation: SHA-256 of the file that the person got, in hexadecimal.
            decline: Whether the person declines; that is an answer, too.

        Returns:
            The receipt of the erasure, where one was asked for: it is the person's.

        Raises:
            MisuseError: This device was never asked that, or it was answered; or the file's digest is missing.
            NotPermittedError: The person does not allow ``Purpose.REQUESTS`` now.
            ProfileBusyError: Others have the profile open; nothing was erased.
            ClosedError, ProfileError: See the classes.
        """
        with self._one:
            self._given()
            held = self._found(request)
            if held.state == "answered":
                raise MisuseError(f"the request {request} was answered already; see show.")
            if held.state == "over":
                raise MisuseError(f"the request {request} is no longer asked, so nothing is done or answered.")
            if (held.asked.kind in _FILES and not decline) is not bool(digest):
                raise MisuseError(f"a request of {held.asked.kind} needs the digest of the file, and no other has one.")
            self._take_back(held)
            erasure = self._answer(held, "person", "declined" if decline else "done", digest)
            self._send()
            return erasure

    def sync(self, *, force: bool = False) -> RequestsOutcome:
        """Look whether something is asked if it is time to, execute what may be, and send what waits.

        What goes wrong on the way is told by the outcome.

        Args:
            force: Look although it is not time to.

        Raises:
            MisuseError: The application gave no ``requests`` or no ``updates`` to ``Personalizer.open``.
            ClosedError: The personalizer was closed.
        """
        self._given()
        self._home.check_open()
        if not self._one.acquire(blocking=False):
            return RequestsOutcome(problem="Another thread is at it at the moment.")
        try:
            return self._run(force=force)
        except Exception as error:  # noqa: BLE001 - being asked does not raise into its host
            return RequestsOutcome(problem=str(error) or type(error).__name__)
        finally:
            self._one.release()

    def resume(self) -> None:
        """Complete an erasure that was begun for a request; whatever goes wrong is tried again by the next ``sync``."""
        if self.is_on:
            with self._one, contextlib.suppress(Exception):
                self._complete()

    def start(self, observer: "Callable[[RequestsOutcome], object] | None" = None) -> None:
        """Go on looking in the background, when it is time to, until ``stop`` or the personalizer is closed.

        Args:
            observer: Called with each outcome, in the background's thread; what it raises is passed over.

        Raises:
            MisuseError: The application gave no ``requests``.
            ClosedError: The personalizer was closed.
        """
        self._given()
        self._repeating.start(observer, self._home.check_open)

    def stop(self) -> None:
        """Stop looking in the background; what is under way is waited for a few seconds, not longer."""
        self._repeating.stop()

    def _run(self, *, force: bool) -> RequestsOutcome:
        if self._home.is_private:
            return RequestsOutcome(problem="A private session is on, so nothing is asked, answered or sent meanwhile.")
        problems: list[str] = []
        self._try(self._complete, problems)
        if not self._home.allows(_PURPOSE):
            problems.append("The person does not allow 'requests' now, so nothing is asked.")
            return RequestsOutcome(problem=" ".join(problems), sent=self._means.afterwards.hand_over())
        _, settings = self._given()
        # An application's voucher may raise whatever it likes; who was known before goes on being asked.
        self._try(lambda: self._registering.register(settings), problems)
        found = self._heard(problems) if force or self._is_time() else ()
        answered = [
            held.asked.request for held in self._executable() if self._try(partial(self._execute, held), problems)
        ]
        sent = self._send()
        refusal = self._registering.problem()
        problems += [] if refusal is None else [refusal]
        return RequestsOutcome(found=found, answered=tuple(answered), sent=sent, problem=" ".join(problems) or None)

    def _try(self, act: Callable[[], object], problems: list[str]) -> bool:
        """Do something that must not keep the rest from being done; return whether it was."""
        try:
            act()
        except Exception as error:  # noqa: BLE001 - told by the outcome
            problems.append(str(error) or type(error).__name__)
            return False
        return True

    def _heard(self, problems: list[str]) -> tuple[str, ...]:
        outcome = RequestsOutcome()
        try:
            outcome = self._look(self._registering.own(self._given()[1]))
        except HomespunError as error:
            # What is wrong with the list keeps nothing from being answered and sent.
            problems.append(str(error))
        problems += [] if outcome.problem is None else [outcome.problem]
        return outcome.found

    def _is_time(self) -> bool:
        interval = 3600 * self._given()[1].interval_hours
        return self._looked is None or not 0 <= self._home.now() - self._looked < interval

    def _look(self, identity: Identity) -> RequestsOutcome:
        updater, _ = self._given()
        if not updater.takes_files():
            return RequestsOutcome(problem="The list is not fetched over the connection of now.")
        listed = updater.requested(permitted=not self._home.is_private)
        now = self._home.now()
        if listed is None:
            self._looked = now
            return RequestsOutcome(found=self._kept.heard(identity, ()))
        if not isinstance(listed, RequestList):
            return RequestsOutcome(problem=str(listed))
        if listed.made > now + _AHEAD_SECONDS:
            raise AskingError("the channel signs a list of requests of a time to come; it is passed over.")
        if listed.made < identity.seen:
            raise AskingError("the channel signs an older list of requests than it did before; it is passed over.")
        self._looked = now
        asked = found_in(listed, bytes.fromhex(identity.device), identity.secret, now)
        found = self._kept.heard(identity, asked)
        if listed.made > identity.seen:
            latest = identity_of(self._home) or identity
            keep(self._home, msgspec.structs.replace(latest, seen=listed.made, until=listed.expires))
        return RequestsOutcome(found=found)

    def _executable(self) -> list[Held]:
        """Return what was begun, and what is asked now and the application lets the device execute; erasures last."""
        _, settings = self._given()
        identity, now = identity_of(self._home), self._home.now()
        if identity is None:
            return []
        found = [
            each
            for each in self._kept.all().values()
            if each.state == "begun"
            or (
                each.state == "open"
                and each.asked.kind in settings.execute
                and now < identity.until
                and is_timely(each, now)
            )
        ]
        return sorted(found, key=lambda each: each.asked.kind == "erasure")

    def _execute(self, held: Held) -> None:
        if held.state == "begun":
            self._answer(held, held.by, held.outcome, held.digest)
        else:
            self._answer(held, "application", "done", "")

    def _answer(self, held: Held, by: By, outcome: Literal["done", "declined"], digest: str) -> Receipt | None:
        identity, sequence = self._own(), held.sequence
        if held.state == "open":
            identity = msgspec.structs.replace(identity, answers=identity.answers + 1)
            keep(self._home, identity)
            sequence = identity.answers
        if held.asked.kind == "erasure" and outcome == "done":
            return self._erase(held, identity, sequence, by)
        # Of what was begun and came to no receipt, the latest decision counts.
        held = begun(held, sequence, by, outcome, digest)
        self._kept.keep(held)
        self._step("answer: begun")
        settings = settings_of(self._means, held.asked.kind) if held.outcome == "done" else ()
        self._step("answer: executed")
        receipt = receipt_of(held, identity, self._home.now(), settings)
        self._kept.keep(msgspec.structs.replace(held, state="answered", receipt=receipt))
        self._step("answer: kept")
        return None

    def _erase(self, held: Held, identity: Identity, sequence: int, by: By) -> Receipt:
        _, settings = self._given()
        status = self._home.ledger().status_of(_PURPOSE, self._home.now())
        self._means.afterwards.begin(
            Promise(
                request=held.asked.request,
                device=identity.device,
                sequence=sequence,
                by=by,
                destination=settings.url,
                purpose=_PURPOSE,
                consent=0 if status.decided_by is None else status.decided_by.sequence,
                private=identity.private,
            )
        )
        self._step("erasure: promised")
        receipt = self._complete()
        if receipt is None:
            raise MisuseError("another process has completed this erasure meanwhile.")
        return receipt

    def _complete(self) -> Receipt | None:
        """Erase what was promised to be erased, and keep the receipt; None: nothing was promised, or it is done."""
        afterwards = self._means.afterwards
        promise = afterwards.promise()
        if promise is None or self._home.is_private:
            return None
        if not self._stands(promise):
            afterwards.forget()
            return None
        before = self._home.completed
        try:
            receipt = self._home.erase()
        except ProfileBusyError:
            # Nothing was erased; the person, or the application, decides anew.
            afterwards.forget()
            raise
        self._step("erasure: done")
        if not receipt.stores and before is not None:
            receipt = before
        afterwards.settle(erased(self._means, promise, receipt))
        self._step("erasure: signed")
        return receipt

    def _stands(self, promise: Promise) -> bool:
        """Return whether a promise holds: for the profile, the account and the consent that it was given under."""
        identity = identity_of(self._home)
        if not self._home.profile:
            # It is gone already, and what is left to do is the receipt.
            return not self._means.afterwards.is_refused
        return (
            self._home.allows(_PURPOSE)
            and identity is not None
            and identity.device == promise.device
            and identity.account == self._given()[1].account
        )

    def _take_back(self, held: Held) -> None:
        """Forget an erasure that was decided and not executed: the person decides anew."""
        promise = self._means.afterwards.promise()
        if promise is not None and (promise.request, promise.device) == (held.asked.request, held.device):
            self._means.afterwards.forget()

    def _send(self) -> SendOutcome:
        afterwards = self._means.afterwards.hand_over()
        if self._home.allows(_PURPOSE):
            self._queue()
        sent = self._home.egress.send_pending(_ATTEMPTS, is_meant=_PURPOSE.__eq__)
        if afterwards is None:
            return sent
        return SendOutcome(afterwards.results + sent.results, afterwards.problem or sent.problem)

    def _queue(self) -> None:
        """Queue the receipts that are in no ledger yet."""
        _, settings = self._given()
        # What was given up, or queued under an earlier consent, is queued again; what was refused is not.
        known = {
            each.queued.what
            for each in progress_of(self._home.egress_entries()).values()
            if each.last.state != "cancelled" or REFUSED in each.last.note
        }
        for held in self._kept.all().values():
            what = receipt_name(held.asked.request, held.device)
            if held.state == "answered" and what not in known:
                self._home.egress.queue(
                    what,
                    encode_intake(RECEIPTS, held.receipt),
                    purpose=_PURPOSE,
                    destination=settings.url,
                    epsilon=0,
                    idempotent=True,
                    once=True,
                )
                self._step("answer: queued")

    def _own(self) -> Identity:
        identity = identity_of(self._home)
        if identity is None:
            raise NotPermittedError("the person does not allow 'requests' now, so nothing can be signed.")
        return identity

    def _found(self, request: str) -> Held:
        held = self._kept.all().get(request)
        if held is None:
            raise MisuseError(f"this device was never asked {request!r}; see pending.")
        return held

    def _view(self, held: Held) -> RequestView:
        promise = self._means.afterwards.promise()
        promised = promise is not None and (promise.request, promise.device) == (held.asked.request, held.device)
        return RequestView(held.asked, "begun" if promised else held.state, held.receipt)

    def _given(self) -> "tuple[Updater, Requests]":
        if self._updater is None or self._settings is None:
            raise MisuseError(
                "nobody may ask this device: the application gave no requests to Personalizer.open. Give "
                "requests=homespun.Requests(...) beside updates."
            )
        return self._updater, self._settings
