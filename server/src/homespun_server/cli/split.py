"""``homespun-server split``: divide a table into what trains and what is held out, for ``fit`` and ``evaluate``."""

import argparse
from pathlib import Path

from rich.console import Console

from homespun_server.cli.protocols import add_protocol_options, protocol_of
from homespun_server.cli.replaying import erase_again_near
from homespun_server.cli.signing import add_directory_option
from homespun_server.cli.tables import add_table_options, interaction_columns, item_columns
from homespun_server.evaluation.dividing import HELD_OUT_FILE, TRAINING_FILE, divide
from homespun_server.evaluation.protocols import Liked
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.items import Items


def _split(options: argparse.Namespace, console: Console) -> None:
    protocol, skip = protocol_of(options, Liked()), options.skip_bad_rows
    columns = interaction_columns(options)
    erase_again_near(options, "split", options.interactions)
    items = None if options.items is None else Items.read(options.items, item_columns(options), skip_bad_rows=skip)
    with (
        console.status("Reading and dividing"),
        Interactions.read(options.interactions, columns, items=items, skip_bad_rows=skip) as interactions,
    ):
        split = divide(interactions, protocol, options.out).for_the_operator()
    console.print(split.text)
    for reason, count in split.left_out.items():
        console.print(f"Left out: {count:,} {reason}.", highlight=False)
    console.print(
        f"To train from: {options.out / TRAINING_FILE}\nHeld out: {options.out / HELD_OUT_FILE}\n"
        f"To evaluate: homespun-server evaluate {options.out} --bundle …",
        highlight=False,
        soft_wrap=True,
    )


def configure(command: argparse.ArgumentParser) -> None:
    """Give the command its arguments."""
    command.description = (
        "Divide a table of interactions. Fit from training.parquet; then evaluate with the folder. No event that is to "
        "be predicted is in training.parquet. The folder is as personal as the table."
    )
    command.set_defaults(run=_split)
    command.add_argument("interactions", type=Path, metavar="INTERACTIONS", help="CSV, TSV, Parquet or JSON Lines")
    command.add_argument("--items", type=Path, metavar="ITEMS", help="the catalogue")
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="gets the two tables and split.json")
    add_protocol_options(command)
    add_directory_option(command)
    add_table_options(command)
