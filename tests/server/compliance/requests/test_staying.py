"""What cannot be erased is kept quiet, or a model without a guarantee is called anonymous."""

import json
from fractions import Fraction
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select, update

from homespun_server.errors import RequestError
from homespun_server.privacy.ledger import BudgetLedger, BudgetPolicy
from homespun_server.privacy.spend import Spend
from homespun_server.publishing.directory import open_registry
from homespun_server.store import SqlLog
from homespun_server.store.moments import text_of
from homespun_server.store.schema import bundles
from homespun_server.store.schema_asking import asking_devices
from tests.server.compliance.requests.support import ADA, CSV, OTHER, PARQUET, PERSON, Office, write_tables


def register(desk: Office, folder: Path, seed: int, *, private: bool = False, table: str = "one") -> str:
    """Register a version of one bundle."""
    from tests.server.api.support import bundle_of

    registry = open_registry(desk.settings, desk.store, desk.clock)
    version = registry.add(
        bundle_of(folder / f"bundle-{seed}", seed), lineage={"inputs": {"interactions": table}}, gates={}
    )
    _privacy(desk, version.id, "differential_privacy" if private else "non_private")
    return version.id


def _privacy(desk: Office, bundle: str, privacy: str) -> None:
    values = {"privacy": privacy, "epsilon": "4", "delta": "1e-06", "created": text_of(desk.clock())}
    with desk.store.writing() as connection:
        connection.execute(update(bundles).where(bundles.c.id == bundle).values(**values))


def spend(desk: Office, released: str | None = None) -> None:
    ledger = BudgetLedger(SqlLog(desk.store), "films", lambda: desk.clock().timestamp())
    ledger.open(BudgetPolicy(epsilon=4.0, delta=1e-6, period="once"))
    with ledger.reserve([((), Fraction(1, 10))], "a test") as reservation:
        charge = reservation.spend(
            Spend(
                statistic="item-counts",
                mechanism="discrete-gaussian",
                l2_bound=1,
                sigma=10,
                rho=Fraction(1, 200),
                declaration="d" * 64,
                path=(),
            )
        )
        if released is not None:
            charge.claim()
            charge.released(released)


def registered_device(desk: Office, device: str, subject: str) -> None:
    row = {"device": device, "subject": subject, "key": "", "secret": b"", "sequence": 1, "answered": 0}
    with desk.store.writing() as connection:
        connection.execute(insert(asking_devices).values(**row, renewed=text_of(desk.clock())))


def devices_of(desk: Office, subject: str) -> int:
    query = select(func.count()).where(asking_devices.c.subject == subject)
    with desk.store.reading() as connection:
        return int(connection.execute(query).scalar_one())


def test_a_release_is_not_disclosed(desk: Office) -> None:
    spend(desk)
    stays = desk.desk.disclosed().aggregates
    assert [(each.data_set, each.statistic, each.unit) for each in stays] == [("films", "item-counts", "user")]
    assert 0 < float(stays[0].epsilon) < 4
    assert "It rests on the operator" in stays[0].argument
    request = desk.opened()
    effect = desk.desk.saga.work(request.id, ADA).effects["released statistics"]
    assert (effect.outcome, effect.records) == ("kept", 1)


def test_more_is_said_of_a_release_than_its_figures_say(desk: Office) -> None:
    spend(desk)
    stays = desk.desk.disclosed().aggregates[0]
    assert f"e^{stays.epsilon} times the chance without them, plus {stays.delta}" in stays.argument
    assert f"changes the odds that the data were in it by at most the factor e^{stays.epsilon}" in stays.argument
    effect = desk.desk.saga.work(desk.opened().id, ADA).effects["released statistics"]
    assert stays.argument in effect.detail
    assert "nobody can" not in effect.detail


@pytest.mark.parametrize(
    ("unit", "rests"),
    [
        ("user", "It rests on the operator, who saw the table"),
        ("installation per task", "It rests on leader and helper not working together"),
        (None, "Its card does not say whose loss that is"),
    ],
)
def test_a_model_rests_on_somebody_else_or_nobody_knows_on_which_round(
    desk: Office, tmp_path: Path, unit: str | None, rests: str
) -> None:
    hash_of = "f" * 64
    spend(desk, hash_of)
    stated = {"privacy": {"unit": unit, "releases": [{"statistic": "item-counts"}]}}
    bundle = register(desk, tmp_path, 1, private=True)
    values = {"card": json.dumps(stated), "lineage": json.dumps({"releases": [{"sha256": hash_of}]})}
    with desk.store.writing() as connection:
        connection.execute(update(bundles).where(bundles.c.id == bundle).values(**values))
    model = desk.desk.disclosed().models[0]
    assert (model.unit, model.statistics, model.made) == (unit, ("item-counts",), text_of(desk.clock()))
    assert rests in model.argument
    release = desk.desk.disclosed().aggregates[0]
    assert model.rounds == (f"films/{release.round}",)


