"""``bench mushra build``: a listening test from a run or from folders of files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.commands.terminal import (
    FailedError,
    format_option,
    print_json,
    print_table,
    progress_on_stderr,
    words,
)

if TYPE_CHECKING:
    from mushra_web.building.build_plan import BuildPlan
    from mushra_web.building.material import Material
    from mushra_web.listening_test import ListeningTest

METHODS = ("mushra", "bs1116", "ab", "abx", "acr", "dcr", "ccr")
FLAGS = {"keep_level": ("match_level", False), "no_training": ("training", ())}


@click.command()
@click.argument("run", required=False, type=click.Path(exists=True, file_okay=False))
@click.option("--reference", type=click.Path(), help="Folder (or manifest) of references.")
@click.option(
    "--degraded",
    multiple=True,
    type=click.Path(),
    help="Folder of decoded files named like the references; may be given several times.",
)
@click.option("-o", "--out", type=click.Path(), help="Test folder. [default: RUN-METHOD]")
@click.option(
    "--config",
    type=click.Path(dir_okay=False),
    help="TOML file with any of the choices below and more; options win over it.",
)
@click.option("--method", type=click.Choice(METHODS), help="How listeners rate. [default: mushra]")
@click.option("--title", help="What listeners read first. [default: Listening test]")
@click.option(
    "--conditions",
    callback=words,
    help="Conditions such as hilcodec@3, separated by commas. [default: those that all items have]",
)
@click.option("--items", callback=words, help="Items, separated by commas. [default: all]")
@click.option(
    "--rule",
    type=click.Choice(["all", "random", "worst", "median", "best"]),
    help="How items are chosen from each category. [default: all]",
)
@click.option("--per-category", type=click.IntRange(min=1), help="Items of each category.")
@click.option("--metric", help="By which worst and best are told. [default: visqol_audio]")
@click.option(
    "--anchors",
    callback=words,
    help="Anchors of a MUSHRA test; none for none. [default: anchor35,anchor70]",
)
@click.option("--excerpt", type=float, help="Seconds heard of longer items, where loudest.")
@click.option("--max-duration", type=float, help="Longest item in seconds. [default: 12]")
@click.option(
    "--sample-rate",
    type=click.IntRange(8000, 96000),
    help="Rate of the files in Hz. [default: that of the items]",
)
@click.option("--loudness", type=float, help="Loudness of all items in LUFS. [default: -23]")
@click.option("--keep-level", is_flag=True, help="Leave the gain of codecs in.")
@click.option("--no-training", is_flag=True, help="Begin without training trials.")
@click.option(
    "--blocked", is_flag=True, help="Spread too many conditions over several trials per item."
)
@click.option(
    "--trials-per-listener",
    type=click.IntRange(min=1),
    help="Trials of one session, in balanced blocks. [default: all]",
)
@click.option(
    "--screening",
    type=click.Choice(["huggins", "antiphase", "none"]),
    help="How headphones are recognised. [default: none]",
)
@click.option("--completion-code", help="Shown at the end, for crowd workers.")
@click.option(
    "--seed", type=click.IntRange(min=0), help="Of everything drawn. [default: an unguessable one]"
)
@format_option
def build(
    run: str | None,
    reference: str | None,
    degraded: tuple[str, ...],
    out: str | None,
    config: str | None,
    style: str,
    **choices: Any,  # the options above, by the names of the configuration's keys
) -> None:
    """Build a listening test from a RUN, or from --reference and --degraded folders.

    The build verifies the files that it wrote and says how many listeners it takes.
    """
    from mushra_web.building.anchors import AnchorError
    from mushra_web.building.build_plan import BuildError, read_plan
    from mushra_web.building.material import MaterialError

    try:
        plan = read_plan(Path(config) if config else None, _given(choices))
        material = _material(run, reference, degraded)
        folder = _folder(run, out, plan.method)
        test = _build(material, plan, folder)
    except (AnchorError, BuildError, MaterialError) as error:
        raise click.UsageError(str(error)) from error
    _report(test, folder, style)
    failed = [check.name for check in test.build_report if not check.passed]
    if failed:
        raise FailedError(f"not as it should be: {', '.join(failed)}; see the table.")


def _given(choices: dict[str, Any]) -> dict[str, object]:  # options of all types
    """The choices that the command line makes, as a configuration would say them."""
    given: dict[str, object] = {}
    for name, value in choices.items():
        if name in FLAGS:
            if value:
                key, meaning = FLAGS[name]
                given[key] = meaning
        elif value not in (None, (), False):
            given[name] = value
    if given.get("anchors") == ("none",):
        given["anchors"] = ()
    return given


def _material(run: str | None, reference: str | None, degraded: tuple[str, ...]) -> Material:
    from bench.corpus import CorpusError
    from bench.pairs import match_folders
    from bench.store import StoreError
    from mushra_web.building.material import folder_material, run_material

    if bool(reference) != bool(degraded):
        raise click.UsageError("--reference and --degraded go together.")
    if (run is None) == (reference is None):
        raise click.UsageError("give one of: a RUN, or --reference with --degraded.")
    try:
        if run is not None:
            return run_material(Path(run))
        assert reference is not None
        return folder_material(match_folders(Path(reference), [Path(name) for name in degraded]))
    except (CorpusError, StoreError) as error:
        raise click.UsageError(str(error)) from error


def _build(material: Material, plan: BuildPlan, folder: Path) -> ListeningTest:
    from mushra_web.building.build import build_test

    try:
        with progress_on_stderr() as progress:
            test = build_test(material, plan, folder, progress)
            for note in test.notes:
                progress.note(f"note: {note}")
    except OSError as error:
        raise FailedError(
            f"the test {folder} cannot be written: {error.strerror}. Nothing of it is left."
        ) from error
    return test


def _folder(run: str | None, out: str | None, method: str) -> Path:
    if out is not None:
        return Path(out)
    if run is None:
        raise click.UsageError("name the test folder with -o.")
    path = Path(run)
    return path.with_name(f"{path.resolve().name}-{method}")


def _report(test: ListeningTest, folder: Path, style: str) -> None:
    if style == "json":
        print_json(
            {
                "folder": str(folder),
                "id": test.id,
                "method": test.method,
                "seed": test.seed,
                "n_trials": len(test.trials),
                "trials_per_listener": len(test.assignment[0]),
                "n_blocks": len(test.assignment),
                "conditions": sorted({s.condition for t in test.trials for s in t.stimuli}),
                "items": list(dict.fromkeys(trial.item for trial in test.trials)),
                "checks": [
                    {"name": c.name, "passed": c.passed, "detail": c.detail}
                    for c in test.build_report
                ],
                "power": list(test.power_note),
                "notes": list(test.notes),
            }
        )
        return
    rows = [(c.name, "yes" if c.passed else "NO", c.detail) for c in test.build_report]
    print_table(("verified in the files", "holds", "measured"), rows, fold=2)
    items = len(dict.fromkeys(trial.item for trial in test.trials))
    click.echo(
        f"{folder}: {test.method}; {len(test.trials)} trials ({items} items), "
        f"{len(test.assignment[0])} of them for each listener ({len(test.assignment)} blocks in "
        f"turn), {len(test.training)} for training; seed {test.seed}."
    )
    for line in test.power_note:
        click.echo(line)
    click.echo(f"Next: bench mushra serve {folder}")
