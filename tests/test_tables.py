"""The table shows means, intervals, counts, marks and reasons."""

from __future__ import annotations

import pytest

from bench.coding import BITRATE
from bench.conditions import Condition
from bench.stats import mean_with_interval
from bench.store import Measure
from bench.summary import ALL, Comparison, Summary
from bench.tables import score_tables

SNR = Measure("snr", "1", "dB", "higher")
MSE = Measure("mse", "1", "", "lower")
LAG = Measure("lag", "1", "ms", "none")
OPUS = Condition("opus", 6000, codec_version="1")
NOBODY = Condition("nobody", None)


def summary(values, *, metric="snr", n_failed=0, condition=OPUS, category=ALL, n=None):
    return Summary(
        condition.key,
        category,
        metric,
        mean_with_interval(values) if values else None,
        len(values) if n is None else n,
        n_failed,
        "dB",
    )


def score_table(summaries, measures, conditions, *, items=("x",), **options):
    """The only table of a run with one comparison."""
    compared = tuple(condition.key for condition in conditions)
    comparison = Comparison(items, compared, tuple(summaries))
    category = options.get("category", ALL)
    if not any(one.category == category for one in summaries):  # nothing to show but headings
        comparison = Comparison(items, compared, (summary([], condition=NOBODY),))
    (table,) = score_tables([comparison], measures, conditions, **options)
    return table


def cells(summaries, measures=(SNR,), conditions=(OPUS,), **options):
    return score_table(summaries, measures, conditions, **options).rows[0][1:]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([4.0], "4.00"),
        ([-4.0], "-4.00"),
        ([1.0, 2.0, 3.0, 4.0], "2.50 ±2.05"),
        ([0.5, 0.5], "0.500 ±0.000"),
        ([123.4, 123.4], "123.4 ±0.000"),
        ([99.99], "99.99"),
        ([0.0, 0.0], "0.000 ±0.000"),
        ([0.00012], "1.20e-04"),
        ([2e-5, 2e-5], "2.00e-05 ±0.00e+00"),
    ],
)
def test_numbers_are_shown_as_precisely_as_they_are_large(values, expected):
    assert cells([summary(values)]) == (expected,)


def test_a_small_mean_is_not_shown_as_zero():
    (text,) = cells([summary([3.1e-4, 3.3e-4], metric="mse")], measures=(MSE,))
    assert text.startswith("3.20e-04 ±")


def test_bitrates_are_shown_in_kbit_per_second():
    table = score_table([summary([6012.0, 6012.0], metric="bitrate")], (BITRATE,), (OPUS,))
    assert table.header[1] == "bitrate [kbit/s]"
    assert table.rows[0][1] == "6.01 ±0.000"


def test_headings_name_unit_and_better_direction():
    table = score_table([], (SNR, MSE, LAG), ())
    assert table.header == ("condition", "snr [dB] ↑", "mse ↓", "lag [ms]")


def test_a_cell_that_differs_in_n_says_so():
    found = cells(
        [summary([1.0, 2.0, 3.0]), summary([1.0, 3.0], metric="mse")], measures=(SNR, MSE)
    )
    assert "n=" not in found[0]
    assert found[1].endswith("(n=2)")


def test_failures_are_counted_in_their_cell():
    assert cells([summary([1.0], n_failed=2)]) == ("1.00 (2 failed)",)


def test_a_cell_without_any_value_tells_how_many_failed():
    other = Condition("mp3", 8000)
    table = score_table(
        [summary([], n_failed=3), summary([1.0, 2.0, 3.0], condition=other)], (SNR,), (OPUS, other)
    )
    assert table.rows[0] == ("opus@6", "- (n=0, 3 failed)")


def test_a_metric_that_a_condition_was_not_measured_by_is_a_dash():
    assert cells([], measures=(SNR,)) == ("-",)


def test_previews_are_marked():
    preview = Condition("hilcodec", 3000, preview=True)
    table = score_table([summary([1.0], condition=preview)], (SNR,), (preview,))
    assert table.rows[0][0] == "hilcodec@3 (preview)"


def test_conditions_that_could_not_run_share_one_note_per_reason():
    reason = {"status": "failed", "message": "no weights: run this"}
    table = score_table(
        [],
        (SNR,),
        (
            Condition("dac", 3000, **reason),
            Condition("dac", 6000, **reason),
            Condition("opus", 1, status="unsupported", message="opus offers 6 to 510 kbit/s."),
            OPUS,
        ),
    )
    assert table.rows[0] == ("dac@3", "failed")
    assert table.notes == (
        "n = 0 where a cell says nothing else.",
        "dac@3, dac@6: failed: no weights: run this",
        "opus@0.001: unsupported: opus offers 6 to 510 kbit/s.",
    )


def test_only_the_asked_category_and_metrics_are_shown():
    table = score_table(
        [summary([1.0]), summary([5.0], category="music"), summary([7.0], metric="mse")],
        (SNR, MSE),
        (OPUS,),
        category="music",
        metrics=("snr",),
    )
    assert table.header == ("condition", "snr [dB] ↑")
    assert table.rows == (("opus@6", "5.00"),)
    assert "music" in table.title


def test_each_comparison_has_a_table_that_names_its_items():
    other = Condition("mp3", 8000)
    comparisons = [
        Comparison(("x",), (OPUS.key, other.key), (summary([1.0]),)),
        Comparison(tuple("abcdefghij"), (other.key,), (summary([2.0], condition=other),)),
    ]
    first, second = score_tables(comparisons, (SNR,), (OPUS, other))
    assert [row[0] for row in first.rows] == ["opus@6", "mp3@8"]
    assert [row[0] for row in second.rows] == ["mp3@8"]
    assert "Items that all of these conditions have: x." in first.notes
    assert second.notes[1].endswith("have: a, b, c, d, e, f, g, h and 2 more.")


def test_a_comparison_without_items_of_the_category_has_no_table():
    comparison = Comparison(("x",), (("opus", 6000),), (summary([1.0]),))
    assert score_tables([comparison], (SNR,), (OPUS,), category="music") == []
