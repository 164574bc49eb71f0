"""Blocks of trials in which every trial is heard by equally many listeners."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mushra_web.building.assignment import (
    MAX_SIGNALS,
    condition_groups,
    cyclic_blocks,
    groups_needed,
    interleaved,
    latin_order,
    too_many_signals,
)


@given(st.integers(1, 40), st.data())
def test_every_trial_occurs_equally_often_and_never_twice_for_one_listener(n, data):
    size = data.draw(st.integers(1, n))
    blocks = cyclic_blocks([f"t{index}" for index in range(n)], size)
    counts = Counter(itertools.chain.from_iterable(blocks))
    assert len(counts) == n
    assert len(set(counts.values())) == 1
    assert all(len(set(block)) == size for block in blocks)


@pytest.mark.parametrize("size", [0, 5])
def test_an_impossible_block_size_is_refused(size):
    with pytest.raises(ValueError, match="1 to 4 expected"):
        cyclic_blocks(["a", "b", "c", "d"], size)


@pytest.mark.parametrize(("n_items", "n_groups"), [(3, 2), (5, 5), (4, 3)])
def test_rows_of_the_latin_order_hold_each_item_once_and_change_its_group(n_items, n_groups):
    trials = [[f"{item}.{group}" for group in range(n_groups)] for item in range(n_items)]
    rows = cyclic_blocks(latin_order(trials), n_items)
    assert len(rows) == n_groups
    for row in rows:
        assert sorted(name.split(".")[0] for name in row) == sorted(map(str, range(n_items)))
    assert sorted(itertools.chain.from_iterable(rows)) == sorted(itertools.chain(*trials))


def test_items_with_unequally_many_trials_have_no_latin_order():
    with pytest.raises(ValueError, match=r"\[1, 2\] trials; equally many expected"):
        latin_order([["a"], ["b1", "b2"]])


def test_a_stretch_of_interleaved_groups_holds_all_of_them():
    assert interleaved([["a1", "a2"], ["b1"], ["c1", "c2", "c3"]]) == [
        "a1", "b1", "c1", "a2", "c2", "c3",
    ]  # fmt: skip


@given(st.integers(1, 60), st.integers(1, 3), st.integers(0, 1000))
def test_groups_hold_every_condition_once_within_twelve_signals(n, n_common, seed):
    conditions = [f"c{index}" for index in range(n)]
    groups = condition_groups(conditions, n_common, np.random.default_rng(seed))
    assert sorted(itertools.chain(*groups)) == sorted(conditions)
    sizes = [len(group) for group in groups]
    assert max(sizes) + n_common <= MAX_SIGNALS
    assert max(sizes) - min(sizes) <= 1


def test_over_many_items_any_two_conditions_meet():
    conditions = [f"c{index}" for index in range(20)]
    generator = np.random.default_rng(0)
    met = {
        pair
        for _ in range(30)
        for group in condition_groups(conditions, 3, generator)
        for pair in itertools.combinations(sorted(group), 2)
    }
    assert met == set(itertools.combinations(sorted(conditions), 2))


@pytest.mark.parametrize(("n_conditions", "groups"), [(9, 1), (10, 2), (18, 2), (40, 5)])
def test_twelve_signals_count_the_hidden_reference_and_both_anchors(n_conditions, groups):
    assert groups_needed(n_conditions, 3) == groups


def test_the_refusal_of_forty_conditions_proposes_a_blocked_design():
    message = too_many_signals(40, ("anchor35", "anchor70"), 12)
    assert "43 signals per trial; ITU-R BS.1534-3 allows 12" in message
    assert "--blocked: 5 trials for each of 12 items with at most 8 conditions" in message
