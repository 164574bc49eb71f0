"""Presets name metrics that exist, the page of a metric tells all, costs are measured."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from bench.cli import main
from bench.commands.run import load_specs
from bench.metrics.cost import measure_cost
from bench.metrics.presets import PRESETS, expand
from bench.metrics.spec import metric_spec, metric_specs


def invoke(*arguments: str):
    return CliRunner().invoke(main, ["metrics", *arguments])


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_names_metrics_that_exist(name: str) -> None:
    assert [spec.name for spec in load_specs([name])] == list(PRESETS[name].metrics)


def test_full_is_every_metric_that_has_its_models() -> None:
    missing = {name for name, spec in metric_specs().items() if not spec.has_models()}
    assert set(expand(["full"])) == set(metric_specs()) - missing
    assert missing <= {"wer", "cer", "speaker_similarity"}


def test_the_page_of_a_preset_says_what_its_paper_does() -> None:
    done = invoke("paper:ladiffcodec")
    assert done.exit_code == 0
    assert "pesq_wb" in done.output
    assert "--sample 50 --seed 0" in done.output
    page = json.loads(invoke("paper:dac", "--format", "json").stdout)
    assert page["metrics"] == list(PRESETS["paper:dac"].metrics)


def test_presets_mix_with_names_without_repetition() -> None:
    assert expand(["lsd", "fast"]) == ("lsd", "pesq_wb", "stoi", "si_sdr", "mel_dac")


def test_an_unknown_preset_is_wrong_usage() -> None:
    done = CliRunner().invoke(main, ["run", "--metrics", "paper:unknown"])
    assert done.exit_code == 2
    assert "unknown metric 'paper:unknown'" in done.output


def test_the_list_ends_with_the_presets() -> None:
    done = invoke()
    assert done.exit_code == 0
    assert all(name in done.output for name in PRESETS)


def test_the_page_of_a_metric_tells_all() -> None:
    done = invoke("lsd")
    assert done.exit_code == 0
    for fact in ("version 1", "lower", "0 to open", "NU-Wave", "ms CPU per second", "\\sqrt"):
        assert fact in done.output


def test_the_page_as_json_has_the_definition_and_the_cost() -> None:
    page = json.loads(invoke("mse", "--format", "json").stdout)
    assert page["name"] == "mse"
    assert page["cost"] > 0
    assert "mean" in page["definition"].lower()


def test_the_cost_can_be_left_out() -> None:
    assert "ms CPU" not in invoke("lsd", "--no-cost").output


def test_the_page_of_an_unknown_metric_is_wrong_usage() -> None:
    done = invoke("nonsense")
    assert done.exit_code == 2
    assert "unknown metric 'nonsense'" in done.output


def test_a_cost_is_the_median_of_its_repeats() -> None:
    cost = measure_cost(metric_spec("lsd"), duration=1.0, repeats=5)
    assert 0 < cost.lowest <= cost.median <= cost.highest
    assert (cost.repeats, cost.sample_rate) == (5, 24000)
