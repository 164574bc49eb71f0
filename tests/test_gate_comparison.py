"""A run against a baseline: what fails, what passes, what cannot be compared."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from bench.gate.baseline import (
    Baseline,
    BaselineError,
    ConditionIdentity,
    MetricIdentity,
    read_baseline,
    write_baseline,
)
from bench.gate.comparison import IncomparableError, compare
from bench.gate.config import GateConfig, GateConfigError, Margin, read_config

N_ITEMS = 12
ITEMS = {f"clip{index:02}": f"{index:064x}" for index in range(N_ITEMS)}
CONDITION = "acme@3"


def scores(mean, seed):
    values = np.random.default_rng(seed).normal(mean, 0.3, N_ITEMS)
    return dict(zip(ITEMS, values.tolist(), strict=True))


BASELINE = Baseline(
    codecbench="0.1.0",
    machine={"processor": "A"},
    items=ITEMS,
    metrics={
        "pesq_wb": MetricIdentity("1", "MOS", "higher"),
        "mel_dac": MetricIdentity("1", "", "lower"),
        "bitrate": MetricIdentity("1", "bit/s", "none"),
    },
    conditions={CONDITION: ConditionIdentity("acme", 3000, 0.0, "1", "ab")},
    values={
        CONDITION: {
            "pesq_wb": scores(3.0, 1),
            "mel_dac": scores(5.0, 2),
            "bitrate": dict.fromkeys(ITEMS, 3000.0),
        }
    },
    reasons={},
    system={
        "acme": {
            "parameters": 1000.0,
            "macs_per_second.encoder": 2000.0,
            "latency_samples": 320.0,
            "streaming.decoder.onnx.reference_ratio": 2.0,
            "streaming.decoder.onnx.reference_ratio_spread": 0.01,
            "streaming.decoder.onnx.n_passes": 5.0,
            "streaming.decoder.onnx.p99_ms": 7.0,
        }
    },
    audio={CONDITION: dict.fromkeys(ITEMS, "aa")},
)


def with_scores(metric, change):
    """The baseline with the values of a metric changed."""
    old = BASELINE.values[CONDITION][metric]
    changed = {item: value for item, value in map(change, old.items()) if value is not None}
    values = {CONDITION: {**BASELINE.values[CONDITION], metric: changed}}
    return dataclasses.replace(BASELINE, values=values)


def with_system(name, value):
    system = {"acme": {**BASELINE.system["acme"], name: value}}
    return dataclasses.replace(BASELINE, system=system)


def finding(after, metric, config=None):
    findings = compare(BASELINE, after, config or GateConfig()).findings
    (found,) = [found for found in findings if found.metric == metric]
    return found


def test_run_that_is_the_baseline_passes_everywhere():
    comparison = compare(BASELINE, BASELINE, GateConfig(identical_audio=(CONDITION,)))
    assert {found.verdict for found in comparison.findings} == {"pass"}
    assert {found.kind for found in comparison.findings} == {"quality", "exact", "speed"}
    assert comparison.notes == ()


def test_lower_score_fails_where_higher_is_better():
    found = finding(with_scores("pesq_wb", lambda cell: (cell[0], cell[1] - 0.1)), "pesq_wb")
    assert found.verdict == "fail"
    assert found.difference == pytest.approx(-0.1)


def test_larger_distance_fails_where_lower_is_better():
    found = finding(with_scores("mel_dac", lambda cell: (cell[0], cell[1] + 0.5)), "mel_dac")
    assert found.verdict == "fail"
    assert found.difference == pytest.approx(0.5)


def test_smaller_distance_passes():
    after = with_scores("mel_dac", lambda cell: (cell[0], cell[1] - 0.5))
    assert finding(after, "mel_dac").verdict == "pass"


def test_one_broken_item_fails_though_the_mean_hides_it():
    after = with_scores("pesq_wb", lambda c: (c[0], c[1] - (0.6 if c[0] == "clip03" else 0)))
    found = finding(after, "pesq_wb")
    assert found.verdict == "fail"
    assert "clip03 lost more than 10 margins" in found.message


def test_missing_item_fails_and_says_why():
    after = with_scores("pesq_wb", lambda c: (c[0], None if c[0] == "clip05" else c[1]))
    reasons = {CONDITION: {"pesq_wb": {"clip05": "crashed: signal 11"}}}
    found = finding(dataclasses.replace(after, reasons=reasons), "pesq_wb")
    assert found.verdict == "fail"
    assert found.message == "1 of 12 items have no value now: clip05 (crashed: signal 11)"


def test_missing_condition_fails():
    after = dataclasses.replace(BASELINE, values={}, conditions={})
    assert finding(after, "pesq_wb").verdict == "fail"


def test_smaller_measured_bitrate_fails():
    after = with_scores("bitrate", lambda cell: (cell[0], 1500.0))
    found = finding(after, "bitrate")
    assert found.verdict == "fail"
    assert found.message == "the bitrate of 12 of 12 items changed"


def test_bitrate_within_its_tolerance_passes():
    after = with_scores("bitrate", lambda cell: (cell[0], 3001.0))
    assert finding(after, "bitrate", GateConfig(bitrate_tolerance=0.01)).verdict == "pass"


@pytest.mark.parametrize("name", ["parameters", "macs_per_second.encoder", "latency_samples"])
def test_costs_have_to_be_equal(name):
    found = finding(with_system(name, BASELINE.system["acme"][name] * 1.01), name)
    assert found.verdict == "fail"
    assert "before" in found.message


def test_cost_that_is_not_measured_any_more_fails():
    after = dataclasses.replace(BASELINE, system={})
    assert finding(after, "parameters").message == "not measured in this run"


SPEED = "streaming.decoder.onnx.reference_ratio"


@pytest.mark.parametrize(
    ("ratio", "verdict"), [(1.6, "pass"), (2.1, "pass"), (2.195, "inconclusive"), (2.4, "fail")]
)
def test_speed_may_fall_by_a_tenth(ratio, verdict):
    assert finding(with_system(SPEED, ratio), SPEED).verdict == verdict


def test_speed_of_another_kind_of_machine_never_fails():
    after = dataclasses.replace(with_system(SPEED, 4.0), machine={"processor": "B"})
    found = finding(after, SPEED)
    assert found.verdict == "inconclusive"
    assert "another kind of machine" in found.message


def test_latencies_in_milliseconds_are_not_gated():
    metrics = [found.metric for found in compare(BASELINE, BASELINE, GateConfig()).findings]
    assert not [name for name in metrics if name.endswith("_ms")]


def test_changed_audio_fails_where_it_was_promised_to_stay():
    audio = {CONDITION: {**BASELINE.audio[CONDITION], "clip00": "bb"}}
    after = dataclasses.replace(BASELINE, audio=audio)
    assert finding(after, "audio", GateConfig(identical_audio=(CONDITION,))).verdict == "fail"


def test_other_weights_and_extra_conditions_are_noted():
    conditions = {
        CONDITION: dataclasses.replace(BASELINE.conditions[CONDITION], weights_sha256="cd"),
        "new@6": ConditionIdentity("new", 6000, 0.0, "1", ""),
    }
    notes = compare(BASELINE, dataclasses.replace(BASELINE, conditions=conditions), GateConfig())
    assert "other weights" in notes.notes[0]
    assert "new@6" in notes.notes[1]


def test_only_named_metrics_and_conditions_are_looked_at():
    findings = compare(BASELINE, BASELINE, GateConfig(metrics=("pesq_wb",))).findings
    assert {f.metric for f in findings if f.kind == "quality"} == {"pesq_wb"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"items": {**ITEMS, "clip00": "f" * 64}}, "other audio than in the baseline: clip00"),
        ({"items": {"else": "0" * 64}}, "another corpus"),
        ({"items": {**ITEMS, "clip99": "f" * 64}}, "not in the baseline: clip99"),
        (
            {"metrics": {**BASELINE.metrics, "pesq_wb": MetricIdentity("2", "MOS", "higher")}},
            r"metrics changed since the baseline: pesq_wb 1 \(now 2\)",
        ),
    ],
)
def test_runs_that_measured_something_else_are_not_compared(change, message):
    with pytest.raises(IncomparableError, match=message):
        compare(BASELINE, dataclasses.replace(BASELINE, **change), GateConfig())


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (GateConfig(metrics=("stoi",)), "no metric stoi"),
        (GateConfig(margins={"stoi": Margin(1.0)}), "no metric stoi"),
        (GateConfig(conditions=("acme@9",)), "no condition acme@9"),
    ],
)
def test_rules_for_what_the_baseline_lacks_are_refused(config, message):
    with pytest.raises(GateConfigError, match=message):
        compare(BASELINE, BASELINE, config)


def test_promise_of_equal_audio_needs_hashes():
    before = dataclasses.replace(BASELINE, audio={})
    with pytest.raises(GateConfigError, match="bench baseline --audio"):
        compare(before, BASELINE, GateConfig(identical_audio=(CONDITION,)))


@pytest.mark.parametrize("name", ["baseline.json", "baseline.json.gz"])
def test_baseline_is_read_as_it_was_written(tmp_path, name):
    write_baseline(BASELINE, tmp_path / name)
    assert read_baseline(tmp_path / name) == BASELINE


def test_baseline_file_is_sorted_with_one_item_per_line(tmp_path):
    path = tmp_path / "baseline.json"
    write_baseline(BASELINE, path)
    lines = path.read_text().splitlines()
    assert sum('"clip03":' in line for line in lines) == 5
    assert list(json.loads(path.read_text())) == sorted(json.loads(path.read_text()))


def edited(change):
    content = {"schema_version": 1, **dataclasses.asdict(BASELINE)}
    change(content)
    return json.dumps(content)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be read"),
        ("[]", "is no baseline"),
        ('{"schema_version": 9}', "another schema version than 1"),
        (edited(lambda c: c.pop("items")), "damaged"),
        (edited(lambda c: c.update(surplus=1)), "damaged.*surplus"),
        (edited(lambda c: c["values"].update(x={})), "which is no condition"),
        (edited(lambda c: c["values"][CONDITION].update(x={})), "which is no metric"),
        (edited(lambda c: c["system"]["acme"].update(parameters="1")), "is no number"),
        (edited(lambda c: c["items"].update(clip00=3)), "is no text"),
        (edited(lambda c: c.update(values=3)), "damaged"),
    ],
)
def test_damaged_baseline_is_refused_with_a_reason(tmp_path, text, message):
    path = tmp_path / "baseline.json"
    path.write_text(text)
    with pytest.raises(BaselineError, match=message):
        read_baseline(path)


def test_rules_are_read_from_toml(tmp_path):
    path = tmp_path / "gate.toml"
    path.write_text(
        '[gate]\nmetrics = ["pesq_wb"]\nspeed_margin = 0.2\n\n'
        '[margins]\npesq_wb = 0.1\nmel_dac = "5%"\n'
    )
    config = read_config(path)
    assert (config.metrics, config.speed_margin) == (("pesq_wb",), 0.2)
    assert config.margin("pesq_wb").of(3.0) == 0.1
    assert config.margin("mel_dac").of(4.0) == pytest.approx(0.2)
    assert config.margin("stoi").of(0.9) == 0.005
    assert config.margin("anything").of(10.0) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gate = 3", "a table"),
        ("[gate", "cannot be read"),
        ("[gat]\n", "unknown keys gat"),
        ("[gate]\nfloor = 3\n", "unknown keys floor"),
        ("[gate]\nspeed_margin = -1\n", "a number from 0 up"),
        ("[gate]\nspeed_margin = true\n", "a number from 0 up"),
        ('[gate]\nmetrics = "pesq_wb"\n', "a list of names"),
        ("[margins]\npesq_wb = 0\n", "a number above 0"),
        ('[margins]\npesq_wb = "much%"\n', "a number above 0"),
        ("[margins]\npesq_wb = inf\n", "a number above 0"),
    ],
)
def test_wrong_rules_are_refused_by_name(tmp_path, text, message):
    path = tmp_path / "gate.toml"
    path.write_text(text)
    with pytest.raises(GateConfigError, match=message):
        read_config(path)
