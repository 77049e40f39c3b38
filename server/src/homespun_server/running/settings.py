"""What ``pipeline.toml`` says. Every key is an attribute here, and the reference is made from these docstrings.

Paths are relative to the file. Nothing is taken from the environment, and no key may be unknown.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from homespun_server.learning.options import FitOptions, Part

_DEFAULTS = FitOptions()

Share = Annotated[float, Meta(ge=0, le=1)]
Positive = Annotated[float, Meta(gt=0)]
Least = Annotated[int, Meta(ge=1)]
Count = Annotated[int, Meta(ge=0)]
Text = Annotated[str, Meta(max_length=4000)]


class Inputs(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The table about people, and the public catalogue.

    Attributes:
        interactions: The table: CSV, TSV, Parquet or JSON Lines. It is read in place, and never copied.
        items: The public catalogue, an item a row.
        columns: Which column of the table is what, by role: `user`, `item`, `time`, `kind`, `weight`. A role that is
            not named is filled by its usual names; an empty text leaves it empty.
        context: Columns of the table with circumstances.
        item_columns: The same of the catalogue, by role: `item`, `title`, `tags`, `text`.
        attributes: Further columns of the catalogue, for content and for the rules of policies.
        skip_bad_rows: Whether rows that cannot be used are left out and counted, instead of refused.
    """

    interactions: str
    items: str
    columns: dict[Literal["user", "item", "time", "kind", "weight"], str] = {}
    context: tuple[str, ...] = ()
    item_columns: dict[Literal["item", "title", "tags", "text"], str] = {}
    attributes: tuple[str, ...] = ()
    skip_bad_rows: bool = False


class Fit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The model, and what it may cost. The keys are the options of `homespun-server fit`.

    Attributes:
        epsilon: ε per training user; exactly one of it and `non_private` is given.
        delta: δ per user; None: the ledger's.
        non_private: Whether there is no guarantee; everything is marked so, and no production stage takes it.
        metrics_epsilon: ε per user kept aside, for released figures, by which the quality gates then decide. Spent for
            every bundle that is measured. None: they decide by exact figures, which never leave the operator's report.
        test_share: Share of users kept aside to measure with; above 0.
        min_weight: Least weight of a like; None: every event is one.
        kinds: The only kinds of events that devices may record; None: any.
        max_items: Most items in the model.
        max_sequence_items: Most items that transitions are counted of; None: 1,000, or all without privacy.
        dimensions: The model's largest rank.
        content_dimensions: The same of what scores by words and tags.
        parts: What the model is made of; None: collaborative and content, or with a blend all that the tables allow.
        model_bytes: Most bytes of the model's files.
        half_lives: Of what is popular lately, in days.
        as_of: When it is for trends, seconds since 1970; None: the time of the first run of these inputs.
        context_values: Circumstances to learn from, each with the values that are told apart.
        repeats: Whether what was chosen before may be recommended again.
        archetypes: How many typical tastes to find; 0: none.
        new_items_every: Every so-manieth place of a list is for an item that nobody was counted with; 0: none.
        policy: A policy's JSON file: how devices make lists; None: the bundle does not say.
        blend: A blend's JSON file; it makes the bundle non-private …
        public_blend: … unless it was learned on public data.
        users: The number of users, if it is public; it then stands on the card.
    """

    epsilon: Positive | None = None
    delta: Positive | None = None
    non_private: bool = False
    metrics_epsilon: Positive | None = None
    test_share: Annotated[float, Meta(gt=0, lt=1)] = _DEFAULTS.test_share
    min_weight: float | None = None
    kinds: tuple[str, ...] | None = None
    max_items: Least = _DEFAULTS.max_items
    max_sequence_items: Least | None = None
    dimensions: Least = _DEFAULTS.dimensions
    content_dimensions: Least = _DEFAULTS.content_dimensions
    parts: tuple[Part, ...] | None = None
    model_bytes: Least = _DEFAULTS.model_bytes
    half_lives: tuple[Positive, ...] = (2.0, 14.0, 60.0)
    as_of: Count | None = None
    context_values: dict[str, tuple[str, ...]] = {}
    repeats: bool = False
    archetypes: Count = 0
    new_items_every: Count = _DEFAULTS.new_items_every
    policy: str | None = None
    blend: str | None = None
    public_blend: str | None = None
    users: Count | None = None


class Ledger(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The budget ledger that a private run is charged to. Without this table a ledger in the work folder counts only.

    Attributes:
        data_set: The name of these people's data in it.
        store: A SQLite file; None: the working directory's store. A URL with a password belongs into the environment.
    """

    data_set: str
    store: str | None = None


