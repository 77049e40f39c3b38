"""The recommender's main parameters: Art. 27 and 38 of Regulation (EU) 2022/2065 (DSA).

Told from the bundle and its policy by ``homespun.explain.parameters``: how much a part counts is measured by running
the model on made-up histories, and nobody's data is looked at, so that everybody may read it.
"""

from collections.abc import Iterator, Sequence

from homespun.explain.parameter_values import Parameters, PartShare, SurfaceParameters
from homespun_server.compliance.documents.blocks import Bars, Block, Document, Facts, Heading, Items, Rows, Text
from homespun_server.compliance.documents.gathering import Gathered, Live
from homespun_server.compliance.documents.sections import made
from homespun_server.errors import NotRegisteredError

_SHOWN = (0, 3, 10)
"""The numbers of liked items that shares are drawn for; tables have all."""


def recommender_parameters(gathered: Gathered) -> Document:
    """Return the page on the main parameters.

    Raises:
        NotRegisteredError: No bundle is in production.
    """
    if gathered.live is None:
        raise NotRegisteredError(
            "no bundle is in production, so there are no parameters to tell of. Publish one, or name one with --bundle."
        )
    title = "How recommendations are made"
    subtitle = "Main parameters of the recommender system, Art. 27 and 38 of Regulation (EU) 2022/2065 (DSA)"
    return made(gathered, "dsa-27", title, subtitle, _blocks(gathered.live))


def _blocks(live: Live) -> Iterator[Block]:
    found = live.parameters
    yield Text(
        "What you see is chosen on your device, from what you did in this application. Each item gets a score that "
        "is a plain sum of parts; the items with the largest scores are shown, with the exceptions below.",
        "lead",
    )
    version = () if live.version is None else (("Version", str(live.version)),)
    yield Facts((("Model", found.name), *version, ("Policy", found.policy)))
    yield Heading("Why these parameters")
    yield Text(
        "What you liked and what followed it says most about what you may like next; what many people like now helps "
        "where little is known of you. How far each part moves items apart was measured by running the model."
    )
    for surface in found.surfaces:
        yield Heading(f"Main parameters on “{surface.name}”")
        yield from _surface(found, surface)
    yield Heading("Items that are new")
    yield Text(found.new_items)
    yield Heading("How you can change this")
    yield Items(tuple(found.controls.values()))
    yield Heading("Without profiling (Art. 38)")
    yield Text(found.without_profile)
    for surface in found.surfaces:
        if surface.non_profiled:
            parts = [part for part in surface.parts if part.name in surface.non_profiled]
            yield _bars(parts, 0, f"On “{surface.name}” without personal data")
    yield Heading("How shares were measured")
    yield Text(
        f"A share is a part's variance over the catalogue by the sum of all parts' variances, as the mean over "
        f"{found.histories} made-up histories drawn by popularity (seed {found.seed}). No person's data was used.",
        "soft",
    )


def _surface(found: Parameters, surface: SurfaceParameters) -> Iterator[Block]:
    yield Text(surface.source)
    if surface.parts:
        for level in _SHOWN:
            place = found.levels.index(level) if level in found.levels else 0
            yield _bars(surface.parts, place, f"Relative importance with {_liked(found.levels[place])}")
        yield _table(found.levels, surface.parts, "Relative importance by how much is known")
    for case in surface.cases:
        yield _table(found.levels, case.parts, f"When {case.when}")
    if surface.stages:
        yield Heading("What happens before and after scoring", 3)
        yield Items(tuple(stage.text for stage in surface.stages))
    if surface.rules:
        yield Heading("Rules of the publisher", 3)
        yield Items(tuple(rule.text for rule in surface.rules))


def _bars(parts: Sequence[PartShare], level: int, caption: str) -> Bars:
    ordered = sorted(parts, key=lambda part: (-part.shares[level], part.name))
    return Bars(
        tuple((_sentence(part.text), part.shares[level], f"{part.shares[level]:.1%}") for part in ordered), caption
    )


def _table(levels: Sequence[int], parts: Sequence[PartShare], caption: str) -> Rows:
    columns = ("Part", *(_liked(level) for level in levels))
    rows = tuple((_sentence(part.text), *(f"{share:.1%}" for share in part.shares)) for part in parts)
    return Rows(columns, rows, caption, tuple(range(1, len(columns))), (5, *(2 for _ in levels)))


def _liked(number: int) -> str:
    return "1 liked item" if number == 1 else f"{number} liked items"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
