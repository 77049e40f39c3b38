"""Bundle: the bundle that was measured, byte for byte, with a card that says how it was judged."""

from pathlib import Path

import msgspec

from homespun_server.evaluation.synthetic import identity_of, main_parameters
from homespun_server.publishing.amending import amend
from homespun_server.publishing.card import SCHEMA_VERSION, Card, encode_card
from homespun_server.publishing.limitations import of_figures
from homespun_server.publishing.review import About, decision_note
from homespun_server.results import BUNDLE_FOLDER
from homespun_server.running.cache import write_json
from homespun_server.running.job import Job
from homespun_server.running.lineage import FILE as LINEAGE_FILE
from homespun_server.running.overrides import on_card
from homespun_server.running.steps.card import additions
from homespun_server.running.steps.gates import judged
from homespun_server.running.tracing import lineage_of

FILE = "bundle.json"


class Bundled(msgspec.Struct, frozen=True, kw_only=True):
    """The bundle that was made.

    Attributes:
        identity: Its id.
        train: The key of the training that it is from.
        channel: What it is for.
        release: The key of the counts that it is from.
    """

    identity: str
    train: str
    channel: str
    release: str = ""


def bundle(job: Job, made: Path) -> None:
    """Write the bundle, and beside it the lineage."""
    draft, target = job.made("train") / BUNDLE_FOLDER, made / BUNDLE_FOLDER
    card = _card(job, main_parameters(draft))
    amend(draft, encode_card(card), privacy=card.privacy, to=target)
    identity = identity_of(target)
    keys, channel = job.keys, job.pipeline.channel
    write_json(made / FILE, Bundled(identity=identity, train=keys["train"], channel=channel, release=keys["release"]))
    write_json(made / LINEAGE_FILE, lineage_of(job, identity))


def bundled(folder: Path) -> Bundled:
    """Return what was made."""
    return msgspec.json.decode((folder / FILE).read_bytes(), type=Bundled)


def _card(job: Job, parameters: str) -> Card:
    added, found, said = additions(job), judged(job.made("gates")), job.pipeline.card
    gates = on_card(found.results, found.overrides)
    quality = None if added.quality is None else added.quality.value
    note = decision_note(gates)
    before = tuple(of_figures(added.draft.privacy, None))
    kept = tuple(each for each in added.draft.limitations if each not in before)
    return msgspec.structs.replace(
        added.draft,
        schema=SCHEMA_VERSION,
        privacy=added.privacy,
        quality=quality,
        segments=None if added.segments is None else added.segments.value,
        sources=added.sources,
        limitations=(*kept, *of_figures(added.privacy, quality)),
        about=About(said.data, said.intended_use, said.not_for, said.contact),
        main_parameters=parameters,
        gates=gates,
        privacy_notes=(note,) if note else (),
    )
