"""Every part that keeps something or has an effect, and what it needs: the register of the gate.

A part that is not registered here fails the tests: every table of the profile belongs to exactly one part, and so
does every module that touches the disk, a key store or the network. What a part keeps is exported in a section,
erased with the profile, and refused or inert without its purposes.

Pure: the register says what is needed; ``gate`` decides, and each part asks it.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from homespun.consent.purposes import Purpose

Block = Literal["pause", "private", "restriction", "objection", "non_profiled"]
"""What the person can set that stops a part although its purposes are granted."""

_STORAGE = Purpose.DEVICE_STORAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part.

    Attributes:
        name: Its name.
        purposes: All that must be granted.
        blocked_by: What stops it nevertheless.
        tables: What it keeps, as ``<kind of vault>.<table>``.
        compartment: What it keeps in ``state.kept``, by the compartment's name.
        section: The section of an export that shows it.
        unexported: Why no export shows it; one of the two is given.
        cleared: Whether withdrawing one of its purposes (beside storage) destroys what it kept.
        stays: What is told where it does not, if there is anything to tell.
        words: What it is, as effects and receipts call it.
    """

    name: str
    purposes: frozenset[Purpose]
    blocked_by: frozenset[Block] = frozenset()
    tables: tuple[str, ...] = ()
    compartment: str | None = None
    section: str | None = None
    unexported: str = ""
    cleared: bool = False
    stays: str = ""
    words: str


INDEX: Final = Part(
    name="index",
    purposes=frozenset({_STORAGE}),
    tables=("profile.vault", "profile.setting", "epoch.mark"),
    unexported="It holds keys and housekeeping, and nothing about the person.",
    words="the index of the profile's files",
)
CONSENT: Final = Part(
    name="consent",
    purposes=frozenset({_STORAGE}),
    tables=("profile.consent",),
    section="consents",
    words="consent records",
)
EVENTS: Final = Part(
    name="events",
    purposes=frozenset({_STORAGE, Purpose.PERSONALIZATION}),
    blocked_by=frozenset({"pause", "private", "objection"}),
    tables=("epoch.event",),
    section="events",
    stays="What was recorded stays in the profile, unused, until it is erased.",
    words="events",
)
SCORING: Final = Part(
    name="scoring",
    purposes=frozenset({_STORAGE, Purpose.PERSONALIZATION}),
    blocked_by=frozenset({"private", "restriction", "objection", "non_profiled"}),
    unexported="It keeps nothing; what it infers is in the section of interests.",
    words="lists from personal data",
)
EXPOSURES: Final = Part(
    name="exposures",
    purposes=frozenset({_STORAGE, Purpose.PERSONALIZATION}),
    blocked_by=frozenset({"pause", "private", "restriction", "objection", "non_profiled"}),
    tables=("epoch.exposure",),
    section="exposures",
    cleared=True,
    words="what was shown how often",
)
DECISIONS: Final = Part(
    name="decisions",
    purposes=frozenset({_STORAGE, Purpose.EXPLANATION_LOG}),
    blocked_by=frozenset({"private"}),
    tables=("epoch.decision",),
    section="decisions",
    cleared=True,
    words="explanation records",
)
CONTROLS: Final = Part(
    name="controls",
    purposes=frozenset({_STORAGE}),
    tables=("state.control",),
    section="controls",
    words="what the person set",
)
ATTRIBUTES: Final = Part(
    name="attributes",
    purposes=frozenset({_STORAGE}),
    tables=("state.attribute",),
    section="attributes",
    words="what the person declared",
)
LEARNING: Final = Part(
    name="learning",
    purposes=frozenset({_STORAGE, Purpose.PERSONALIZATION}),
    blocked_by=frozenset({"pause", "private", "restriction", "objection"}),
    tables=("state.kept",),
    compartment="learning",
    section="learning",
    cleared=True,
    words="what was learnt locally",
)
CACHE: Final = Part(
    name="cache",
    purposes=frozenset({_STORAGE, Purpose.PERSONALIZATION}),
    blocked_by=frozenset({"private", "restriction", "objection"}),
    tables=("state.kept",),
    compartment="cache",
    section="cache",
    cleared=True,
    words="caches",
)
EXPERIMENTS: Final = Part(
    name="experiments",
    purposes=frozenset({_STORAGE, Purpose.MEASUREMENT}),
    blocked_by=frozenset({"pause", "private", "restriction", "objection"}),
    tables=("state.kept",),
    compartment="experiments",
    section="experiments",
    cleared=True,
    words="the state of experiments",
)
MEETINGS: Final = Part(
    name="meetings",
    purposes=EXPERIMENTS.purposes,
    blocked_by=EXPERIMENTS.blocked_by,
    tables=("state.kept",),
    compartment="meetings",
    section="meetings",
    stays="The days stay until the experiments have ended, so that nobody is a newcomer twice.",
    words="on which day a variant of an experiment was first met",
)
CONTRIBUTIONS: Final = Part(
    name="contributions",
    purposes=frozenset({_STORAGE, Purpose.CONTRIBUTION}),
    blocked_by=frozenset({"private", "restriction", "objection"}),
    tables=("profile.outbox",),
    section="outbox",
    cleared=True,
    words="contributions that wait",
)
LEDGER: Final = Part(
    name="ledger",
    purposes=CONTRIBUTIONS.purposes,
    blocked_by=CONTRIBUTIONS.blocked_by,
    tables=("profile.egress",),
    section="egress",
    stays="What it says stays, because it tells what left.",
    words="the ledger of what left",
)
PROOF: Final = Part(
    name="proof",
    purposes=frozenset({_STORAGE, Purpose.CONSENT_PROOF}),
    blocked_by=frozenset({"private"}),
    tables=("state.kept",),
    compartment="proof",
    section="proof",
    stays="Receipts stay with the person; nothing more is reported.",
    words="reports of what was chosen, and the operator's receipts for them",
)
ANSWERS: Final = Part(
    name="answers",
    purposes=frozenset({_STORAGE, Purpose.REQUESTS}),
    blocked_by=frozenset({"private"}),
    tables=("state.kept",),
    compartment="answers",
    section="answers",
    cleared=True,
    words="requests that wait for the person, and what was answered",
)
ASKING: Final = Part(
    name="asking",
    purposes=frozenset({_STORAGE, Purpose.REQUESTS}),
    blocked_by=frozenset({"private"}),
    tables=("state.kept",),
    compartment="asking",
    unexported="It holds the keys by which this device is asked and answers; they never leave it.",
    cleared=True,
    words="the keys by which this device is asked and answers",
)
ROLLOUT: Final = Part(
    name="rollout",
    purposes=frozenset({_STORAGE}),
    tables=("state.kept",),
    compartment="rollout",
    section="rollout",
    words="the random number that decides when a staged release reaches this device",
)
TASKS: Final = Part(
    name="tasks",
    purposes=frozenset({_STORAGE}),
    tables=("state.kept",),
    compartment="tasks",
    section="tasks",
    words="when reports are due, and the random number that keeps this installation from being counted twice",
)

