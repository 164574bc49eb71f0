"""Statistics of listening tests agree with other implementations and with worked examples."""

from __future__ import annotations

import doctest
import itertools
import math

import numpy as np
import pytest
import scipy.stats

from bench.stats import paired_t_power
from mushra_web.analysis.statistics import letters
from mushra_web.analysis.statistics.agreement import intraclass_correlation, krippendorff_alpha
from mushra_web.analysis.statistics.distribution import (
    BIMODAL,
    bimodality,
    excess_kurtosis,
    skewness,
)
from mushra_web.analysis.statistics.letters import compact_letters
from mushra_web.analysis.statistics.mixed_model import mixed_model
from mushra_web.analysis.statistics.opinion_scores import opinion_difference
from mushra_web.analysis.statistics.permutation import median_interval, median_permutation_p
from mushra_web.analysis.statistics.rank_tests import (
    friedman,
    matched_rank_correlation,
    wilcoxon_p,
)
from mushra_web.analysis.statistics.repeated_measures import repeated_measures_anova
from mushra_web.analysis.statistics.sensitivity import detectable_difference


def ratings(n_listeners=9, n_conditions=4, n_items=5, seed=0):
    """Scores with effects of listeners, conditions and items: (listeners, conditions, items)."""
    rng = np.random.default_rng(seed)
    return (
        rng.normal(60, 6, (n_listeners, 1, 1))
        + np.linspace(0, 12, n_conditions)[:, None]
        + rng.normal(0, 4, n_items)
        + rng.normal(0, 8, (n_listeners, n_conditions, n_items))
    )


def long_table(scores):
    pandas = pytest.importorskip("pandas")
    listener, condition, item = np.indices(scores.shape).reshape(3, -1)
    return pandas.DataFrame(
        {"listener": listener, "condition": condition, "item": item, "score": scores.ravel()}
    )


@pytest.mark.parametrize("seed", [0, 1])
def test_the_analysis_of_variance_agrees_with_statsmodels(seed):
    anova = pytest.importorskip("statsmodels.stats.anova")
    scores = ratings(seed=seed)
    table = anova.AnovaRM(long_table(scores), "score", "listener", ["condition", "item"]).fit()
    ours = repeated_measures_anova(scores)
    for effect, name in zip(ours, ("condition", "item", "condition:item"), strict=True):
        expected = table.anova_table.loc[name]
        assert effect.f == pytest.approx(expected["F Value"], rel=1e-8)
        assert effect.freedom == (expected["Num DF"], expected["Den DF"])
        assert effect.p == pytest.approx(expected["Pr > F"], rel=1e-6)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_sphericity_corrections_agree_with_pingouin(seed):
    pingouin = pytest.importorskip("pingouin")
    scores = ratings(n_listeners=14, seed=seed)
    wide = long_table(scores).pivot_table(index="listener", columns="condition", values="score")
    effect = repeated_measures_anova(scores)[0]
    for correction, ours in (("gg", effect.epsilon_gg), ("hf", effect.epsilon_hf)):
        expected = pingouin.epsilon(wide, correction=correction)
        assert ours == pytest.approx(expected, rel=1e-6)


def test_partial_eta_squared_agrees_with_pingouin():
    pingouin = pytest.importorskip("pingouin")
    scores = ratings()
    table = pingouin.rm_anova(
        long_table(scores),
        dv="score", within=["condition", "item"], subject="listener", effsize="np2",
    )  # fmt: skip
    found = [effect.partial_eta_squared for effect in repeated_measures_anova(scores)]
    np.testing.assert_allclose(found, table["np2"].to_numpy(), rtol=1e-6)


def test_missing_scores_are_refused_by_the_analysis_of_variance():
    scores = ratings()
    scores[0, 0, 0] = math.nan
    with pytest.raises(ValueError, match="scores are missing"):
        repeated_measures_anova(scores)


def test_one_item_is_refused_by_the_analysis_of_variance():
    with pytest.raises(ValueError, match="at least two of everything"):
        repeated_measures_anova(ratings(n_items=1))


@pytest.mark.parametrize("seed", [0, 1])
def test_the_mixed_model_agrees_with_statsmodels(seed):
    formula = pytest.importorskip("statsmodels.formula.api")
    scores = ratings(seed=seed)
    table = long_table(scores)
    ours = mixed_model(
        table.score.to_numpy(),
        table.condition.tolist(),
        {"listener": table.listener.tolist(), "item": table["item"].tolist()},
    )
    theirs = formula.mixedlm(
        "score ~ 0 + C(condition)",
        table.assign(one=1),
        groups="one",
        vc_formula={"listener": "0 + C(listener)", "item": "0 + C(item)"},
    ).fit(reml=True)
    np.testing.assert_allclose(ours.means, theirs.fe_params, rtol=1e-6)
    assert ours.log_likelihood == pytest.approx(theirs.llf, rel=1e-6)
    assert ours.log_likelihood >= theirs.llf - 1e-6  # the better maximum of the two
    expected = [math.sqrt(theirs.scale), *np.sqrt(theirs.vcomp[::-1])]
    found = [ours.deviations[name] for name in ("residual", "listener", "item")]
    np.testing.assert_allclose(sorted(found), sorted(expected), rtol=2e-3)