def test_a_card_of_another_form_ends_the_disclosure(desk: Office, tmp_path: Path) -> None:
    bundle = register(desk, tmp_path, 1, private=True)
    with desk.store.writing() as connection:
        connection.execute(update(bundles).where(bundles.c.id == bundle).values(card='{"privacy": 1}'))
    model = desk.desk.disclosed().models[0]
    assert (model.unit, model.rounds, model.epsilon) == (None, (), "4")


def test_a_model_without_a_guarantee_is_called_erased(desk: Office, tmp_path: Path) -> None:
    old = register(desk, tmp_path, 1)
    request = desk.opened()
    course = desk.desk.saga.work(request.id, ADA)
    assert (course.state, course.missing, course.untrained) == ("partial", ("models",), (old,))
    assert "not called anonymous" in desk.desk.disclosed().models[0].argument
    # Neither the model of before, nor one from the very same table, is one without the person.
    desk.clock.pass_(hours=1)
    register(desk, tmp_path, 2, table="one")
    assert desk.desk.saga.check_models(request.id, ADA).untrained == (old,)
    made = register(desk, tmp_path, 3, table="two")
    course = desk.desk.saga.work(request.id, ADA)
    assert (course.state, dict(course.models)) == ("completed", {old: made})
    assert desk.desk.requests.act(request.id, "closed", ADA).state == "closed"


@pytest.mark.parametrize("by", ["looking", "working"])
def test_a_request_stays_pending_after_its_model_was_made_again(desk: Office, tmp_path: Path, by: str) -> None:
    subject = desk.known()
    old = register(desk, tmp_path, 1)
    request = desk.opened()
    desk.desk.saga.work(request.id, ADA)
    assert desk.desk.requests.act(request.id, "closed", ADA, {"pending": True}).state == "closed_pending"
    registered_device(desk, "a" * 32, subject)
    assert desk.desk.saga.check_waiting(ADA) == ()
    desk.clock.pass_(hours=1)
    made = register(desk, tmp_path, 3, table="two")
    if by == "looking":
        assert desk.desk.saga.check_waiting(ADA) == (request.id,)
    else:
        desk.desk.saga.work(request.id, ADA)
    details = desk.desk.requests.get(request.id)
    assert (details.request.state, details.untrained) == ("closed", ())
    assert [each.detail for each in details.timeline if each.what == "retrained"] == [{"bundle": old, "evidence": made}]
    assert devices_of(desk, subject) == 0
    assert desk.desk.saga.check_waiting(ADA) == ()
    with pytest.raises(RequestError, match="closed"):
        desk.desk.saga.work(request.id, ADA)


def test_an_end_between_finding_a_model_and_recording_it_keeps_a_request_pending(desk: Office, tmp_path: Path) -> None:
    register(desk, tmp_path, 1)
    request = desk.opened()
    desk.desk.saga.work(request.id, ADA)
    desk.desk.requests.act(request.id, "closed", ADA, {"pending": True})
    desk.clock.pass_(hours=1)
    register(desk, tmp_path, 3, table="two")
    retrainings = desk.desk.saga._remaking._retrainings
    assert retrainings is not None
    assert retrainings.check(request.id)[0].evidence  # and then the program ends
    assert desk.desk.saga.check_waiting(ADA) == (request.id,)
    assert desk.desk.requests.get(request.id).request.state == "closed"


def test_a_model_is_made_again_while_rows_are_still_there(desk: Office, tmp_path: Path) -> None:
    register(desk, tmp_path, 1)
    text = (desk.settings.folder / CSV).read_bytes()
    (desk.settings.folder / CSV).write_bytes(b"nothing\n")
    request = desk.opened()
    assert desk.desk.saga.work(request.id, ADA).models == {}
    (desk.settings.folder / CSV).write_bytes(text)
    assert len(desk.desk.saga.work(request.id, ADA).models) == 1


@pytest.mark.parametrize("person", [PERSON, "nobody-that-is-there"])
def test_models_are_made_again_for_nobody(desk: Office, tmp_path: Path, person: str) -> None:
    register(desk, tmp_path, 1, private=person == PERSON)
    request = desk.opened(person=person)
    assert desk.desk.saga.work(request.id, ADA).effects["models"].outcome == "nothing"


def test_who_left_the_table_before_they_asked_is_said_not_to_be_in_a_model(desk: Office, tmp_path: Path) -> None:
    register(desk, tmp_path, 1)
    for name in (CSV, PARQUET):
        (desk.settings.folder / name).unlink()
    write_tables(desk.settings.folder, people=(OTHER, "user-000019", "user-000020"))
    effect = desk.desk.saga.work(desk.opened().id, ADA).effects["models"]
    assert effect.outcome == "nothing"
    name = open_registry(desk.settings, desk.store, desk.clock).versions()[0].name
    assert "cannot be known here" in effect.detail
    assert f"That goes for {name}." in effect.detail
