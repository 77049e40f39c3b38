"""Signing checkpoints, and never a fork.

Before a checkpoint is signed, the log proves to itself that it continues the last one that the store knows and the
last one that the copy beside it knows. What the copy knows and the store does not is a store that was put back; from
then on nothing is appended either, until the log begins anew (``beginnings``).
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from homespun.errors import MisuseError, ProofError
from homespun.protocol.checkpoint import (
    Checkpoint,
    NoteSignature,
    Sign,
    decode,
    epoch_of,
    origin_of,
    signed,
    verify_log,
)
from homespun.protocol.merkle import verify_consistency
from homespun_server.compliance.log import rows, tree
from homespun_server.compliance.log.beginnings import Beginning, content_of, epoch_in, is_named
from homespun_server.compliance.log.memory import Memory
from homespun_server.errors import TransparencyError
from homespun_server.store import Store
from homespun_server.store.moments import Now, text_of, utc_now
from homespun_server.store.schema_log import log_checkpoints, log_cosignatures

_NOTES = select(log_checkpoints.c.note).order_by(log_checkpoints.c.size.desc())
_LAST = _NOTES.limit(1)
_ADVICE = (
    "Put back a copy that is not older than that checkpoint; if there is none, let the log begin anew in the open with "
    "homespun-server log begin-anew --reason."
)


class Checkpoints:
    """The checkpoints of a store's log."""

    def __init__(self, store: Store, sign: Sign, public_key: bytes, memory: Memory | None, now: Now) -> None:
        """Name the parts; see ``TransparencyLog``."""
        self._store = store
        self._sign = sign
        self.public_key = public_key
        self._memory = memory
        self._now = now
        self._continued: Checkpoint | None = None

    def sign(self) -> Checkpoint:
        """Return the signed checkpoint of the log as it is; it is signed now if it was not yet."""
        with self._store.writing() as connection:
            here, begun = self._here(connection, tree.locked_size(connection))
            last = _last(connection)
            if last is not None:
                _check_continues(connection, last, here)
            remembered = self._remembered()
            if remembered is not None:
                self._check_follows(connection, remembered, here, begun)
            made = signed(here, self._sign, self.public_key)
            # On the disk before anybody is shown it: were the store lost now, this would still be known.
            if self._memory is not None and (remembered is None or remembered.body != made.body):
                self._memory.keep(made)
            if last is None or last.size < made.size:
                row = {"size": made.size, "moment": text_of(self._now()), "note": made.encode()}
                connection.execute(insert(log_checkpoints).values(row))
            return made

    def check(self) -> None:
        """Check that the store is not older than what was signed; see ``check_within``."""
        # Read first: what is signed in between makes the log larger, and is none of this.
        remembered = self._remembered()
        with self._store.reading() as connection:
            self._check_remembered(connection, tree.size_of(connection), remembered)

    def refusal(self) -> str | None:
        """Return why nothing is appended or signed; None: the log continues what was signed."""
        try:
            self.check()
        except (TransparencyError, ProofError) as error:
            return str(error)
        return None

    def check_within(self, connection: Connection, size: int) -> None:
        """Check that the store is not older than what was signed, by the copy beside it.

        Args:
            connection: A transaction's in which nobody else appends or signs.
            size: How many entries the log has.

        Raises:
            TransparencyError: It is, or was written to after it was put back.
        """
        self._check_remembered(connection, size, self._remembered())

    def _check_remembered(self, connection: Connection, size: int, remembered: Checkpoint | None) -> None:
        if remembered is None or (remembered == self._continued and remembered.size <= size):
            return
        here, begun = self._here(connection, size)
        self._check_follows(connection, remembered, here, begun)
        if remembered.size <= size:
            # What the tree once had at a size it has for ever: only that it has not become smaller is looked at then.
            self._continued = remembered

    def renewal(
        self, connection: Connection, reason: str, given: Checkpoint | None
    ) -> tuple[dict[str, object], Checkpoint]:
        """Return what the entry with which the log begins anew commits to, and the checkpoint of what ended.

        Args:
            connection: Reads, where nobody else appends.
            reason: Why it begins anew.
            given: The last checkpoint as somebody else knows it; None: the copy beside the store is the last one.

        Raises:
            MisuseError: The log continues what was signed, so that nothing is to begin.
            ProofError: The given checkpoint is not this key's.
            TransparencyError: The log contradicts its own checkpoints: it is damaged, not older.
        """
        here, begun = self._here(connection, tree.locked_size(connection))
        own = self._own(connection)
        for each in own:
            _check_own(connection, each, here)
        remembered = self._remembered_unless(given)
        known = [each for each in (remembered, given) if each is not None]
        lost = [each for each in known if not self._follows(connection, each, here, begun)]
        if not lost:
            raise MisuseError("the log continues what was signed, so there is nothing to begin anew. Nothing was done.")
        ended = max(lost, key=lambda each: (verify_log(each, self.public_key), each.size))
        number = max(epoch_in(begun), epoch_of(ended, self.public_key)) + 1
        # What a witness brought has signatures of its own; what was signed here has the log's.
        signed_here = ended == remembered and len(ended.signatures) == 1
        kept = self._kept(own, ended, attested=signed_here)
        previous = max((entry.index for entry, _ in rows.begun(connection)), default=None)
        return content_of(number, text_of(self._now()), reason, ended, kept, previous), ended

    def _kept(self, own: Sequence[Checkpoint], ended: Checkpoint, *, attested: bool) -> Checkpoint | None:
        """Return the last checkpoint that both the entries here and what ended continue; None: none is known to be.

        If the copy beside the store is what ended, then nothing else was signed since. If not, then somebody else
        brought it, and what was signed here may be a fork of it: only who cosigned both knows that it is not.
        """
        epoch, vouching = epoch_of(ended, self.public_key), _cosigners(ended)
        for each in own:
            before = each.size < ended.size and epoch_of(each, self.public_key) <= epoch
            if before and (attested or vouching & _cosigners(each)):
                return replace(each, signatures=each.signatures[:1])
        return None

    def resume(self, given: Checkpoint) -> bool:
        """Keep what ended beside the store, if the log began anew after it and was killed before that was kept.

        Args:
            given: The last checkpoint of what ended, as somebody else has it.

        Returns:
            Whether it was so: the copy beside the store is damaged, and the log names the given checkpoint as ended.

        Raises:
            OutputError: The copy beside the store cannot be written.
            ProofError: The log's key did not sign the checkpoint.
        """
        verify_log(given, self.public_key)
        with self._store.writing() as connection:
            try:
                self._remembered()
            except TransparencyError:
                if any(each.ended.body == given.body for _, each in rows.begun(connection)):
                    self.remember(given)
                    return True
            return False

    def remember(self, checkpoint: Checkpoint) -> None:
        """Keep the checkpoint of what ended beside the store, which may have a damaged copy, or none."""
        if self._memory is not None:
            self._memory.keep(checkpoint)

    def all(self) -> tuple[Checkpoint, ...]:
        """Return those that were signed, the smallest first, each with its cosignatures."""
        with self._store.reading() as connection:
            return self._own(connection)[::-1]

    def _own(self, connection: Connection) -> tuple[Checkpoint, ...]:
        """Return those that were signed, the largest first, each with its cosignatures."""
        own = {each.size: each for each in (decode(bytes(note)) for note in connection.scalars(_NOTES))}
        order = (log_cosignatures.c.size, log_cosignatures.c.witness)
        cosigned = connection.scalars(select(log_cosignatures.c.note).order_by(*order))
        for each in (decode(bytes(note)) for note in cosigned):
            own[each.size] = joined(own[each.size], each.signatures)
        return tuple(own.values())

    def add_cosigned(self, note: bytes) -> Checkpoint:
        """Keep what a witness gave back, and return it; see ``TransparencyLog.add_cosignature``."""
        given = decode(note)
        verify_log(given, self.public_key)
        # Only what somebody cosigned is remembered as brought: what has the log's signature alone was signed here.
        if not _cosigners(given):
            raise ProofError("nobody cosigned this checkpoint. Nothing was kept; pass on what the witness gave back.")
        self._notice(given)
        ours = next((each for each in self.all() if each.size == given.size), None)
        if ours is None or ours.body != given.body:
            raise ProofError("this is no checkpoint that this log keeps. Nothing was kept.")
        added = [each for each in given.signatures if each.name != given.origin and each not in ours.signatures]
        for each in added:
            row = {"size": given.size, "witness": each.name, "note": replace(ours, signatures=(each,)).encode()}
            try:
                with self._store.writing() as connection:
                    connection.execute(insert(log_cosignatures).values(row))
            except IntegrityError:
                raise ProofError(
                    f"the witness {each.name} cosigned this checkpoint before. The first cosignature was kept."
                ) from None
        return joined(ours, added)

    def _notice(self, given: Checkpoint) -> None:
        """Remember a checkpoint that a witness has and that this log does not continue: the store was put back."""
        with self._store.writing() as connection:
            here, begun = self._here(connection, tree.locked_size(connection))
            if self._follows(connection, given, here, begun):
                return
            remembered = self._remembered()
            # What is continued here says less than what is not; of two that are not, the larger one.
            if (
                remembered is None
                or self._follows(connection, remembered, here, begun)
                or self._order(remembered) < self._order(given)
            ):
                self.remember(given)
            self._check_follows(connection, given, here, begun)

    def _here(self, connection: Connection, size: int) -> tuple[Checkpoint, tuple[Beginning, ...]]:
        """Return the log as it is, unsigned, and what it says of its predecessors."""
        begun = tuple(each for _, each in rows.begun(connection))
        origin = origin_of(self.public_key, epoch_in(begun))
        return Checkpoint(origin, size, tree.root_at(connection, size)), begun

    def _order(self, checkpoint: Checkpoint) -> tuple[int, int]:
        return epoch_of(checkpoint, self.public_key), checkpoint.size

    def _remembered(self) -> Checkpoint | None:
        return None if self._memory is None else self._memory.read()

    def _remembered_unless(self, given: Checkpoint | None) -> Checkpoint | None:
        try:
            return self._remembered()
        except TransparencyError:
            if given is None:
                raise
            return None

    def _follows(
        self, connection: Connection, earlier: Checkpoint, here: Checkpoint, begun: Sequence[Beginning]
    ) -> bool:
        try:
            self._check_follows(connection, earlier, here, begun)
        except TransparencyError:
            return False
        return True

    def _check_follows(
        self, connection: Connection, earlier: Checkpoint, here: Checkpoint, begun: Sequence[Beginning]
    ) -> None:
        """Check that the log continues a checkpoint, or says in the open that what it is of has ended."""
        if epoch_of(earlier, self.public_key) > epoch_in(begun):
            raise TransparencyError(
                f"a checkpoint of {earlier.origin} was signed before, and the log in the store is {here.origin}: an "
                f"older copy of the store was put back. Nothing was added or signed. {_ADVICE}"
            )
        if earlier.origin == here.origin or not is_named(begun, earlier, self.public_key):
            _check_continues(connection, earlier, here)


