"""``bench mushra simulate``: a listening test that never took place, for planning."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from bench.commands.terminal import FailedError
from mushra_web.commands.analyze import present


@click.command()
@click.option(
    "--protocol",
    type=click.Choice(["hilcodec", "bs1534-3"]),
    default="bs1534-3",
    show_default=True,
    help="hilcodec: low anchor only, with its own screening; bs1534-3: both anchors.",
)
@click.option(
    "--listeners", type=click.IntRange(min=2), default=13, show_default=True, help="All of them."
)
@click.option(
    "--careless",
    type=click.IntRange(min=0),
    default=2,
    show_default=True,
    help="How many of them rate without listening.",
)
@click.option(
    "--items",
    type=click.IntRange(min=2),
    default=12,
    show_default=True,
    help="In three categories.",
)
@click.option(
    "--means",
    help="Expected scores, such as new=83,old=75. [default: four codecs at 83, 75, 66 and 63]",
)
@click.option(
    "--spread",
    help="Standard deviations in points. [default: "
    "listener=6,item=5,taste=4,suitability=4,error=8,reference_error=2]",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of all draws."
)
@click.option(
    "-o",
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for ratings, model, analysis, figures and tables.",
)
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="The summary and the tables, or the whole analysis.",
)
def simulate(
    protocol: Any,  # click admits only the protocols
    listeners: int,
    careless: int,
    items: int,
    means: str | None,
    spread: str | None,
    seed: int,
    out: Path,
    style: str,
) -> None:
    """Draw the ratings of a MUSHRA test from a stated model, and analyse them.

    The model has effects of listener, item, taste and suitability, and error; OUT/model.json
    states it with the expected scores.
    """
    import dataclasses

    import numpy as np

    from bench.run_folder import write_bytes
    from mushra_web.analysis.analysis import analyse
    from mushra_web.analysis.options import Options
    from mushra_web.analysis.simulation import changed_model, protocol_design
    from mushra_web.analysis.simulation import simulate as draw
    from mushra_web.ratings import RatingError, to_csv

    try:
        model = changed_model(protocol, _numbers(means, "--means"), _numbers(spread, "--spread"))
        design = protocol_design(protocol, items=items, listeners=listeners, careless=careless)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    table = draw(model, design, np.random.default_rng(seed), name=f"simulated-{protocol}")
    stated = {
        "model": dataclasses.asdict(model),
        "expected_scores": {name: model.expected_score(name) for name in model.means},
        "design": dataclasses.asdict(design),
        "seed": seed,
    }
    try:
        write_bytes(out / "ratings.csv", to_csv(table).encode())
        write_bytes(out / "model.json", json.dumps(stated, indent=1).encode())
    except OSError as error:
        raise FailedError(f"{error.filename} cannot be written: {error.strerror}.") from error
    try:
        analysis = analyse(table, Options(screening=design.rule, seed=seed))
    except RatingError as error:
        raise FailedError(f"{error} The ratings are in {out / 'ratings.csv'}.") from error
    present(analysis, table, out=out / "analysis.json", report=out, style=style)


def _numbers(text: str | None, option: str) -> dict[str, float]:
    """Numbers by name, from ``name=number`` separated by commas."""
    numbers = {}
    for part in filter(None, (text or "").split(",")):
        name, _, value = part.partition("=")
        try:
            numbers[name.strip()] = float(value)
        except ValueError as error:
            raise click.UsageError(f"{option} has {part!r}; NAME=NUMBER expected.") from error
    return numbers
