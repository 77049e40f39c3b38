"""``me.requests``: what the operator asks of this device, and the answers.

The order of one look, and what a crash leaves after each part:

1. An erasure that was begun is completed, and its receipt sent; see ``afterwards``.
2. Without ``Purpose.REQUESTS`` nothing else happens. With it the device registers, once and then every 90 days.
3. The list is fetched as the channel signs it now, whatever is in it, and what is for this device is kept.
4. What the application lets it execute is begun: the decision and the sequence of its answer are written down, then it
   is done, then the receipt is kept. A crash does it again under the same sequence, which changes nothing.
5. Receipts are queued in the ledger and sent by the one way out until the operator took them.

A withdrawal destroys the keys and drops what waits. The operator is not told, because nothing may be said any more: for
it the device stays pending, until it counts as lost.
"""

import contextlib
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import msgspec

from homespun.asked.afterwards import Promise
from homespun.asked.answering import Means, begun, erased, receipt_of, settings_of
from homespun.asked.identity import Identity, drawn, identity_of, keep
from homespun.asked.settings import Requests
from homespun.asked.views import Held, RequestsOutcome, RequestView
from homespun.consent import Purpose
from homespun.consent.parts import ANSWERS
from homespun.contribute.outcome import SendOutcome
from homespun.contribute.uploads import RECEIPTS, REGISTRATIONS, encode_intake
from homespun.errors import AskingError, HomespunError, MisuseError, NotPermittedError, ProfileBusyError
from homespun.protocol.asking.listing import RequestList, found_in
from homespun.protocol.asking.registration import make_registration
from homespun.protocol.egress import progress_of
from homespun.protocol.receipts import Receipt

if TYPE_CHECKING:
    from homespun.sync import Updater

