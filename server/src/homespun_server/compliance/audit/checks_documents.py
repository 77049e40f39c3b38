"""Check of the generated documents: they are as they were logged, and were made from what is here."""

from homespun.errors import ProofError
from homespun_server.compliance.audit.contents import DOCUMENTS, decoded
from homespun_server.compliance.audit.evidence import Evidence, sha256
from homespun_server.compliance.documents.blocks import BUNDLE, LEDGER, Document, ledger_source
from homespun_server.compliance.documents.making import TITLES


def documents(evidence: Evidence) -> tuple[int, str]:
    """Check every document against the log, and the sources that it names against the ledgers and bundles here."""
    known = {(said["kind"], said["sha256"]) for said in evidence.said_of("document")}
    found: dict[str, Document] = {}
    for name, raw in evidence.below(DOCUMENTS):
        kind = name.removesuffix(".json")
        found[kind] = decoded(raw, Document, f"{DOCUMENTS}{name}")
        if (kind, sha256(raw)) not in known or found[kind].kind != kind:
            raise ProofError(f"the document {kind} is another than the log knows.")
    for document in found.values():
        _check_sources(evidence, document)
    sources = {source for each in found.values() for source in each.sources}
    if len({source.name for source in sources}) < len(sources):
        raise ProofError("two documents name the same source with two digests: they were not made together.")
    left_out = ", ".join(kind for kind in TITLES if kind not in found)
    here = sum(source.name.startswith((BUNDLE, LEDGER)) for source in sources)
    told = f"documents are as they were logged; {here} of the {len(sources)} sources that they name are here"
    return len(found), f"of {len(TITLES)} {told}" + (f"; not included: {left_out}" if left_out else "")


def _check_sources(evidence: Evidence, document: Document) -> None:
    """Check the sources that are in the bundle; of the others, for instance settings, it has nothing to compare."""
    heads = {ledger_source(each.name, each.hashes[-1]) for each in evidence.ledgers if each.hashes}
    bundles = {each.bundle for each in evidence.registered}
    named = {source for source in document.sources if source.name.startswith(LEDGER)}
    if named != heads:
        raise ProofError(f"the document {document.kind} was made from other budget ledgers than those that are here.")
    for source in document.sources:
        if source.name.startswith(BUNDLE) and source.digest not in bundles:
            raise ProofError(
                f"the document {document.kind} was made from the bundle {source.digest[:12]}, which nobody registered."
            )
