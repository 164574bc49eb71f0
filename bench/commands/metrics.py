"""``bench metrics``: what can be computed, exactly which variant, and from which source."""

from __future__ import annotations

import click

from bench.commands.terminal import format_option, print_json, print_table


@click.command()
@format_option
def metrics(style: str) -> None:
    """List the metrics with their units, directions and sources."""
    from bench.metrics.spec import metric_specs

    specs = metric_specs().values()
    if style == "json":
        print_json(
            [
                {
                    "name": spec.name,
                    "version": spec.version,
                    "unit": spec.unit,
                    "direction": spec.direction,
                    "range": spec.range,
                    "sample_rates": [spec.sample_rate] if spec.sample_rate else [],
                    "min_duration": spec.min_duration,
                    "summary": spec.summary,
                    "source": spec.source,
                }
                for spec in specs
            ]
        )
        return
    print_table(
        ("metric", "unit", "better", "Hz", "what it measures", "source"),
        [
            (
                spec.name,
                spec.unit or "-",
                spec.direction,
                str(spec.sample_rate or "any"),
                spec.summary,
                spec.source,
            )
            for spec in specs
        ],
        fold=5,
    )
