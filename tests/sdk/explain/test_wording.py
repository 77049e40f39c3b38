from collections.abc import Mapping
from typing import Any

import pytest

from homespun.errors import MisuseError
from homespun.explain.explaining import explain, reasons
from homespun.explain.wording import REASONS, Wording
from homespun.model.bundle import Bundle
from homespun.protocol.events import Event
from tests.sdk.deciding import decide

EVENTS = [Event("item-3", "rate", 1.0, 5.0), Event("item-8", "watch", 2.0)]
GERMAN = {
    "because": "weil du {what}",
    "done": "{title} {verb}",
    "done_twice": "{title} und {other} {verb}",
    "and": "{first} sowie {second}",
    "popular": "allgemein beliebt",
    "nothing": "{general}; nichts von dir spricht dafür",
    "unknown": "{general}; über dich ist noch nichts bekannt",
    "not_personal": "{general}; nicht persönlich: {refusal}",
    "refused": "du hast es nicht erlaubt",
    "verb": "gewählt hast",
    "verb_rate": "bewertet hast",
    "verb_watch": "gesehen hast",
}


@pytest.mark.parametrize(
    ("templates", "words"),
    [
        ({"becuase": "weil {what}"}, "no template 'becuase'"),
        ({3: "weil"}, "no template 3"),
        ({"because": "weil {why}"}, "the field 'why', and may have what"),
        ({"because": "weil {}"}, "the field '', and may have what"),
        ({"because": "weil {0}"}, "the field '0'"),
        ({"because": "weil {what.__class__}"}, "the field 'what.__class__'"),
        ({"because": "weil {what[0]}"}, r"the field 'what\[0\]'"),
        ({"because": "weil {what!r}"}, "formats a field"),
        ({"because": "weil {what:>99999999}"}, "formats a field"),
        ({"because": "weil {what"}, "cannot be read"),
        ({"because": ""}, "or empty"),
        ({"because": None}, "of type NoneType"),
        ({"popular": "beliebt bei {name}"}, "may have none"),
        ({"verb_read": "las {title}"}, "may have none"),
        (["because"], "of type list"),
        ("because", "of type str"),
    ],
)
def test_a_template_that_cannot_be_filled_is_found_when_it_is_used(templates: Any, words: str) -> None:
    with pytest.raises(MisuseError, match=words):
        Wording(templates)


def test_a_translation_is_not_used_or_mixed_with_english(bundle: Bundle) -> None:
    german = Wording(GERMAN)
    for events in (EVENTS, [], None, [Event("not-in-this-bundle")]):
        decision = decide(bundle, events, k=40, now=0.0)
        found = reasons(decision, german)
        assert len(found) == len(reasons(decision))
        for item, told, english in zip(decision.ranked.positions.tolist(), found, reasons(decision), strict=True):
            assert told.startswith("weil du ") == english.startswith("because you ")
            assert not {"because", "you", "and", "popular", "known"} & set(told.split())
            assert explain(decision, bundle.items[item], german).reason == told
    assert any("bewertet hast" in told for told in reasons(decide(bundle, EVENTS, k=40, now=0.0), german))
    assert set(reasons(decide(bundle, [], k=3, now=0.0), german)) == {
        "allgemein beliebt; über dich ist noch nichts bekannt"
    }
    assert set(reasons(decide(bundle, None, k=3, now=0.0), german)) == {
        "allgemein beliebt; nicht persönlich: du hast es nicht erlaubt"
    }


def test_a_template_that_leaves_a_field_out_is_refused(bundle: Bundle) -> None:
    curt = Wording({"unknown": "für alle", "because": "{{weil}} {what}"})
    assert set(reasons(decide(bundle, [], k=3, now=0.0), curt)) == {"für alle"}
    assert any(told.startswith("{weil} ") for told in reasons(decide(bundle, EVENTS, k=9, now=0.0), curt))


def test_a_title_that_looks_like_a_template_is_filled() -> None:
    assert Wording().say("done", verb="read", title="{verb} {0}") == "read {verb} {0}"


def test_a_kind_of_its_own_has_no_verb() -> None:
    assert Wording().verb("haul") == "chose"
    assert Wording({"verb_haul": "dragged home"}).verb("haul") == "dragged home"
    assert Wording({"verb": "took"}).verb("haul") == "took"


def test_the_default_templates_are_not_what_they_ask_of_others() -> None:
    given: Mapping[str, str] = REASONS
    assert Wording(given).say("because", what="saw it") == "because you saw it"
