"""Exporting an audit bundle: everything is gathered, listed with its hash, and signed with the log's key."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from homespun.protocol.canonical import canonical
from homespun_server._version import __version__
from homespun_server.compliance.audit import (
    gathering_bundles,
    gathering_consents,
    gathering_documents,
    gathering_log,
    gathering_people,
)
from homespun_server.compliance.audit.container import pack
from homespun_server.compliance.audit.contents import (
    CONSENT_RECEIPTS,
    EXPLANATIONS,
    MANIFEST,
    PREFIX,
    SIGNATURE,
    AuditManifest,
    plain,
)
from homespun_server.compliance.keys import ComplianceKeys
from homespun_server.compliance.log import open_log
from homespun_server.errors import OutputError
from homespun_server.settings import ServerSettings
from homespun_server.store import Store
from homespun_server.store.moments import Now, text_of, utc_now


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is to be exported.

    Attributes:
        since: Since when entries and requests are; ledgers, bundles and metadata are always whole.
        explanations: Files of explanation records, a JSON a line; the files of their bundles are put beside them.
        bundle_files: Whether the files of every registered bundle are.
        consents: Whether every consent event is, under its pseudonym: personal data, which no erasure takes back.
        receipts: Files of receipts for consents that people handed over, a JSON a line.
    """

    since: datetime
    explanations: tuple[Path, ...] = ()
    bundle_files: bool = False
    consents: bool = False
    receipts: tuple[Path, ...] = ()


def export(
    settings: ServerSettings, store: Store, keys: ComplianceKeys, wanted: Wanted, *, now: Now = utc_now
) -> bytes:
    """Return an audit bundle.

    Before, the log catches up with what was done, and a checkpoint is signed. Documents are made where the settings say
    who decides about the processing.

    Args:
        settings: The working directory's settings.
        store: Its store.
        keys: Its compliance keys.
        wanted: What is to be in it.
        now: Returns the time.

    Raises:
        BundleError: The bundle in production is damaged.
        LedgerError: A budget ledger is damaged.
        OutputError: A file that was named cannot be read.
        TransparencyError: The log does not continue what was signed before.
    """
    log, moment = open_log(settings, store, keys, now), now()
    since = text_of(wanted.since)
    requests = gathering_people.requests(store, since)
    documents = gathering_documents.documents(settings, store)
    log.catch_up()
    # What is told of a request is fixed as a whole: the rules that went for it, who acted, and every word.
    for content in gathering_people.fixed(requests):
        log.append("request", content, reference=f"{content['request']} as {content['sha256']}")
    for content in gathering_documents.fixed(documents):
        log.append("document", content, reference=f"{content['kind']} as {content['sha256']}")
    checkpoint = log.checkpoint()
    records = dict(_lines(wanted.explanations, EXPLANATIONS))
    members = {
        **gathering_log.members(log, checkpoint.size, since),
        **gathering_log.ledgers(store),
        **gathering_bundles.registered(store, settings.bundles, records.values(), everything=wanted.bundle_files),
        **gathering_bundles.repository(settings.repository),
        **requests,
        **gathering_people.consents(store),
        **(gathering_consents.events(log, checkpoint.size) if wanted.consents else {}),
        **dict(_lines(wanted.receipts, CONSENT_RECEIPTS)),
        **documents,
        **records,
    }
    manifest = AuditManifest(
        created=text_of(moment),
        since=since,
        server=__version__,
        log_key=keys.log_key,
        receipts_key=keys.receipts_key,
        members={name: hashlib.sha256(content).hexdigest() for name, content in members.items()},
    )
    return pack({**members, **signed_manifest(manifest, keys)})


def signed_manifest(manifest: AuditManifest, keys: ComplianceKeys) -> dict[str, bytes]:
    """Return the manifest and its signature as members."""
    written = canonical(plain(manifest))
    return {MANIFEST: written, SIGNATURE: keys.log.sign(PREFIX + written).hex().encode()}


def _lines(paths: Iterable[Path], prefix: str) -> Iterable[tuple[str, bytes]]:
    for number, path in enumerate(paths, 1):
        try:
            content = path.read_bytes()
        except OSError as error:
            raise OutputError(f"{path} cannot be read: {error}. Nothing was exported.") from error
        yield f"{prefix}{number}.jsonl", content if content.endswith(b"\n") else content + b"\n"