def refusal_of(store: Store, public_key: bytes, memory: Memory | None, now: Now = utc_now) -> str | None:
    """Return why nothing is appended or signed, with no key that signs; None: the log continues what was signed.

    Args:
        store: The store.
        public_key: The log's key, 32 bytes.
        memory: The copy of the last checkpoint beside the store; None: there is none.
        now: Returns the time.

    Raises:
        StoreError: The store cannot be read.
    """
    return Checkpoints(store, _signs_nothing, public_key, memory, now).refusal()


def _signs_nothing(_: bytes) -> bytes:
    raise MisuseError("nothing is signed here.")


def _last(connection: Connection) -> Checkpoint | None:
    note = connection.scalar(_LAST)
    return None if note is None else decode(bytes(note))


def _check_continues(connection: Connection, earlier: Checkpoint, here: Checkpoint) -> None:
    if earlier.size > here.size:
        raise TransparencyError(
            f"a checkpoint of {earlier.size} entries was signed before, and the log in the store has {here.size}: an "
            "older copy of the store was put back. Nothing was added or signed, because that would fork the log. "
            f"{_ADVICE}"
        )
    try:
        proof = tree.consistency(connection, earlier.size, here.size)
        verify_consistency(earlier.size, here.size, earlier.root, here.root, proof)
    except ProofError as error:
        raise TransparencyError(
            f"the log in the store does not continue the checkpoint of {earlier.size} entries that was signed before: "
            "its entries were changed, or an older copy of the store was put back and written to. Nothing was added or "
            f"signed, because that would fork the log. {_ADVICE}"
        ) from error


def _check_own(connection: Connection, earlier: Checkpoint, here: Checkpoint) -> None:
    try:
        _check_continues(connection, earlier, here)
    except TransparencyError as error:
        raise tree.damaged(f"its entries do not lead to its own checkpoint of {earlier.size} entries") from error


def _cosigners(checkpoint: Checkpoint) -> set[tuple[str, bytes]]:
    """Return who cosigned a checkpoint, by name and key; whether a signature is right only its key's owner can tell."""
    return {(each.name, each.key_id) for each in checkpoint.signatures if each.name != checkpoint.origin}


def joined(checkpoint: Checkpoint, more: Iterable[NoteSignature]) -> Checkpoint:
    """Return a checkpoint with further signatures."""
    new = [each for each in more if each not in checkpoint.signatures]
    return replace(checkpoint, signatures=(*checkpoint.signatures, *new))