class Evaluation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the model is measured: on the users kept aside, with paired 95% bootstrap intervals over users.

    Attributes:
        protocol: Strong generalization, by which the bundle that is measured is the very one that is published. Other
            protocols keep events from training; measure by them with `homespun-server evaluate`.
        k: Lengths of lists.
        max_users: Most users to test, by a published hash of their id; None: all who were kept aside.
        membership: Whether to attack the bundle with the operator's own likes.
        latency_runs: How many lists are timed.
    """

    protocol: Literal["strong"] = "strong"
    k: Annotated[tuple[Annotated[int, Meta(ge=1, le=1000)], ...], Meta(min_length=1)] = (10, 20, 50, 100)
    max_users: Least | None = None
    membership: bool = True
    latency_runs: Annotated[int, Meta(ge=20, le=100_000)] = 400


class Gates(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a bundle must meet before it is signed. A threshold that is `false` asks nothing, and its gate is left out.

    Attributes:
        lead_over_popularity: Least lower bound of the paired lead over popularity, in the evaluation's main metric.
        lead_over_incumbent: The same over the bundle that the channel has now; without one it is met.
        segment_floor: Least mean of the main metric in every part of the requests that has enough of them.
        segment_drop: Most by which that mean may lie below the incumbent's in any such part, in units of the metric.
        claim: Whether the bundle must state differential privacy, or use no data about people.
        max_epsilon: Largest ε that it may state.
        max_delta: Largest δ that it may state.
        unit: Whose presence the statement must protect.
        max_bundle_bytes: Most bytes of the bundle's files, its manifest included.
        p50_ms: Longest median time of a list, in milliseconds, on the machine that runs the pipeline.
        p99_ms: The same of the 99th percentile.
        max_lost_items: Largest share of the incumbent's items that may be missing.
        max_empty_titles: Largest share of items without a title.
        max_duplicate_titles: Largest share of items with a title that another item has, too.
        min_tagged: Least share of items with a tag.
        explained: Least share of scores of made-up histories to which their parts add up.
        max_advantage: Largest advantage of the membership attack, beyond what chance gives: the upper end of its
            interval.
        non_private_stages: Stages where a bundle without a guarantee may be published, for experiments; never
            `production`. This gate is always there, and cannot be overridden.
    """

    lead_over_popularity: float | None = 0.0
    lead_over_incumbent: float | None = -0.005
    segment_floor: float | None = None
    segment_drop: Share | None = 0.02
    claim: bool = True
    max_epsilon: Positive | None = 10.0
    max_delta: Positive | None = 1e-5
    unit: Literal["user", "installation per task"] | None = "user"
    max_bundle_bytes: Least | None = 50_000_000
    p50_ms: Positive | None = 20.0
    p99_ms: Positive | None = 100.0
    max_lost_items: Share | None = 0.1
    max_empty_titles: Share | None = 0.0
    max_duplicate_titles: Share | None = 0.2
    min_tagged: Share | None = None
    explained: Share | None = 1.0
    max_advantage: Share | None = 0.2
    non_private_stages: tuple[str, ...] = ()


class Publish(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the bundle goes, and how fast.

    Attributes:
        shares: Shares of devices that get it, one after the other, ascending and at most 1.
        hours: How long a share is left before the next; a later run of the same pipeline goes on to it.
        minimum_client: Least version of homespun that takes it; None: any.
        note: Why, for people; signed with the release.
    """

    shares: Annotated[tuple[Annotated[float, Meta(gt=0, le=1)], ...], Meta(min_length=1)] = (0.01, 0.1, 0.5, 1.0)
    hours: Annotated[float, Meta(ge=0)] = 24.0
    minimum_client: str | None = None
    note: Annotated[str, Meta(max_length=500)] = ""


class Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the card says in your own words: public facts, written before data was seen.

    Attributes:
        data: What the data are, and where they come from.
        intended_use: What the bundle is for.
        not_for: What it is not for.
        contact: Whom to ask.
    """

    data: Text = ""
    intended_use: Text = ""
    not_for: Text = ""
    contact: Text = ""


class Pipeline(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole file.

    Attributes:
        schema: Version of this format.
        name: The bundle's name for people.
        channel: Application and stage that it is for, as in `films/production`.
        inputs: The tables.
        fit: The model.
        ledger: The budget; None: a ledger in the work folder, which only counts.
        evaluation: How it is measured.
        gates: What it must meet.
        publish: How it is rolled out; None: it is registered, and nothing is signed.
        card: What the card says in your own words.
    """

    schema: Literal[1] = 1
    name: Annotated[str, Meta(min_length=1, max_length=200)]
    channel: str
    inputs: Inputs
    fit: Fit
    ledger: Ledger | None = None
    evaluation: Evaluation = msgspec.field(default_factory=Evaluation)
    gates: Gates = msgspec.field(default_factory=Gates)
    publish: Publish | None = None
    card: Card = msgspec.field(default_factory=Card)

    @property
    def stage(self) -> str:
        """The channel's stage."""
        return self.channel.rpartition("/")[2]
