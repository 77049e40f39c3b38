"""The façade that applications use, and the only place where the client's parts are put together."""

import os
import threading
import time
from collections.abc import Iterable, Mapping
from datetime import tzinfo
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from homespun.asked.composing import AskedBy, asked_of, check_requests
from homespun.asked.settings import Requests
from homespun.config import DEFAULTS, Durability, Settings, check_durability
from homespun.consent import Notice
from homespun.consent.parts import IDENTIFIED
from homespun.consent.proof import ConsentProof
from homespun.contribute.ledger import Ledger
from homespun.contribute.log import Transport
from homespun.contribute.settings import Contributions
from homespun.contributing import Contributing, Sends
from homespun.custody import Clock
from homespun.errors import MisuseError
from homespun.explain.counterfactual import MOST_EXECUTED, Change, Counterfactual
from homespun.explain.explanation import Attribution, Explanation
from homespun.home import Home
from homespun.listing import Listing, Question
from homespun.measure.experiments import Experiments
from homespun.model.arguments import as_list, folder_path, list_length
from homespun.model.bundle import Bundle
from homespun.model.sample import open_sample
from homespun.person.attributes import Attributes
from homespun.person.consent import Consent
from homespun.person.controls import Controls
from homespun.person.decisions import Decisions
from homespun.person.erasing import Extent, erase_part
from homespun.person.interests import Interest, interests
from homespun.person.items import Items
from homespun.person.keys import Keys
from homespun.policies import GivenPolicy, Policies
from homespun.profile import Key, KeyStore, Place, Sizes, Tombstones
from homespun.profile.files import Entropy
from homespun.protocol.events import ContextValue, Event
from homespun.protocol.receipts import Receipt
from homespun.proving import Proving
from homespun.ranking.onboarding import MOST_ANSWERS, Answers
from homespun.ranking.request import HOME
from homespun.ranking.rules import RuleReport
from homespun.recommendation import Recommendation
from homespun.updating import Updating, open_installed, seed_of, updater_of

if TYPE_CHECKING:
    from homespun.console import Console
    from homespun.contribute.urllib3_transport import Urllib3Transport
    from homespun.person.export import Recipient, RecipientKey
    from homespun.protocol.export import Manifest
    from homespun.sync import Outcome, Updater, Updates

__all__ = ["Personalizer", "Recommendation"]