def test_the_mixed_model_of_balanced_ratings_has_the_exact_variances():
    # where every listener rates everything, these are sums of mean squares (Searle et al., 1992,
    # Variance Components, section 4.3)
    scores = ratings(n_listeners=10, n_conditions=3, n_items=6, seed=4)
    n_l, n_c, n_i = scores.shape
    free = scores - scores.mean(axis=(0, 2), keepdims=True)
    listeners, items = free.mean(axis=(1, 2)), free.mean(axis=(0, 1))
    rest = free - listeners[:, None, None] - items
    residual = np.square(rest).sum() / (scores.size - n_l - n_i - n_c + 2)
    listener = np.square(listeners).sum() / (n_l - 1) - residual / (n_c * n_i)
    item = np.square(items).sum() / (n_i - 1) - residual / (n_c * n_l)
    index = np.indices(scores.shape).reshape(3, -1)
    found = mixed_model(
        scores.ravel(), index[1].tolist(),
        {"listener": index[0].tolist(), "item": index[2].tolist()},
    )  # fmt: skip
    expected = {"listener": listener, "item": item, "residual": residual}
    for name, variance in expected.items():
        assert found.deviations[name] ** 2 == pytest.approx(variance, rel=1e-5)
    difference, error, p = found.difference(2, 0)
    assert difference == pytest.approx(scores[:, 2].mean() - scores[:, 0].mean(), rel=1e-8)
    assert error == pytest.approx(math.sqrt(2 * residual / (n_l * n_i)), rel=1e-5)
    assert p == pytest.approx(2 * scipy.stats.norm.sf(difference / error), rel=1e-8)


def test_ratings_that_do_not_vary_have_no_mixed_model():
    with pytest.raises(ValueError, match="cannot be told from"):
        mixed_model(np.full(8, 50.0), [0, 1] * 4, {"listener": [0, 0, 1, 1] * 2})


@pytest.mark.parametrize("seed", [0, 1])
def test_friedman_and_kendalls_w_agree_with_pingouin(seed):
    pingouin = pytest.importorskip("pingouin")
    scores = ratings(seed=seed).mean(axis=2).round(-1)  # with ties
    table = pingouin.friedman(
        long_table(scores[:, :, None]), dv="score", within="condition", subject="listener"
    )
    found = friedman(scores)
    assert found.chi_square == pytest.approx(table["Q"].iloc[0], rel=1e-6)
    assert found.kendalls_w == pytest.approx(table["W"].iloc[0], rel=1e-6)
    assert found.p == pytest.approx(table.filter(like="p").iloc[0, -1], rel=1e-6)


def test_friedman_takes_equal_scores_for_no_difference():
    found = friedman(np.full((5, 3), 60.0))
    assert (found.p, found.kendalls_w) == (1.0, 0.0)


def test_friedman_refuses_two_conditions():
    with pytest.raises(ValueError, match="at least 2 and 3"):
        friedman(np.zeros((5, 2)))


def test_wilcoxon_of_all_positive_differences_is_exact():
    assert wilcoxon_p(np.arange(1.0, 9.0)) == pytest.approx(2 / 2**8)
    assert wilcoxon_p(np.zeros(5)) == 1.0


def test_wilcoxon_and_its_effect_size_agree_with_pingouin():
    pingouin = pytest.importorskip("pingouin")
    rng = np.random.default_rng(5)
    first, second = rng.normal(1, 2, 13), rng.normal(0, 2, 13)
    table = pingouin.wilcoxon(first, second)
    assert wilcoxon_p(first - second) == pytest.approx(table.filter(like="p").iloc[0, 0], rel=1e-6)
    found = matched_rank_correlation(first - second)
    assert found == pytest.approx(table["RBC"].iloc[0], rel=1e-6)


def test_the_permutation_of_medians_reaches_the_exact_p():
    pooled = [1.0, 2, 4, 7, 11, 13, 14, 19]
    observed = np.median(pooled[4:]) - np.median(pooled[:4])
    deals = [
        np.median([pooled[k] for k in range(8) if k not in deal])
        - np.median([pooled[k] for k in deal])
        for deal in itertools.combinations(range(8), 4)
    ]
    exact = np.mean(np.abs(deals) >= observed - 1e-9)
    first, second = np.array(pooled[:4]), np.array(pooled[4:])
    p = median_permutation_p(first, second, np.random.default_rng(0))
    assert p == pytest.approx(exact, abs=0.01)


def test_the_permutation_of_medians_holds_its_level():
    rng = np.random.default_rng(1)
    p = [
        median_permutation_p(rng.normal(size=15), rng.normal(size=15), rng, resamples=200)
        for _ in range(400)
    ]
    assert abs(np.mean(np.array(p) <= 0.05) - 0.05) < 0.03


