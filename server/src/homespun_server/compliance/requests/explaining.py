"""The explanation in an answer: of lists whose records the person hands over; or why there is none.

Every record is made again first; one that does not come out stops the answer. Nothing of the records is kept here: the
layers go into the person's file alone, and whoever makes another file brings the records again.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from homespun.errors import BundleError, RecordError, UntrustedInputError
from homespun.protocol.policy import parse_policy
from homespun_server.compliance.documents.blocks import Document, Text
from homespun_server.compliance.documents.gathering import gather
from homespun_server.compliance.documents.recommender import recommender_parameters
from homespun_server.compliance.documents.rendering import as_page
from homespun_server.compliance.explanations.executed import Remaker, opened
from homespun_server.compliance.explanations.exporting import FORMATS
from homespun_server.compliance.explanations.layers import Explained as ExplainedList
from homespun_server.compliance.explanations.layers import explained
from homespun_server.compliance.explanations.reading import parse_given
from homespun_server.compliance.explanations.words import Words, words_of
from homespun_server.compliance.requests.effects import Explained
from homespun_server.compliance.requests.ports import Copy
from homespun_server.errors import NotRegisteredError, RequestError, SettingsError
from homespun_server.publishing.registry import Registry
from homespun_server.settings import ServerSettings
from homespun_server.store import Store

FOLDER = "explanations"

MOST_RECORDS = 1_000
"""Records that one answer explains."""

_FORMATS = ("html", "jsonl")


@dataclass(frozen=True, kw_only=True)
class Brought:
    """What the person handed over, and what it is explained with.

    Attributes:
        lines: Records or support cases, a line of JSON each; none: there are none.
        bundles: Folders of bundles that are not in the registry.
        policies: Policies beside the bundles' own.
        words: The sentences of a language.
        titles: What items are called, in place of the bundles' titles, by id.
    """

    lines: Sequence[bytes] = ()
    bundles: Sequence[Path] = ()
    policies: Sequence[bytes] = ()
    words: Words = field(default_factory=words_of)
    titles: Mapping[str, str] = field(default_factory=dict)


class Explaining:
    """Makes what an answer explains."""

    def __init__(self, settings: ServerSettings, store: Store, registry: Registry) -> None:
        """Use a working directory.

        Args:
            settings: Its settings.
            store: Its store.
            registry: Its bundles.
        """
        self._settings, self._store, self._registry = settings, store, registry

    def lists(self, brought: Brought) -> tuple[tuple[Copy, ...], Explained]:
        """Make lists again, and return the files that explain them, with what they explain.

        Raises:
            RequestError: A record is none, does not come out as it was recorded, or its bundle is not here.
        """
        try:
            found = tuple(self._explained(brought))
        except UntrustedInputError as error:  # a record, a bundle or a policy
            raise RequestError(f"{error} So no answer was made, and nothing was recorded.") from error
        copies = tuple(
            Copy(f"{FOLDER}/lists.{name}", FORMATS[name](found, brought.words), len(found)) for name in _FORMATS
        )
        bundles = tuple(sorted({each.record.bundle for each in found}))
        return copies, Explained(records=len(found), bundles=bundles)

    def none(self, reason: str, brought: Brought) -> tuple[Copy, ...]:
        """Return the files that say why no list is explained, and how lists are made (Art. 27 DSA).

        Raises:
            RequestError: It cannot be told how lists are made: nobody is named who decides, or there is no bundle.
        """
        try:
            bundle = brought.bundles[0] if brought.bundles else None
            page = as_page(recommender_parameters(gather(self._settings, self._store, bundle)))
        except (SettingsError, NotRegisteredError, BundleError) as error:
            raise RequestError(
                f"an answer without explained lists tells how lists are made, and cannot: {error} Nothing was recorded."
            ) from error
        why = (as_page(_why(reason, self._settings)), f"{FOLDER}/why-none.html")
        return tuple(Copy(name, content, 1) for content, name in (why, (page, f"{FOLDER}/how-lists-are-made.html")))

    def _explained(self, brought: Brought) -> Iterator[ExplainedList]:
        given = [parse_given(number, line) for number, line in enumerate(_few(brought.lines), 1)]
        policies = [parse_policy(raw, "the policy") for raw in brought.policies]
        with ExitStack() as stack:
            bundles = {each.id: each for each in (stack.enter_context(closing(opened(at))) for at in brought.bundles)}
            remakers: dict[str, Remaker] = {}
            for each in given:
                wanted = each.record.bundle
                if wanted not in remakers:
                    bundle = bundles.get(wanted) or stack.enter_context(closing(opened(self._folder(wanted))))
                    remakers[wanted] = Remaker(bundle, policies, brought.titles)
                yield explained(each, remakers[wanted], brought.words)

    def _folder(self, bundle: str) -> Path:
        try:
            return self._registry.folder(bundle)
        except NotRegisteredError as error:
            raise RecordError(
                f"a list was made with the bundle {bundle[:12]}, which is not registered here and was not given."
            ) from error


def said(found: Explained) -> Mapping[str, object]:
    """Return what an event says of what was explained."""
    return {"explained": msgspec.to_builtins(found)}


def _few(lines: Iterable[bytes]) -> Sequence[bytes]:
    found = [line for line in lines if line.strip()]
    if not 1 <= len(found) <= MOST_RECORDS:
        raise RecordError(f"{len(found):,} records were given; an answer explains 1 to {MOST_RECORDS:,}.")
    return found


def _why(reason: str, settings: ServerSettings) -> Document:
    controller = settings.compliance.controller
    return Document(
        kind="explanation",
        title="Why no single list is explained here",
        subtitle="Answer to a request for an explanation, Art. 15(1)(h) GDPR",
        controller="" if controller is None else f"{controller.name}, {' '.join(controller.address.split())}",
        blocks=(
            Text(reason, "lead"),
            Text(
                "What is recommended to you is chosen on your device, by a program, from what you did in the "
                "application. The record of a list is kept there, if you allow it, and nowhere else: your device shows "
                "you each list with every part of every score, and makes it again without what you name."
            ),
            Text("How lists are made, for everybody, is told in how-lists-are-made.html, beside this page."),
        ),
        sources=(),
        disclaimer="This is a technical account and no legal advice.",
    )