class Personalizer:
    """One person's recommendations on this machine. Thread-safe; build it with ``Personalizer.open``.

    Nothing is recorded and nothing is on disk until the person allows it through ``consent``. From
    asyncio, run its methods in a thread (``await asyncio.to_thread(me.recommend, 10)``): they compute and
    wait for the disk.
    """

    def __init__(
        self,
        bundle: Bundle,
        home: Home,
        *,
        policy: GivenPolicy = None,
        zone: tzinfo | None = None,
        templates: Mapping[str, str] | None = None,
        updater: "Updater | None" = None,
        newer: Bundle | None = None,
        contributing: Contributing | None = None,
        asking: AskedBy | None = None,
        proving: Proving | None = None,
    ) -> None:
        """Put the parts together; applications call ``Personalizer.open``."""
        self.consent = Consent(home)
        self.items = Items(newer or bundle, home.settings.local_items)
        self.controls = Controls(home, self.items)
        self.attributes = Attributes(home)
        self.keys = Keys(home)
        self.policy = Policies(self.items, policy, zone)
        self.decisions = Decisions(home, self.items)
        self.updates = Updating(home, self.items, self.policy, updater, newer)
        self.contributions = contributing or Contributing(home, None, None)
        self.experiments = Experiments(home, lambda: seed_of(home), self.contributions.experiments)
        self.contributions.vector_of = self.experiments.vector_of
        self.contributions.settle = self.experiments.settle
        self.consent_proof = proving or Proving(home, None)
        self.requests = asked_of(home, updater, self.consent, self.controls, asking)
        self.ledger = Ledger(home.log, self.requests.surviving, IDENTIFIED)
        self._listing = Listing(
            home, self.consent, self.controls, self.policy, templates, self.updates.is_off, self.experiments
        )
        self._home = home
        self._console: Console | None = None
        self._console_lock = threading.Lock()

    @property
    def bundle(self) -> Bundle:
        """The model and catalogue in use."""
        return self.items.bundle

    @property
    def console(self) -> "Console":
        """The person's own page, served on this machine alone; ``console.url()`` opens it."""
        with self._console_lock:
            if self._console is None:
                from homespun.console import Console, Parts  # noqa: PLC0415 - only who shows it needs a server

                self._console = Console(
                    Parts(
                        consent=self.consent,
                        controls=self.controls,
                        attributes=self.attributes,
                        attribute_names=tuple(self._home.settings.attributes),
                        items=self.items,
                        ledger=self.ledger,
                        decisions=self.decisions,
                        experiments=self.experiments,
                        contributions=self.contributions,
                        requests=self.requests,
                        listing=self._listing,
                        events=self.events,
                        interests=self.interests,
                        erase=self.erase,
                        exported=self._exported,
                        entropy=self._home.entropy,
                    )
                )
            return self._console

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str] | None,
        *,
        key: Key,
        bundle: Bundle | None = None,
        settings: Settings = DEFAULTS,
        clock: Clock = time.time,
        entropy: Entropy = os.urandom,
        key_store: KeyStore | None = None,
        tombstones: Tombstones | None = None,
        transport: Transport | None = None,
        choices: str | None = None,
        policy: GivenPolicy = None,
        zone: tzinfo | None = None,
        templates: Mapping[str, str] | None = None,
        updates: "Updates | None" = None,
        contributions: Contributions | None = None,
        requests: Requests | None = None,
        consent_proof: ConsentProof | None = None,
    ) -> Self:
        """Open a person's profile, or prepare a new one that is written when the person allows it.

        Args:
            path: The profile's folder. Not used (and may be None) with ``Key.ephemeral()``.
            key: What opens the profile.
            bundle: The model and catalogue; the built-in sample (films) if None.
            settings: Limits and costs. ``threads`` is for the built-in sample; a ``bundle`` has its own from
                ``Bundle.open``.
            clock: Where the time comes from.
            entropy: Where unpredictable bytes come from.
            key_store: Where the application keeps the keys of the profile's parts, outside the folder, so that
                destroying one forgets that part in every copy. With ``Key.keyring`` the keyring does.
            tombstones: Where erased profiles are remembered, by their random ids; by default the keyring, or else
                a file ``<folder>.erased`` beside the folder.
            transport: What sends contributions; None: with ``contributions`` they go over the network, without
                nothing is ever sent.
            choices: What ``consent.choices()`` gave the application to remember while there was no profile.
            policy: How lists are made, in place of the bundle's own policy; see ``policy.use``.
            zone: The person's time zone. With it the circumstances ``hour`` and ``weekday`` are known in every
                request; without, only where the application gives them.
            templates: How reasons are said, by the names of ``homespun.explain.wording.REASONS``.
            updates: Where newer bundles come from; None: nothing is ever asked for. With it, ``bundle`` is the one that
                the application ships, and is used until one was installed from there; from then on that one is.
                Nothing is asked for by opening: see ``sync``.
            contributions: What installations may contribute to sums over many people, where the person allows it;
                None: nothing. Tasks come from the channel of ``updates``; see ``contributions.sync``.
            requests: By whom this device is asked what the person asked of them, where the person allows it; None: by
                nobody. The list comes from the channel of ``updates``; see ``requests.sync``.
            consent_proof: Where what the person chooses is reported to, where they allow that; None: nowhere. See
                ``consent_proof.sync``.

        Raises:
            PolicyError: If the policy cannot be used.
            MisuseError: If there is no path and the key is not ephemeral, or an argument is not what it
                should be.
            WrongKeyError: If the key does not open the profile.
            DamagedProfileError: If the profile was changed or cut short outside homespun.
            NewerProfileError: If a newer homespun wrote it.
            ProfileBusyError: If another process holds it.
            ProfileStorageError: If the disk refuses.
            KeyringUnavailableError: If the key is in a keyring that cannot be used.
            BundleError: If the built-in sample was damaged.
        """
        _check_type("key", key, Key, "make one with Key.passphrase, Key.keyring, Key.bytes or Key.ephemeral")
        _check_type("bundle", bundle, Bundle | None, "open one with Bundle.open")
        _check_type("settings", settings, Settings, "make one with Settings(...)")
        if path is None and not key.is_ephemeral:
            raise MisuseError("a profile needs a folder; give a path, or use Key.ephemeral() for memory only.")
        if updates is not None:
            _check_updates(updates, bundle)
        _check_contributions(contributions, updates)
        check_requests(requests, updates)
        _check_type("consent_proof", consent_proof, ConsentProof | None, "make it with homespun.ConsentProof(...)")
        folder = None if path is None or key.is_ephemeral else folder_path(path)
        # Before the profile, which nothing would close if the sample were damaged.
        opened = open_sample(threads=settings.threads) if bundle is None else bundle
        try:
            place = Place(folder, key, settings, entropy, key_store)
            uploads = (contributions, requests, consent_proof)
            sends = None if all(each is None for each in uploads) else _reports(clock, updates)
            home = Home(place, clock=clock, tombstones=tombstones, transport=transport or sends, choices=choices)
        except BaseException:
            if bundle is None:
                opened.close()
            raise
        newer = None
        try:
            updater = None if updates is None else updater_of(updates, home, settings)
            if updater is not None:
                newer = open_installed(updater, settings)
                updater.using((newer or opened).id)
            contributing = _contributing(home, updater, contributions, updates, sends)
            asking = None if requests is None else AskedBy(requests)
            made = cls(
                opened,
                home,
                policy=policy,
                zone=zone,
                templates=templates,
                updater=updater,
                newer=newer,
                contributing=contributing,
                asking=asking,
                proving=Proving(home, consent_proof, sends),
            )
            made.requests.resume()
        except BaseException:
            home.close()
            if newer is not None:
                newer.close()
            if bundle is None:
                opened.close()
            raise
        return made

    @classmethod
    def import_(
        cls,
        export: str | os.PathLike[str],
        path: str | os.PathLike[str] | None,
        *,
        key: Key,
        notice: Notice,
        passphrase: str | None = None,
        recipient_key: "RecipientKey | str | None" = None,
        **options: Any,
    ) -> Self:
        """Restore an export into a fresh profile, which the person allows by that.

        Events, controls and attributes are restored. Consent is given anew, to storage and personalization, with the
        notice that is shown now; what was inferred, decided or sent stays with the profile that it happened in.

        Args:
            export: The file that ``export`` wrote.
            path: The new profile's folder, in which there is none yet.
            key: What will open it.
            notice: What the person saw when they chose to restore.
            passphrase: What the export was sealed with, if so.
            recipient_key: The private key of whom it was sealed for, if so.
            options: As in ``open``.

        Raises:
            ExportError: It is no export, or was changed.
            ExportKeyError: What was given does not open it.
            MisuseError: There is a profile already, or an argument is not what it should be.
            ProfileError: See the classes.
            OSError: The export cannot be read.
        """
        # Zip files and HPKE are for the few who export or restore.
        from homespun.person.export import read_export  # noqa: PLC0415
        from homespun.person.taking import restore  # noqa: PLC0415

        imported = read_export(export, passphrase=passphrase, recipient_key=recipient_key)
        me = cls.open(path, key=key, **options)
        try:
            restore(me._home, imported, notice)  # noqa: SLF001 - its own
        except BaseException:
            me.close()
            raise
        return me

    def record(
        self,
        item: str,
        kind: str = "view",
        *,
        weight: float | None = None,
        time: float | None = None,
        context: Mapping[str, ContextValue] | None = None,
        id: str | None = None,  # noqa: A002 - the event's field
        durability: Durability | None = None,
    ) -> bool:
        """Record that the person did something with an item.

        What is done with an item that neither the bundle nor ``items`` knows is kept, and counts as soon as one of
        them does. What was recorded survives the death of the process when this returns; with
        ``Settings.batch_events`` above 1 up to so many of the latest events may be lost by it.

        Args:
            item: The item's id.
            kind: What was done.
            weight: How much, for instance a rating.
            time: When, seconds since 1970; now, if None.
            context: Circumstances.
            id: The application's own name for the event: recorded twice, it counts once, and the first one stays.
            durability: ``"power"`` if it must survive a power cut when this returns; by default
                ``Settings.durability``.

        Returns:
            True if the event is in the profile; False if the person has not allowed both
            ``DEVICE_STORAGE`` and ``PERSONALIZATION``, or has paused, objected or begun a private session, and
            the event was not kept. Whether an experiment counts it depends on ``MEASUREMENT`` alone.

        Raises:
            InvalidEventError: If a value is out of bounds or the bundle does not know the kind, whether or not
                recording is allowed.
            ClosedError, ProfileError: See the classes.
        """
        self.bundle.check_kind(kind)
        event = Event(item, kind, self._home.now() if time is None else time, weight, context, id)
        if durability is not None:
            check_durability(durability)
        recorded = self._home.add(event, durability)
        self.experiments.happened([event])
        return recorded

    def record_many(self, events: Iterable[Event], *, durability: Durability | None = None) -> int | None:
        """Record many events at once, all or none.

        Args:
            events: The events, in the order in which they are to stand; times are kept as they are.
            durability: As in ``record``.

        Returns:
            How many were not there yet, by their ids; None if nothing may be recorded, and nothing was kept.

        Raises:
            InvalidEventError: If the bundle does not know the kind of one.
            MisuseError: If something else than an Event is among them.
            ClosedError, ProfileError: See the classes.
        """
        wanted = as_list("events", events)
        for event in wanted:
            _check_type("one of the events", event, Event, "make it an Event first")
        for kind in {event.kind for event in wanted}:
            self.bundle.check_kind(kind)
        if durability is not None:
            check_durability(durability)
        added = self._home.add_all(wanted, durability)
        self.experiments.happened(wanted)
        return added

    def flush(self) -> None:
        """Write the events that are held in memory; there are none unless ``Settings.batch_events`` is above 1.

        Raises:
            ClosedError, ProfileError: See the classes. The events are still held.
        """
        self._home.flush()

    def events(self, last: int | None = None) -> list[Event]:
        """Return what was recorded, oldest first by recording.

        Args:
            last: Only the latest so many.

        Raises:
            MisuseError: If ``last`` is not a whole number from 0 up.
            ClosedError, ProfileError: See the classes.
        """
        if last is not None and (isinstance(last, bool) or not isinstance(last, int) or last < 0):
            raise MisuseError(f"last is {last!r}; use a whole number from 0 up, or None for all.")
        return self._home.events(last)

    def recommend(
        self,
        k: int = 10,
        *,
        surface: str = HOME,
        exclude: Iterable[str] = (),
        exclude_seen: bool | None = None,
        context: Mapping[str, ContextValue] | None = None,
        seed: int | None = None,
    ) -> list[Recommendation]:
        """Return the best items for this person, as they steer it and by the policy of a surface.

        Where personal data may not be used, or there are none, the list is the same for everybody; ``personalized``
        is then False and ``reason`` says why.

        Args:
            k: How many.
            surface: Where the list will be shown: the policy may say other things for other places.
            exclude: Items that must not appear.
            exclude_seen: Whether items with an event are left out; None: as the policy says. What the person spoke
                against stays out in any case.
            context: Circumstances of the request, beside what the person declared.
            seed: Decides what chance decides, where the policy explores; None: drawn anew.

        Raises:
            MisuseError: If ``k`` is not a whole number from 1 up, ``exclude`` not ids of items, or the policy has no
                such surface.
            ClosedError, ProfileError: See the classes.
        """
        return self._listing.made(k, surface, context=context, seed=seed, exclude=exclude, exclude_seen=exclude_seen)

    def similar_items(
        self,
        item: str,
        k: int = 10,
        *,
        exclude: Iterable[str] = (),
        context: Mapping[str, ContextValue] | None = None,
        surface: str = "similar",
    ) -> list[Recommendation]:
        """Return what is like an item, ordered by that and not by the person's taste; what they hid stays hidden.

        Raises:
            UnknownItemError: If neither the bundle nor ``items`` has the item.
            MisuseError, ClosedError, ProfileError: As ``recommend``.
        """
        return self._listing.made(k, surface, context=context, exclude=exclude, item=item)

    def search(
        self,
        ids: Iterable[str],
        k: int = 10,
        *,
        exclude: Iterable[str] = (),
        context: Mapping[str, ContextValue] | None = None,
        surface: str = "search",
    ) -> list[Recommendation]:
        """Return the best of some items, for instance of what the application's own search found.

        Args:
            ids: The items; unknown ones are passed over.
            k: How many.
            exclude: Items that must not appear.
            context: Circumstances of the request.
            surface: Which surface's policy to use.

        Raises:
            MisuseError, ClosedError, ProfileError: As ``recommend``.
        """
        return self._listing.made(k, surface, context=context, exclude=exclude, ids=ids)

    def resume(
        self,
        k: int = 10,
        *,
        exclude: Iterable[str] = (),
        context: Mapping[str, ContextValue] | None = None,
        surface: str = "continue",
    ) -> list[Recommendation]:
        """Return the best of what the person has events with, to go on with; empty where nothing may be used.

        Raises:
            MisuseError, ClosedError, ProfileError: As ``recommend``.
        """
        return self._listing.made(k, surface, context=context, exclude=exclude)

    def explain(self, item: Recommendation | str) -> Explanation:
        """Explain a recommendation exactly as it was made, or an item by what is known now.

        Args:
            item: A recommendation from ``recommend``, whose explanation uses the history of that time; or
                the id of any item in the bundle or among ``items``.

        Raises:
            UnknownItemError: If neither the bundle nor ``items`` has the item, or it has no score.
            MisuseError: If the recommendation is a copy, or was made from what may not be told any more: its
                use was forbidden since, or it is not in the profile.
            ClosedError, ProfileError: See the classes.
        """
        return self._listing.explained(item)

    def counterfactual(self, item: Recommendation, *, executions: int = MOST_EXECUTED) -> Counterfactual:
        """Return the smallest set of the person's own events, settings and circumstances that keeps an item listed.

        Each answer was executed: without it the list was made again, and the item was gone. The search and what it
        does not cover are told in ``homespun.explain.counterfactual``.

        Args:
            item: A recommendation from a list.
            executions: How many lists are made again at most.

        Raises:
            MisuseError, ClosedError, ProfileError: As ``explain``.
        """
        return self._listing.counterfactual(item, executions)

    def without(self, item: Recommendation, reason: Counterfactual | Change | Attribution) -> list[Recommendation]:
        """Let a reason count no more, and return the list that a recommendation is from as it is then.

        What was done with an item is taken out of the person's taste by ``controls.ignore_item``, a setting is set
        back: ``controls.undo`` takes either back. Circumstances and attributes are left out of this list alone.

        Args:
            item: A recommendation from a list.
            reason: An attribution of its explanation, or what ``counterfactual`` returned.

        Raises:
            MisuseError: The reason is nothing that the person can take away; or as ``explain``.
            ClosedError, ProfileError: See the classes.
        """
        return self._listing.without(item, reason)

    def onboarding(self, count: int | None = None, *, answered: Answers | None = None) -> list[Question]:
        """Return the few items whose rating tells most about a new person: to be asked for, ten answers at most.

        What the person did counts as answers. Record what they like; what they do not know is told with ``answered``.

        Args:
            count: How many to ask for now; None: as many as are left of ten.
            answered: What they said by item: whether they like it, None if they do not know it.

        Raises:
            MisuseError: If ``count`` is not a whole number from 1 up.
            ClosedError, ProfileError: See the classes.
        """
        said = answered or {}
        left = MOST_ANSWERS - len(said) if count is None else list_length(count)
        return [] if left < 1 else self._listing.questions(left, said)

    def dry_run(self, surface: str = HOME, context: Mapping[str, ContextValue] | None = None) -> list[RuleReport]:
        """Return for each of the policy's rules whether it would act now, and why or why not.

        The reasons tell what is known of the person, and are for who may see that.

        Args:
            surface: For which surface.
            context: Circumstances.

        Raises:
            MisuseError: The policy has no such surface.
            ClosedError, ProfileError: See the classes.
        """
        return self._listing.rules(surface, context)

    def interests(self) -> list[Interest]:
        """Return what the events say that the person likes, tag by tag, with the events that it comes from.

        Empty where personal data may not be used.

        Raises:
            ClosedError, ProfileError: See the classes.
        """
        events = self._home.usable_events()
        return [] if events is None else interests(self.items.view, events, self._home.steering())

    def export(
        self,
        path: str | os.PathLike[str],
        recipient: "Recipient | str | bytes | None" = None,
        *,
        passphrase: str | None = None,
        overwrite: bool = False,
    ) -> "Manifest":
        """Write everything that the profile holds to a file, for the person to read and to take along.

        **Without a recipient or a passphrase the file is readable by everybody who gets hold of it.**

        Args:
            path: Where to; ``.zip`` in the clear, ``.homespun`` sealed.
            recipient: For whom it is sealed.
            passphrase: What it is sealed with.
            overwrite: Whether to replace a file that exists.

        Raises:
            MisuseError: If the file exists, or both a recipient and a passphrase are given.
            ClosedError, ProfileError: See the classes.
            OSError: If the disk refuses.
        """
        from homespun.person.export import write_export  # noqa: PLC0415 - as in import_
        from homespun.person.taking import contents  # noqa: PLC0415

        home = self._home
        return write_export(
            path,
            contents(home, self.items.view),
            recipient=recipient,
            passphrase=passphrase,
            overwrite=overwrite,
            settings=home.settings,
            entropy=home.entropy,
        )

    def _exported(self, passphrase: str | None) -> bytes:
        from homespun.person.export import export_bytes  # noqa: PLC0415 - as in import_
        from homespun.person.taking import contents  # noqa: PLC0415

        home = self._home
        found = contents(home, self.items.view)
        return export_bytes(found, passphrase=passphrase, settings=home.settings, entropy=home.entropy)

    def rectify(self, wrong: Event, right: Event) -> int:
        """Replace every event that equals ``wrong``, wherever it stands; the old values are gone as if erased.

        Returns:
            How many were replaced.

        Raises:
            MisuseError: If one of them is no Event, or they have different ids.
            ClosedError, ProfileError: See the classes.
        """
        for each in (wrong, right):
            _check_type("the event", each, Event, "make it an Event first")
        if wrong.id != right.id:
            raise MisuseError(f"the event's id is {wrong.id!r}, and it keeps it; give the right one the same.")
        self.bundle.check_kind(right.kind)
        done = self._home.rectify(wrong, right)
        return 0 if done is None else done.rows.get("event", 0)

    def sync(self, *, force: bool = False) -> "Outcome":
        """Ask for a newer bundle if it is time to, check it, and make lists from it from then on.

        Lists that are made meanwhile, and what explains them, stay with the bundle that they were begun with. To go on
        asking in the background, use ``updates.start()``.

        Args:
            force: Ask although it is not time to.

        Returns:
            ``UpToDate``, ``Updated``, ``Deferred``, ``Rejected`` or ``Unreachable`` (``homespun.sync``), each with what
            there is to tell. Whatever goes wrong on the way, the bundle in use stays.

        Raises:
            MisuseError: If no ``updates`` were given to ``open``.
            ClosedError: If the personalizer was closed.
        """
        return self.updates.sync(force=force)

    def sizes(self) -> Sizes | None:
        """Return how much the profile holds; None while there is none.

        Raises:
            ClosedError, ProfileError: See the classes.
        """
        return self._home.sizes()

    @property
    def completed_erasure(self) -> Receipt | None:
        """The receipt of an erasure that was completed at this opening; None if none was.

        It had been interrupted, or somebody restored a backup of the profile after it.
        """
        return self._home.completed

    def check(self) -> None:
        """Read and authenticate everything in the profile, which otherwise is done page by page as it is used.

        Raises:
            DamagedProfileError: If something was changed or cut short outside homespun.
            ClosedError, ProfileError: See the classes.
        """
        store = self._home.store()
        if store is not None:
            store.check()

    def erase(
        self,
        *,
        item: str | None = None,
        tag: str | None = None,
        between: tuple[float | None, float | None] | None = None,
        kind: str | None = None,
        inference: str | None = None,
    ) -> Receipt:
        """Erase the whole profile, keys first, and consent with it; or the part that is named, and only that.

        Events have to fit every condition given. What was derived from them, and what the person set about an
        erased item or tag, goes with them. The files that held it are rewritten under new keys, and the old keys
        destroyed.

        Args:
            item: Everything about one item.
            tag: Everything about items that carry a tag, by the bundle in use.
            between: From a time on until before another, seconds since 1970; None is open.
            kind: One kind of event.
            inference: An inferred interest, by its tag; it is not inferred again.

        Returns:
            What happened to each store, and what no program can vouch for; signed. A receipt that names an item
            keeps it, so the profile does not store it.

        Raises:
            MisuseError: If an argument is not what it should be.
            ProfileBusyError: If another process has the profile open (all), or is writing (a part); nothing was
                erased.
            ProfileStorageError: If the disk refuses; what was begun is completed at the next opening.
            ClosedError: If the personalizer was closed.
        """
        extent = Extent(item=item, tag=tag, between=between, kind=kind, inference=inference)
        self.policy.forget()
        return self._home.erase() if extent.is_everything else erase_part(self._home, self.items.view, extent)

    def close(self) -> None:
        """Close the profile; closing twice does nothing. The bundle stays open: it may be shared."""
        with self._console_lock:
            console = self._console
        if console is not None:
            console.close()
        self.updates.close()
        self.contributions.close()
        self.requests.stop()
        self.experiments.settle()
        self.policy.forget()
        self._home.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _check_updates(updates: object, bundle: Bundle | None) -> None:
    from homespun.sync import Updates  # noqa: PLC0415 - only who updates needs it

    _check_type("updates", updates, Updates, "make it with homespun.Updates(...)")
    if bundle is None:
        raise MisuseError(
            "an application that takes newer bundles ships the first one: give it as bundle=. The built-in sample is "
            "about films and never stands in for it."
        )


def _check_contributions(contributions: object, updates: "Updates | None") -> None:
    _check_type("contributions", contributions, Contributions | None, "make it with homespun.Contributions(...)")
    if contributions is not None and updates is None:
        raise MisuseError("tasks come from the channel of updates: give updates=homespun.Updates(...) as well.")


def _reports(clock: Clock, updates: "Updates | None") -> "Urllib3Transport":
    from homespun.contribute.urllib3_transport import Urllib3Transport  # noqa: PLC0415 - only who contributes needs it

    return Urllib3Transport(clock=clock, proxy=None if updates is None else updates.proxy)


def _contributing(
    home: Home,
    updater: "Updater | None",
    contributions: Contributions | None,
    updates: "Updates | None",
    sends: Sends | None,
) -> Contributing:
    hours = 0.0 if updates is None else updates.interval_hours
    return Contributing(home, updater, contributions, sends, interval_seconds=3600 * hours)


def _check_type(name: str, value: object, wanted: Any, advice: str) -> None:
    # Its type alone is told: the value may be a passphrase.
    if not isinstance(value, wanted):
        raise MisuseError(f"{name} is of type {type(value).__name__}; {advice}.")
