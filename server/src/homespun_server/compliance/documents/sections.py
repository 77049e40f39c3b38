"""Sections that several documents have: who decides, what is counted about people, what it costs, what is open."""

from collections.abc import Iterable, Iterator

from homespun.protocol.read_only import ReadOnlyDict
from homespun.protocol.statistics.standard import STANDARD
from homespun_server.compliance.documents.blocks import (
    Block,
    Document,
    Facts,
    Fill,
    Manner,
    Points,
    Rows,
    Source,
    Text,
    points,
)
from homespun_server.compliance.documents.declared import Entry, Purpose
from homespun_server.compliance.documents.gathering import Gathered

DISCLAIMER = (
    "Made by homespun-server from what is declared, published and set. It is a technical account and no legal advice: "
    "whether it is complete and right is for the controller to judge, and bases are options until one is chosen."
)

NOBODY = "none named"

_PLACES = ReadOnlyDict(
    {
        "device": "on the person's device",
        "servers": "on the controller's servers",
        "device and servers": "on the person's device and the controller's servers",
    }
)


def made(
    gathered: Gathered, kind: str, title: str, subtitle: str, blocks: Iterable[Block], sources: Iterable[Source] = ()
) -> Document:
    """Return a document with what all documents have."""
    return Document(
        kind=kind,
        title=title,
        subtitle=subtitle,
        controller=gathered.named,
        blocks=tuple(blocks),
        sources=(*gathered.sources(), *sources),
        disclaimer=DISCLAIMER,
    )


def controller(gathered: Gathered) -> Iterator[Block]:
    """Yield who decides about the processing."""
    who = gathered.controller
    yield Facts(
        (
            ("Controller", who.name),
            ("Address", who.address),
            ("Contact", who.contact),
            ("Data protection officer", who.officer or NOBODY),
            ("Representative in the Union (Art. 27)", who.representative or NOBODY),
            ("Application", gathered.settings.application),
            ("Processes in", ", ".join(who.jurisdictions)),
        )
    )


def purpose_facts(gathered: Gathered, purpose: Purpose) -> Facts:
    """Return what is declared of one purpose."""
    entries = gathered.declared.serving(purpose.name)
    return Facts(
        (
            ("What happens", purpose.what),
            ("Where", _PLACES[purpose.place]),
            ("Whose data", purpose.people),
            ("Categories of data", _categories(gathered, entries)),
            ("Sources", points(entry.source for entry in entries if entry.categories)),
            ("Recipients", points(name for entry in entries if entry.categories for name in entry.recipients)),
            ("Kept", _kept(entries)),
            ("Bases that it can rest on", points(purpose.bases)),
        )
    )


def statistics(gathered: Gathered) -> Iterator[Block]:
    """Yield what can be counted about people, in the words of the declarations, and what it has cost so far."""
    yield Text(
        "Nothing but sums over people is learnt on servers. What one person adds to each is bounded, and noise is "
        "added before anybody sees the sum."
    )
    rows = tuple((each.name, each.counts, each.description, each.purpose) for each in STANDARD)
    yield Rows(("Sum", "Counts", "What one person adds", "For"), rows, "The declared sums", widths=(3, 5, 8, 4))
    yield from privacy(gathered)


def privacy(gathered: Gathered) -> Iterator[Block]:
    """Yield the stated privacy: of every population's budget, and of the bundle that people meet."""
    if gathered.budgets:
        rows = tuple(
            (
                each.data_set,
                f"{each.unit}: {each.neighbours}",
                _ceiling(each.epsilon, each.period),
                _ceiling(each.lifetime_epsilon, "ever"),
                f"{each.lifetime.epsilon:.4g}",
                f"{each.delta:g}",
            )
            for each in gathered.budgets
        )
        columns = ("Population", "Unit", "ε at most", "ε at most, ever", "ε so far", "δ")
        yield Rows(columns, rows, "Privacy budgets", (4, 5), (3, 5, 4, 4, 3, 3))
        spends = tuple(
            (each.data_set, spend.statistic, spend.purpose, f"{spend.sigma / spend.l2_bound:.3f}", spend.time)
            for each in gathered.budgets
            for period in each.periods
            for spend in period.spends
        )
        headings = ("Population", "Sum", "For", "Noise by bound", "When")
        yield Rows(
            headings, spends, "What was released, and with how much noise (σ by L2 bound)", (3,), (3, 3, 5, 3, 4)
        )
    else:
        yield Text("No budget has been opened: no sum over people was charged in this working directory.", "soft")
    if gathered.live is not None:
        stated = gathered.live.privacy
        manner: Manner = "warning" if stated.kind == "non_private" else "plain"
        yield Text(f"Of the model in production: {stated.statement}", manner)
        if stated.kind == "differential_privacy":
            facts = (("Unit", stated.unit or ""), ("ε", str(stated.epsilon)), ("δ", str(stated.delta)))
            yield Facts((*facts, ("Releases", str(len(stated.releases)))))


def chosen_basis(purpose: Purpose) -> Fill:
    """Return the field for the basis of a purpose."""
    return Fill(f"The legal basis of “{purpose.title}”, and why it holds", "One of the options above, or another one.")


def measures(gathered: Gathered) -> tuple[str, ...]:
    """Return the declared protections, each once."""
    return tuple(dict.fromkeys(text for entry in gathered.declared.entries for text in entry.protection))


def entries_table(gathered: Gathered, entries: Iterable[Entry], caption: str) -> Rows:
    """Return what is declared of entries, one a row."""
    rows = tuple(
        (
            f"{entry.what} ({entry.name})",
            _categories(gathered, (entry,)),
            ", ".join(entry.purposes),
            entry.retention,
            "; ".join(entry.protection),
        )
        for entry in entries
    )
    return Rows(("What", "Data", "Purposes", "Kept", "Protected by"), rows, caption, widths=(5, 5, 3, 4, 5))


def _categories(gathered: Gathered, entries: Iterable[Entry]) -> Points:
    found = dict.fromkeys(category for entry in entries for category in entry.categories)
    return points(gathered.declared.categories[category] for category in found) or "No personal data"


def _kept(entries: Iterable[Entry]) -> Points:
    """Return time limits, each once, with what is kept so long."""
    found: dict[str, list[str]] = {}
    for entry in entries:
        if entry.categories:
            found.setdefault(entry.retention, []).append(entry.what)
    return points(f"{limit} ({'; '.join(what)})" for limit, what in found.items())


def _ceiling(epsilon: float | None, period: str) -> str:
    return "only counted" if epsilon is None else f"{epsilon:g} ({period})"
