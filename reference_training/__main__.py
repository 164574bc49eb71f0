"""Command line: ``python -m reference_training train|export|evaluate|constants|variance|bench``."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import click

CONFIG = click.argument("config", type=click.Path(exists=True, dir_okay=False, path_type=Path))
BITRATES = click.option(
    "--bitrates",
    default="1.5,3,6,9",
    show_default=True,
    help="Bitrates in kbit/s, separated by commas.",
)

ABLATION = click.option(
    "--ablation", default="", help="Leave out one part: a row of the paper's Table I, by name."
)
DEPTH = click.option(
    "--extra-blocks",
    default=0,
    show_default=True,
    help="Residual blocks per level beyond those of CONFIG (Fig. 5).",
)


@contextlib.contextmanager
def _usage_errors() -> Iterator[None]:
    """Mistakes in the configuration end the program with exit code 2 and their message."""
    try:
        yield
    except (ValueError, LookupError) as error:
        raise click.UsageError(str(error)) from error


@click.group()
def main() -> None:
    """Train HILCodec or SoundStream, and export and score what was trained."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")


@main.command()
@CONFIG
@click.option("--processes", default=1, show_default=True, help="Processes on this machine.")
@ABLATION
@DEPTH
def train(config: Path, processes: int, ablation: str, extra_blocks: int) -> None:
    """Train as CONFIG (TOML) says; the same command again continues where it stopped.

    The signal TERM ends the run with a checkpoint. Under torchrun each process joins its team.
    """
    from reference_training import training_run
    from reference_training.distributed import run_team

    request = training_run.RunRequest(config, ablation, extra_blocks)
    with _usage_errors():
        request.config()
    if processes > 1 and "RANK" not in os.environ:
        run_team(processes, training_run.train, request)
    else:
        training_run.train(request)


@main.command()
@CONFIG
@click.option(
    "--output",
    "-o",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The safetensors file to write.",
)
@click.option(
    "--evaluation",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Scores to put into the file, as evaluate prints them.",
)
def export(config: Path, output: Path, evaluation: Path | None) -> None:
    """Write the last checkpoint of the run CONFIG as weights that load as their codec."""
    from reference_training.checkpoint import load_state
    from reference_training.config import read_config
    from reference_training.export import Provenance
    from reference_training.export import export as write_export

    with _usage_errors():
        run = read_config(config)
    state = load_state(run.output, run.model.to_json())
    if state is None:
        raise click.ClickException(f"{run.output} has no checkpoint; train first.")
    scores = json.loads(evaluation.read_text()) if evaluation else {}
    write_export(state, output, Provenance(run.licence, run.data_description, scores))


@main.command()
@click.argument("weights", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@BITRATES
@click.option("--limit", type=int, help="Items per category; all by default.")
def evaluate(weights: Path, folder: Path, bitrates: str, limit: int | None) -> None:
    """Print scores of exported WEIGHTS on FOLDER (index.csv with id, category, file) as JSON."""
    from reference_training import evaluation

    codec = evaluation.exported_codec(weights)
    items = evaluation.first_items(evaluation.read_items(folder), limit)
    rates = [round(1000 * float(rate)) for rate in bitrates.split(",")]
    table = {
        "scores": evaluation.summarise(list(evaluation.evaluate(codec, items, rates))),
        "codebook_use": evaluation.codebook_use(codec, items),
    }
    click.echo(json.dumps(table, indent=1))


@main.command()
@CONFIG
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a figure, for example variance.svg (needs matplotlib).",
)
@ABLATION
@DEPTH
def variance(config: Path, plot: Path | None, ablation: str, extra_blocks: int) -> None:
    """Print the variance after each layer of the untrained network of CONFIG as JSON."""
    from reference_training.propagation import plot_profile, variance_profile
    from reference_training.training_run import RunRequest

    with _usage_errors():
        model = RunRequest(config, ablation, extra_blocks).config().hilcodec
    profile = variance_profile(model)
    if plot:
        plot_profile(profile, plot)
    click.echo(json.dumps({layer.layer: round(layer.variance, 4) for layer in profile}, indent=1))


@main.command()
@CONFIG
@click.option("--batches", default=50, show_default=True, help="Batches to measure.")
def constants(config: Path, batches: int) -> None:
    """Print the [model] entries that normalise the audio of CONFIG, measured on it, as TOML."""
    from reference_training.batches import Sampler
    from reference_training.config import read_config
    from reference_training.corpus import open_corpus
    from reference_training.normalisation import measured_constants

    with _usage_errors():
        run = read_config(config)
        network = run.hilcodec
    corpus = open_corpus(run.data, network.sample_rate)
    model = measured_constants(
        network,
        Sampler(corpus, run.data, run.seed),
        n_batches=batches,
        batch_size=run.batch_size,
    )
    click.echo(f"waveform_std = {model.waveform_std}")
    click.echo(f"spectrogram_means = {list(model.spectrogram_means)}")
    click.echo(f"spectrogram_stds = {list(model.spectrogram_stds)}")


@main.command()
@click.option("--size", default="24/32", show_default=True, help="Channels of encoder/decoder.")
@click.option("--batch", default=2, show_default=True, help="Items per step.")
@click.option("--repeats", default=7, show_default=True, help="Timed steps.")
def bench(size: str, batch: int, repeats: int) -> None:
    """Time training steps (half a second per item, one thread) with and without our kernels."""
    import torch

    from codec_zoo.models.hilcodec.config import HilCodecConfig
    from reference_training.speed import compare_kernels

    torch.set_num_threads(1)
    encoder, decoder = (int(channels) for channels in size.split("/"))
    model = HilCodecConfig(encoder_channels=encoder, decoder_channels=decoder, exact_spectrum=True)
    times = compare_kernels(model, batch_size=batch, n_samples=12_160, repeats=repeats)
    click.echo(f"{'':28}{'CPU s/step':>11}{'min':>8}{'max':>8}{'CPU s/audio s':>15}{'gain':>7}")
    for entry in times:
        click.echo(
            f"{entry.name:28}{entry.median:11.3f}{min(entry.cpu_seconds):8.3f}"
            f"{max(entry.cpu_seconds):8.3f}{entry.median / entry.audio_seconds:15.3f}"
            f"{times[0].median / entry.median:6.2f}x"
        )


if __name__ == "__main__":
    main()
