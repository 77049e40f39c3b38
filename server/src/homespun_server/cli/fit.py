"""``homespun-server fit``: train a bundle from interactions, or from the catalogue alone."""

import argparse
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from homespun.errors import MisuseError
from homespun_server.cli.model_options import add_model_options, validation_of, with_model_options
from homespun_server.cli.policy_option import add_policy_option, policy_of
from homespun_server.cli.replaying import erase_again_near
from homespun_server.cli.signing import add_directory_option
from homespun_server.cli.tables import account_of, add_table_options, interaction_columns, item_columns
from homespun_server.display import progress, report_view
from homespun_server.learning import FitOptions
from homespun_server.pipeline import fit, fit_content
from homespun_server.privacy.zcdp import DEFAULT_DELTA

_DEFAULTS = FitOptions()


def _fit(options: argparse.Namespace, console: Console) -> None:
    settings = replace(
        _DEFAULTS,
        name=options.name or (options.interactions or options.items or Path("homespun")).stem,
        min_weight=options.min_weight,
        test_share=options.test_share,
        max_items=options.max_items,
        dimensions=options.dimensions,
        kinds=None if options.kinds is None else tuple(options.kinds),
        policy=policy_of(options),
    )
    settings = with_model_options(settings, options)
    if options.interactions is None:
        _fit_content(options, settings, console)
        return
    erase_again_near(options, "fit", options.interactions)
    with progress(console) as observer:
        fitted = fit(
            options.interactions,
            items=options.items,
            out=options.out,
            epsilon=options.epsilon,
            delta=options.delta,
            non_private=options.non_private,
            metrics_epsilon=options.metrics_epsilon,
            account=account_of(options),
            options=settings,
            validation=validation_of(options),
            interaction_columns=interaction_columns(options),
            item_columns=item_columns(options),
            skip_bad_rows=options.skip_bad_rows,
            observer=observer,
        )
    console.print(report_view(fitted.report))
    console.print(f"To publish: {fitted.bundle}\nTo keep to yourself: {options.out / 'report.json'}", highlight=False)


def _fit_content(options: argparse.Namespace, settings: FitOptions, console: Console) -> None:
    if options.items is None:
        raise MisuseError("give a table of interactions, or --items for a bundle from the catalogue alone, or both.")
    private = (options.epsilon, options.delta, options.metrics_epsilon, options.store, options.data_set)
    if any(given is not None for given in private) or options.non_private:
        raise MisuseError(
            "a bundle from the catalogue alone uses no data about people; leave --epsilon, --delta, --non-private and "
            "what belongs to a budget out, or give a table of interactions."
        )
    with console.status("Reading words and tags"):
        folder = fit_content(
            options.items,
            out=options.out,
            options=settings,
            item_columns=item_columns(options),
            skip_bad_rows=options.skip_bad_rows,
        )
    console.print(f"A bundle from the catalogue alone, at no privacy cost. To publish: {folder}", highlight=False)


def configure(command: argparse.ArgumentParser) -> None:
    """Give the command its arguments."""
    command.description = (
        "Train a bundle. With INTERACTIONS say what privacy is wanted: --epsilon or --non-private. "
        "Without INTERACTIONS the bundle is made from the items' words and tags, at no privacy cost."
    )
    command.set_defaults(run=_fit)
    command.add_argument(
        "interactions", nargs="?", type=Path, metavar="INTERACTIONS", help="CSV, TSV, Parquet or JSON Lines"
    )
    command.add_argument("--items", type=Path, metavar="ITEMS", help="the public catalogue; needed with --epsilon")
    command.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="gets bundle/ and report.json; with --epsilon also releases/ and, without --store, budget.sqlite",
    )
    command.add_argument("--epsilon", type=float, metavar="E", help="ε per user")
    command.add_argument("--delta", type=float, metavar="D", help=f"δ per user ({DEFAULT_DELTA:g})")
    command.add_argument(
        "--metrics-epsilon",
        type=float,
        metavar="E",
        help="ε, of users kept aside alone, for quality on the card (none); up to --epsilon the fit costs no more",
    )
    command.add_argument("--store", metavar="PATH|URL", help="the operator's budget ledger (DIR/budget.sqlite)")
    command.add_argument("--data-set", metavar="NAME", help="the name of these people's data in that ledger")
    command.add_argument("--non-private", action="store_true", help="no guarantee; everything is marked so")
    command.add_argument("--name", help="the bundle's name for people")
    command.add_argument("--min-weight", type=float, metavar="W", help="least weight (rating) of a like (any)")
    command.add_argument("--kinds", nargs="+", metavar="KIND", help="the only kinds that devices may record (any)")
    command.add_argument(
        "--test-share",
        type=float,
        metavar="S",
        default=_DEFAULTS.test_share,
        help="share of users kept aside to measure quality (0.1)",
    )
    command.add_argument(
        "--max-items", type=int, metavar="M", default=_DEFAULTS.max_items, help="most items in the model (3000)"
    )
    command.add_argument(
        "--dimensions", type=int, metavar="K", default=_DEFAULTS.dimensions, help="of the model: its largest rank (96)"
    )
    add_policy_option(command, "none")
    add_model_options(command)
    add_table_options(command)
    add_directory_option(command)