def test_a_permutation_needs_ratings_of_both():
    with pytest.raises(ValueError, match="got 0 and 2 ratings"):
        median_permutation_p(np.array([]), np.ones(2), np.random.default_rng(0))


def test_the_interval_of_a_median_holds_it():
    scores = np.random.default_rng(2).normal(60, 10, (12, 8))
    low, high = median_interval(scores, np.random.default_rng(0))
    assert low < np.median(scores) < high


# Krippendorff (2011), "Computing Krippendorff's alpha-reliability", section C: four observers
KRIPPENDORFF = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
]


def test_alpha_is_that_of_krippendorffs_example():
    table = np.array(KRIPPENDORFF, dtype=float)
    assert krippendorff_alpha(table) == pytest.approx(0.849, abs=5e-4)


def test_equal_ratings_have_no_alpha():
    assert krippendorff_alpha(np.full((3, 4), 50.0)) is None


def test_the_intraclass_correlation_is_that_of_shrout_and_fleiss():
    # Shrout and Fleiss (1979), table 2: six targets, four judges; ICC(2,1) = .29, ICC(2,4) = .62
    table = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9],
                      [6, 2, 4, 7]], dtype=float).T  # fmt: skip
    found = intraclass_correlation(table)
    assert (round(found.single, 2), round(found.average, 2)) == (0.29, 0.62)


# pingouin uses what the newest pandas is about to drop
@pytest.mark.filterwarnings("ignore:The inplace keyword:DeprecationWarning")
def test_the_intraclass_correlation_agrees_with_pingouin():
    pingouin = pytest.importorskip("pingouin")
    scores = ratings(n_items=1)[:, :, 0]
    table = pingouin.intraclass_corr(
        long_table(scores[:, :, None]), targets="condition", raters="listener", ratings="score"
    )["ICC"].to_numpy()
    found = intraclass_correlation(scores)
    # rows: single raters ICC(1,1), (2,1), (3,1), then their averages
    assert found.single == pytest.approx(table[1], rel=1e-6)
    assert found.average == pytest.approx(table[4], rel=1e-6)


def test_skewness_and_kurtosis_agree_with_scipy():
    values = np.random.default_rng(3).gamma(2, 10, 40)
    assert skewness(values) == pytest.approx(scipy.stats.skew(values, bias=False), rel=1e-9)
    expected = scipy.stats.kurtosis(values, bias=False)
    assert excess_kurtosis(values) == pytest.approx(expected, rel=1e-9)


def test_two_groups_of_ratings_are_bimodal_and_one_is_not():
    rng = np.random.default_rng(4)
    two = np.r_[rng.normal(20, 4, 60), rng.normal(80, 4, 60)]
    assert bimodality(two) > BIMODAL > bimodality(rng.normal(50, 10, 120))
    assert bimodality(np.full(10, 3.0)) is None


def test_letters_are_those_of_a_known_case():
    # a chain in which only neighbours agree
    different = [("a", "c"), ("a", "d"), ("b", "d")]
    assert compact_letters(list("abcd"), different) == {"a": "a", "b": "ab", "c": "bc", "d": "c"}


@pytest.mark.parametrize("seed", range(20))
def test_conditions_share_a_letter_exactly_where_they_do_not_differ(seed):
    rng = np.random.default_rng(seed)
    names = [f"c{n}" for n in range(6)]
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    different = [pair for pair in pairs if rng.random() < 0.5]
    found = compact_letters(names, different)
    for a, b in pairs:
        assert (not set(found[a]) & set(found[b])) == ((a, b) in different)


def test_power_agrees_with_statsmodels():
    power = pytest.importorskip("statsmodels.stats.power")
    for effect, n in ((0.3, 20), (0.8, 11), (1.5, 6)):
        expected = power.TTestPower().power(effect, n, 0.05)
        assert paired_t_power(effect, n) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("n", [2, 3, 11, 40, 500])
def test_a_detectable_difference_has_a_power_of_80_percent(n):
    found = detectable_difference(7.0 / np.sqrt(n), n - 1)
    assert paired_t_power(found / 7.0, n) == pytest.approx(0.8, abs=1e-6)


def test_without_scatter_every_difference_is_found():
    assert detectable_difference(0.0, 4) == 0.0


def test_an_opinion_difference_has_students_interval_and_wilcoxons_p():
    values = np.array([-0.5, -1.0, -0.25, -0.75, 0.1, -0.6, -0.9])
    found = opinion_difference(values)
    low, high = scipy.stats.t.interval(0.95, 6, values.mean(), scipy.stats.sem(values))
    assert (found.mean.ci_low, found.mean.ci_high) == pytest.approx((low, high))
    assert found.wilcoxon == pytest.approx(scipy.stats.wilcoxon(values).pvalue)


def test_the_example_in_the_docstring_of_letters_holds():
    results = doctest.testmod(letters)
    assert results.attempted > 0
    assert results.failed == 0
