"""``bench codebooks``: how well the codecs of a run use their codebooks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.commands.terminal import (
    NothingMeasuredError,
    format_option,
    print_json,
    print_table,
)

if TYPE_CHECKING:
    from bench.codebook_use import CodebookUse

FEW_CODES = 10  # per entry; with fewer the plug-in entropy is visibly too low


@click.command()
@click.argument("run", type=click.Path(exists=True, file_okay=False))
@format_option
def codebooks(run: str, style: str) -> None:
    """Print use, entropy and perplexity of each codebook, over all items of a RUN.

    Entropies are in bits. The plug-in entropy is too low where there are few codes; the value of
    Miller and Madow corrects for that. Exit status 3 says that no codec of the run has codebooks.
    """
    from bench.codebook_use import CodebookError, codebook_use, count_codes
    from bench.store import Store, StoreError

    found: dict[str, tuple[CodebookUse, ...]] = {}
    try:
        with Store(Path(run)) as store:
            for condition in store.conditions():
                try:
                    counts = count_codes(store, condition.id, condition.codec)
                except CodebookError as error:
                    click.echo(str(error), err=True)
                    continue
                found[condition.id] = codebook_use(counts)
    except StoreError as error:
        raise click.UsageError(str(error)) from error
    if not found:
        raise NothingMeasuredError("no condition of this run has codebooks to count.")
    if style == "json":
        print_json([_as_json(condition, uses) for condition, uses in found.items()])
        return
    for name, uses in found.items():
        _print_condition(name, uses)


def _print_condition(condition: str, uses: tuple[CodebookUse, ...]) -> None:
    from bench.codebook_use import bitrate_efficiency

    print_table(
        ("codebook", "entries", "used", "entropy", "Miller-Madow", "perplexity", "efficiency"),
        [
            (
                str(use.level),
                str(use.size),
                f"{100 * use.utilisation:.1f} %",
                f"{use.entropy:.3f}",
                f"{use.entropy_miller_madow:.3f}",
                f"{use.perplexity:.1f}",
                f"{100 * use.efficiency:.1f} %",
            )
            for use in uses
        ],
        title=f"{condition}: bitrate efficiency {100 * bitrate_efficiency(uses):.1f} % "
        f"over {uses[0].n_codes} frames",
    )
    if uses[0].n_codes < FEW_CODES * max(use.size for use in uses):
        click.echo(
            f"Only {uses[0].n_codes / uses[0].size:.1f} frames per entry: use and plug-in entropy "
            "would still grow with more audio."
        )


def _as_json(condition: str, uses: tuple[CodebookUse, ...]) -> dict[str, object]:
    from bench.codebook_use import bitrate_efficiency

    return {
        "condition": condition,
        "n_frames": uses[0].n_codes,
        "bitrate_efficiency": bitrate_efficiency(uses),
        "codebooks": [
            {
                "level": use.level,
                "size": use.size,
                "n_used": use.n_used,
                "utilisation": use.utilisation,
                "entropy": use.entropy,
                "entropy_miller_madow": use.entropy_miller_madow,
                "perplexity": use.perplexity,
                "efficiency": use.efficiency,
            }
            for use in uses
        ],
    }
