"""Simulated listening tests follow their stated model, and their careless listeners are caught."""

from __future__ import annotations

import numpy as np
import pytest

from mushra_web.analysis.analysis import analyse
from mushra_web.analysis.options import Options
from mushra_web.analysis.screening import screen
from mushra_web.analysis.simulation import (
    MODELS,
    Model,
    careful_scores,
    changed_model,
    protocol_design,
    simulate,
)
from mushra_web.ratings import RatingError


def table_of(protocol, seed=0, **design):
    plan = protocol_design(protocol, **design)
    return simulate(MODELS[protocol], plan, np.random.default_rng(seed), name="simulated")


@pytest.mark.parametrize("protocol", ["hilcodec", "bs1534-3"])
@pytest.mark.parametrize("seed", range(5))
def test_the_careless_are_the_ones_excluded(protocol, seed):
    table = table_of(protocol, seed, listeners=13, careless=2)
    rule = protocol_design(protocol).rule
    excluded = [exclusion.listener for exclusion in screen(table, rule).excluded]
    assert sorted(excluded) == sorted(n for n in table.listeners if n.startswith("careless"))


def test_everybody_rates_everything_once():
    table = table_of("bs1534-3", items=6, listeners=5, careless=1)
    keys = {(rating.listener, rating.item, rating.condition) for rating in table}
    assert len(table) == len(keys) == 5 * 6 * 7
    assert {rating.category for rating in table} == {"clean_speech", "noisy_speech", "music"}
    assert all(rating.score == round(rating.score) for rating in table)


def test_a_simulation_repeats_with_its_seed():
    assert table_of("hilcodec", 3) == table_of("hilcodec", 3)
    assert table_of("hilcodec", 3) != table_of("hilcodec", 4)


def test_the_expected_score_is_the_mean_of_many_listeners_and_items():
    model = Model({"high": 95.0, "low": 30.0}, listener=8, item=8, taste=5, suitability=5, error=9)
    rng = np.random.default_rng(0)
    means = [careful_scores(model, 40, 40, rng)[:, 1:].mean(axis=(0, 2)) for _ in range(150)]
    expected = [model.expected_score("high"), model.expected_score("low")]
    assert np.mean(means, axis=0) == pytest.approx(expected, abs=0.6)
    assert model.expected_score("high") < 93  # the limit of the scale takes from it


def test_without_scatter_the_expected_score_is_the_mean():
    model = Model({"c": 61.0}, listener=0, item=0, taste=0, suitability=0, error=0)
    assert model.expected_score("c") == 61.0
    assert np.all(careful_scores(model, 3, 4, np.random.default_rng(0))[:, 1] == 61.0)


def test_the_mixed_model_finds_the_deviations_that_were_simulated():
    model = changed_model("bs1534-3", {"a": 55.0, "b": 45.0}, {"taste": 0, "suitability": 0})
    design = protocol_design("bs1534-3", items=30, listeners=40, careless=0)
    table = simulate(model, design, np.random.default_rng(1), name="t")
    found = analyse(table, Options(screening="none")).models.mixed_model.deviations
    assert found["listener"] == pytest.approx(model.listener, rel=0.3)
    assert found["item"] == pytest.approx(model.item, rel=0.3)
    assert found["residual"] == pytest.approx(model.error, rel=0.05)


def test_other_systems_keep_the_anchors_of_the_protocol():
    model = changed_model("bs1534-3", {"new": 80.0, "old": 70.0}, {"error": 3.0})
    assert list(model.means) == ["new", "old", "anchor70", "anchor35"]
    assert (model.error, model.listener) == (3.0, MODELS["bs1534-3"].listener)


@pytest.mark.parametrize(
    ("means", "spreads", "message"),
    [
        ({"one": 50.0}, {}, "two systems or more"),
        ({"anchor35": 50.0, "b": 40.0}, {}, "not called reference or"),
        ({"a": 150.0, "b": 40.0}, {}, "0 to 100"),
        ({}, {"luck": 1.0}, "for listener, item, taste"),
        ({}, {"error": -1.0}, "at least 0"),
    ],
)
def test_impossible_models_are_refused(means, spreads, message):
    with pytest.raises(ValueError, match=message):
        changed_model("bs1534-3", means, spreads)


def test_a_test_of_careless_listeners_only_has_no_result():
    table = table_of("hilcodec", listeners=5, careless=3)
    careless = {name for name in table.listeners if name.startswith("careless")}
    rest = tuple(rating for rating in table if rating.listener in careless)
    with pytest.raises(RatingError, match="excludes all 3 listeners: careless"):
        analyse(type(table)(rest))