_PURPOSE = str(Purpose.REQUESTS)
_RENEW_SECONDS = 90 * 86_400.0
_ATTEMPTS = 4
_GLANCE_SECONDS = 300.0
_PATIENCE_SECONDS = 3.0
_KEPT = "request:"
_REFUSED = "refused it"
"""What the transport's note says where the operator refused something for good."""

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
        self._one = threading.RLock()
        self._looked: float | None = None
        self._background: tuple[threading.Thread, threading.Event] | None = None

    @property
    def is_on(self) -> bool:
        """Whether the application lets this device be asked."""
        return self._settings is not None and self._updater is not None

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
            identity = self._registered(force=True)
            self._send()
            return identity.device

    def pending(self) -> tuple[RequestView, ...]:
        """Return the requests that wait for the person, the one that ends first foremost."""
        found = [each for each in self._held().values() if each.state != "answered"]
        return tuple(map(_view, sorted(found, key=lambda each: (each.asked.deadline, each.asked.request))))

    def show(self, request: str) -> RequestView:
        """Return a request, answered or not, for the person to read.

        Raises:
            MisuseError: This device was never asked that.
        """
        return _view(self._found(request))

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
            if (held.asked.kind in _FILES and not decline) is not bool(digest):
                raise MisuseError(f"a request of {held.asked.kind} needs the digest of the file, and no other has one.")
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
        with self._one:
            self._home.check_open()
            if self._background is None:
                stopping = threading.Event()
                running = threading.Thread(target=self._work, args=(stopping, observer), daemon=True)
                self._background = running, stopping
                running.start()

    def stop(self) -> None:
        """Stop looking in the background; what is under way is waited for a few seconds, not longer."""
        background, self._background = self._background, None
        if background is not None:
            running, stopping = background
            stopping.set()
            if running is not threading.current_thread():
                running.join(_PATIENCE_SECONDS)

    def _work(self, stopping: threading.Event, observer: "Callable[[RequestsOutcome], object] | None") -> None:
        while not stopping.is_set():
            with contextlib.suppress(Exception):
                outcome = self.sync()
                if observer is not None:
                    observer(outcome)
            stopping.wait(_GLANCE_SECONDS)

    def _run(self, *, force: bool) -> RequestsOutcome:
        self._complete()
        if not self._home.allows(_PURPOSE):
            sent = self._means.afterwards.hand_over()
            return RequestsOutcome(problem="The person does not allow 'requests' now, so nothing is asked.", sent=sent)
        identity = self._registered()
        try:
            outcome = self._look(identity) if force or self._is_time() else RequestsOutcome()
        except HomespunError as error:
            # What is wrong with the list keeps nothing from being answered and sent.
            outcome = RequestsOutcome(problem=str(error))
        answered = self._execute()
        return replace(outcome, answered=answered, sent=self._send())

    def _is_time(self) -> bool:
        interval = 3600 * self._given()[1].interval_hours
        return self._looked is None or not 0 <= self._home.now() - self._looked < interval

    def _look(self, identity: Identity) -> RequestsOutcome:
        updater, _ = self._given()
        if not updater.takes_files():
            return RequestsOutcome(problem="The list is not fetched over the connection of now.")
        listed = updater.requested(permitted=not self._home.is_private)
        if listed is None:
            self._looked = self._home.now()
            return RequestsOutcome()
        if not isinstance(listed, RequestList):
            return RequestsOutcome(problem=str(listed))
        if listed.made < identity.seen:
            raise AskingError("the channel signs an older list of requests than it did before; it is passed over.")
        self._looked = self._home.now()
        asked = found_in(listed, bytes.fromhex(identity.device), identity.secret, self._home.now())
        known = self._held()
        new = [each for each in asked if each.request not in known]
        for each in new:
            self._keep(Held(asked=each))
        if listed.made > identity.seen:
            keep(self._home, msgspec.structs.replace(identity_of(self._home) or identity, seen=listed.made))
        return RequestsOutcome(found=tuple(each.request for each in new))

    def _execute(self) -> tuple[str, ...]:
        """Answer what was begun, and what the application lets the device execute."""
        _, settings = self._given()
        answered = []
        for held in self._held().values():
            if held.state == "begun":
                self._answer(held, held.by, held.outcome, held.digest)
                answered.append(held.asked.request)
            elif held.state == "open" and held.asked.kind in settings.execute:
                self._answer(held, "application", "done", "")
                answered.append(held.asked.request)
        return tuple(answered)

    def _answer(self, held: Held, by: By, outcome: Literal["done", "declined"], digest: str) -> Receipt | None:
        identity = self._own()
        if held.state == "open":
            identity = msgspec.structs.replace(identity, answers=identity.answers + 1)
            keep(self._home, identity)
            held = begun(held, identity.answers, by, outcome, digest)
            self._keep(held)
            self._step("answer: begun")
        if held.asked.kind == "erasure" and held.outcome == "done":
            return self._erase(held, identity)
        settings = settings_of(self._means, held.asked.kind) if held.outcome == "done" else ()
        self._step("answer: executed")
        receipt = receipt_of(held, identity, self._home.now(), settings)
        self._keep(msgspec.structs.replace(held, state="answered", receipt=receipt))
        self._step("answer: kept")
        return None

    def _erase(self, held: Held, identity: Identity) -> Receipt:
        _, settings = self._given()
        status = self._home.ledger().status_of(_PURPOSE, self._home.now())
        self._means.afterwards.begin(
            Promise(
                request=held.asked.request,
                device=identity.device,
                sequence=held.sequence,
                by=held.by,
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
        if promise is None or promise.entries:
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

    def _send(self) -> SendOutcome:
        afterwards = self._means.afterwards.hand_over()
        if afterwards is not None:
            return afterwards
        if self._home.allows(_PURPOSE):
            self._queue()
        return self._home.egress.send_pending(_ATTEMPTS, is_meant=_PURPOSE.__eq__)

    def _queue(self) -> None:
        """Queue the receipts that are in no ledger yet."""
        # What was given up, or queued under an earlier consent, is queued again; what was refused is not.
        known = {
            each.queued.what
            for each in progress_of(self._home.egress_entries()).values()
            if each.last.state != "cancelled" or _REFUSED in each.last.note
        }
        for held in self._held().values():
            what = f"receipt/{held.asked.request}"
            if held.state == "answered" and what not in known:
                self._upload(what, encode_intake(RECEIPTS, held.receipt))
                self._step("answer: queued")

    def _registered(self, *, force: bool = False) -> Identity:
        """Return who this device is, registered or about to be."""
        _, settings = self._given()
        identity, now = identity_of(self._home), self._home.now()
        if identity is None or identity.account != settings.account:
            identity = drawn(self._home, settings.account)
        fresh = identity.registrations and 0 <= now - identity.registered < _RENEW_SECONDS
        if fresh and self._is_sent(_name(identity)) and not force:
            return identity
        if fresh and self._is_waiting(_name(identity)):
            return identity
        identity = msgspec.structs.replace(identity, registrations=identity.registrations + 1, registered=now)
        raw = make_registration(
            settings.account,
            settings.vouched(),
            device=identity.device,
            sequence=identity.registrations,
            secret=identity.secret,
            asking_key=settings.key,
            key=identity.key,
            sign=identity.signing.sign,
        )
        keep(self._home, identity)
        self._step("registration: kept")
        self._upload(_name(identity), encode_intake(REGISTRATIONS, raw))
        return identity

    def _is_sent(self, what: str) -> bool:
        return any(
            each.queued.what == what and each.last.state == "sent"
            for each in progress_of(self._home.egress_entries()).values()
        )

    def _is_waiting(self, what: str) -> bool:
        return any(
            each.queued.what == what and (each.waiting or each.last.state == "sending")
            for each in progress_of(self._home.egress_entries()).values()
        )

    def _upload(self, what: str, payload: bytes) -> None:
        _, settings = self._given()
        self._home.egress.queue(
            what, payload, purpose=_PURPOSE, destination=settings.url, epsilon=0, idempotent=True, once=True
        )

    def _own(self) -> Identity:
        identity = identity_of(self._home)
        if identity is None:
            raise NotPermittedError("the person does not allow 'requests' now, so nothing can be signed.")
        return identity

    def _held(self) -> dict[str, Held]:
        kept = self._home.kept(ANSWERS)
        found = [msgspec.json.decode(raw, type=Held) for name, raw in sorted(kept.items()) if name.startswith(_KEPT)]
        return {each.asked.request: each for each in found}

    def _found(self, request: str) -> Held:
        held = self._held().get(request)
        if held is None:
            raise MisuseError(f"this device was never asked {request!r}; see pending.")
        return held

    def _keep(self, held: Held) -> None:
        if not self._home.keep(ANSWERS, f"{_KEPT}{held.asked.request}", msgspec.json.encode(held)):
            raise NotPermittedError("the person does not allow 'requests' now, so nothing is kept or answered.")

    def _given(self) -> "tuple[Updater, Requests]":
        if self._updater is None or self._settings is None:
            raise MisuseError(
                "nobody may ask this device: the application gave no requests to Personalizer.open. Give "
                "requests=homespun.Requests(...) beside updates."
            )
        return self._updater, self._settings


def _view(held: Held) -> RequestView:
    return RequestView(held.asked, held.state, held.receipt)


def _name(identity: Identity) -> str:
    return f"registration/{identity.device[:8]}/{identity.registrations}"