PARTS: Final = (
    INDEX,
    CONSENT,
    EVENTS,
    SCORING,
    EXPOSURES,
    DECISIONS,
    CONTROLS,
    ATTRIBUTES,
    LEARNING,
    CACHE,
    EXPERIMENTS,
    MEETINGS,
    CONTRIBUTIONS,
    LEDGER,
    PROOF,
    ANSWERS,
    ASKING,
    ROLLOUT,
    TASKS,
)
"""The register."""

IDENTIFIED: Final = MappingProxyType({str(Purpose.CONSENT_PROOF): PROOF, str(Purpose.REQUESTS): ANSWERS})
"""What leaves as the person's own, by its purpose: it needs that purpose, and not the one of contributing."""

COMPARTMENTS: Final = tuple(part for part in PARTS if part.compartment is not None)
"""The parts that keep values of their own in a compartment."""

SIDE_EFFECTS: Final = {
    "homespun.asked.afterwards": "keeps the receipt of an erasure beside the folder until it was taken",
    "homespun.cli.changing": "writes an export where the person asks for it",
    "homespun.cli.erasing": "writes a receipt where the person asks for it",
    "homespun.cli.opening": "reads a passphrase or a recovery key that the person names",
    "homespun.cli.output": "closes an output that nobody reads",
    "homespun.console.forms": "takes a form of the person's own page apart, without asking anybody",
    "homespun.console.handler": "answers the person's own browser, on this machine alone",
    "homespun.console.markup": "writes the addresses of the person's own page, without asking anybody",
    "homespun.console.serving": "listens on the loopback interface for the person's own browser",
    "homespun.console.site": "reads the page's style and script that are installed with the package",
    "homespun.contribute.cutting_off": "ends a connection that takes too long",
    "homespun.contribute.egress": "the only way out; asks for the part of what it sends right before it does",
    "homespun.contribute.urllib3_transport": "sends what the way out hands it, over the network",
    "homespun.model.catalogue": "reads a bundle",
    "homespun.model.runtime": "sets the model runtime's own telemetry off",
    "homespun.model.sample": "reads the bundle that is installed with the package",
    "homespun.model.session": "reads a bundle",
    "homespun.model.table_rows": "reads a bundle",
    "homespun.model.verify": "reads a bundle",
    "homespun.person.export.archive": "puts an export together in the file of ``writing``",
    "homespun.person.export.directory": "reads an export that the person hands in",
    "homespun.person.export.members": "reads an export that the person hands in",
    "homespun.person.decisions": "writes the records of decisions that the person asks for, where they say",
    "homespun.person.decisions_export": "reads the page's style that is installed with the package",
    "homespun.person.export.page": "reads the page's style that is installed with the package",
    "homespun.person.export.writing": "writes the export that the person asks for, where they say",
    "homespun.sync.collecting": "keeps the tasks that a channel signs",
    "homespun.sync.downloading": "keeps what was downloaded of a newer bundle",
    "homespun.sync.failing": "knows the errors of python-tuf",
    "homespun.sync.fetching": "asks for signed metadata, after the request is in the ledger, and keeps it",
    "homespun.sync.installing": "puts a newer bundle together on the disk",
    "homespun.sync.lock": "holds the lock of the updates' folder",
    "homespun.sync.repository": "asks for what a channel signs, after the request is in the ledger",
    "homespun.sync.requested": "keeps the list of requests that a channel signs",
    "homespun.sync.runner": "makes the updates' folder",
    "homespun.sync.settings": "names the updates' folder",
    "homespun.sync.store": "keeps bundles, and what is known of their repository",
    "homespun.sync.urllib3_http": "asks over the network for whoever wrote the request down",
    "homespun.testing.loopback": "serves an application's own tests, on this machine alone",
    "homespun.testing.repository": "reads bundles that an application's own tests release",
    "homespun.testing.signing": "signs what an application's own tests release",
}
"""Modules that touch the disk, a key store or the network outside ``homespun.profile``, and why they may."""
