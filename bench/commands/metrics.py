"""``bench metrics``: what can be computed, exactly which variant, and from which source."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from bench.commands.terminal import format_option, print_json, print_table

if TYPE_CHECKING:
    from bench.metrics.cost import Cost
    from bench.metrics.spec import MetricSpec


@click.command()
@click.argument("name", required=False)
@click.option("--no-cost", is_flag=True, help="With NAME: do not measure what the metric costs.")
@format_option
def metrics(name: str | None, no_cost: bool, style: str) -> None:
    """List the metrics with their units, directions and sources, or tell all about one.

    NAME is a metric or a preset. The page of a metric gives its equation, range, rates, shortest
    input, source, caveats and the CPU time that it takes on this machine.
    """
    from bench.metrics.presets import PRESETS

    if name in PRESETS:
        _print_preset(name, style=style)
        return
    if name is not None:
        _print_page(name, measured=not no_cost, style=style)
        return
    from bench.metrics.spec import metric_specs

    specs = metric_specs().values()
    if style == "json":
        print_json([_as_json(spec) for spec in specs])
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
    print_table(
        ("preset", "metrics", "source"),
        [
            *((name, ", ".join(preset.metrics), preset.source) for name, preset in PRESETS.items()),
            ("full", "all of the above", "-"),
        ],
        fold=1,
    )


def _print_preset(name: str, *, style: str) -> None:
    from bench.metrics.presets import PRESETS

    preset = PRESETS[name]
    if style == "json":
        print_json({"name": name} | asdict(preset))
        return
    for heading, text in (
        ("preset", name),
        ("metrics", ", ".join(preset.metrics)),
        ("source", preset.source),
        ("note", preset.note),
    ):
        if text:
            click.echo(f"{heading:<10}{text}")


def _print_page(name: str, *, measured: bool, style: str) -> None:
    import inspect

    from bench.metrics.spec import MetricUnavailableError, metric_spec

    try:
        spec = metric_spec(name)
    except (LookupError, MetricUnavailableError) as error:
        raise click.UsageError(str(error.args[0])) from error
    unavailable, definition, cost = "", "", None
    try:
        definition = inspect.getdoc(spec.load()) or ""
        cost = _measure(spec) if measured else None
    except MetricUnavailableError as error:
        unavailable = str(error)
    if style == "json":
        measurement = None if cost is None else cost.median
        print_json(
            _as_json(spec)
            | {"definition": definition, "cost": measurement, "unavailable": unavailable}
        )
        return
    for heading, text in (
        ("metric", f"{spec.name}, version {spec.version}: {spec.summary}"),
        ("unit", spec.unit or "none"),
        ("better", spec.direction),
        ("range", " to ".join("open" if end is None else f"{end:g}" for end in spec.range)),
        ("rate", f"{spec.sample_rate} Hz" if spec.sample_rate else "that of the comparison"),
        ("channels", "averaged" if spec.mono else "all"),
        ("shortest", f"{spec.min_duration:g} s" if spec.min_duration else "see the definition"),
        ("source", spec.source),
        ("caveat", spec.caveat),
        ("needs", spec.requires),
        ("cost", _cost_line(cost) if cost else ""),
        ("missing", unavailable),
    ):
        if text:
            click.echo(f"{heading:<10}{text}")
    if definition:
        click.echo(f"\n{definition}")


def _measure(spec: MetricSpec) -> Cost:
    from bench.engines import pin_threads

    pin_threads()
    from bench.metrics.cost import measure_cost

    return measure_cost(spec)


def _cost_line(cost: Cost) -> str:
    return (
        f"{1000 * cost.median:.3g} ms CPU per second of a pair at {cost.sample_rate} Hz "
        f"({1000 * cost.lowest:.3g} to {1000 * cost.highest:.3g}, n = {cost.repeats})"
    )


def _as_json(spec: MetricSpec) -> dict[str, object]:
    return {
        "name": spec.name,
        "version": spec.version,
        "unit": spec.unit,
        "direction": spec.direction,
        "range": spec.range,
        "sample_rates": [spec.sample_rate] if spec.sample_rate else [],
        "min_duration": spec.min_duration,
        "summary": spec.summary,
        "source": spec.source,
        "caveat": spec.caveat,
        "requires": spec.requires,
    }
