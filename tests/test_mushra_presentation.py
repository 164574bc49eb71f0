"""The order that a listener meets, and the record of a test that it is drawn from."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter

import pytest

from mushra_web.listening_test import (
    ListeningTest,
    ListeningTestError,
    Question,
    Stimulus,
    Trial,
    read_test,
    write_test,
)
from mushra_web.presentation import presentation


def stimulus(name, condition):
    return Stimulus(name, condition, f"stimuli/{name}.wav", "0" * 64, 24_000, lag=3, gain_db=-0.5)


def trial(name, conditions=("reference", "anchor35", "pcm@8", "pcm@12")):
    return Trial(
        name,
        f"item of {name}",
        "music",
        stimulus(f"r{name}", "reference"),
        tuple(stimulus(f"s{name}{n}", c) for n, c in enumerate(conditions)),
    )


def listening_test(n_trials=6, assignment=None, **changes):
    trials = tuple(trial(f"t{n}") for n in range(n_trials))
    defaults = {
        "id": "ltx",
        "title": "Études & Übungen",
        "method": "mushra",
        "seed": 7,
        "sample_rate": 24_000,
        "language": "en",
        "trials": trials,
        "assignment": assignment or (tuple(t.id for t in trials),),
        "training": (trial("practice1"), trial("practice2")),
        "questionnaire": (Question("age", "Age?", "number", minimum=3.0, maximum=99.5),),
    }
    return ListeningTest(**(defaults | changes))


def test_the_order_of_a_listener_is_always_the_same():
    assert presentation(listening_test(), 3) == presentation(listening_test(), 3)


def test_a_seed_makes_another_order():
    orders = {presentation(listening_test(seed=seed), 0).trials for seed in range(5)}
    assert len(orders) == 5


def test_listeners_get_orders_of_their_own():
    assert len({presentation(listening_test(), number).trials for number in range(50)}) == 50


def test_everything_is_presented_once_and_training_keeps_its_order():
    test = listening_test()
    shown = presentation(test, 11)
    assert [t.trial for t in shown.training] == ["practice1", "practice2"]
    assert sorted(t.trial for t in shown.trials) == [t.id for t in test.trials]
    for presented in (*shown.training, *shown.trials):
        expected = {s.id for s in test.trial(presented.trial).stimuli}
        assert len(presented.stimuli) == len(expected)
        assert set(presented.stimuli) == expected


def test_blocks_go_round_in_turn():
    test = listening_test(4, (("t0", "t1"), ("t2", "t3")))
    shown = [presentation(test, number) for number in range(6)]
    assert [p.block for p in shown] == [0, 1, 0, 1, 0, 1]
    assert {t.trial for t in shown[3].trials} == {"t2", "t3"}


def test_every_stimulus_comes_to_every_position_about_equally_often():
    test = listening_test(1)
    places = Counter(
        (name, place)
        for number in range(800)
        for place, name in enumerate(presentation(test, number).trials[0].stimuli)
    )
    assert len(places) == 16
    assert 150 < min(places.values()) <= max(places.values()) < 250  # 200 expected


def test_x_comes_last_and_is_a_as_often_as_b():
    abx = trial("t0", ("pcm@8", "pcm@12", "x:pcm@8", "x:pcm@12"))
    test = listening_test(1, (("t0",),), method="abx", trials=(abx,), training=())
    shown = [presentation(test, number).trials[0].stimuli for number in range(400)]
    unknowns = {s.id for s in abx.unknowns}
    assert all(len(names) == 3 for names in shown)
    assert {names[2] for names in shown} == unknowns
    assert all(unknowns.isdisjoint(names[:2]) for names in shown)
    assert 160 < Counter(names[2] for names in shown)[abx.unknowns[0].id] < 240


def test_a_negative_listener_number_is_refused():
    with pytest.raises(ValueError, match="listener number -1"):
        presentation(listening_test(), -1)


def test_a_written_test_is_read_back_as_it_was(tmp_path):
    test = listening_test(volume_stimulus=stimulus("v", "reference"), completion_code="C0DE")
    write_test(test, tmp_path)
    assert read_test(tmp_path) == test


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(tempo=3), r"test\.json has unknown keys: tempo"),
        (lambda d: d["trials"][1].update(codec="x"), r"trials\[1\] has unknown keys: codec"),
        (lambda d: d["trials"][0].pop("item"), r"trials\[0\] lacks item"),
        (lambda d: d.update(method="best"), "method is 'best'"),
        (lambda d: d.update(seed="7"), r"seed is '7' \(str\); int expected"),
        (lambda d: d.update(schema_version=2), "schema version 2; this codecbench reads 1"),
        (lambda d: d.update(assignment=[["t9"]]), "names unknown trials: t9"),
        (lambda d: d.update(assignment=[]), "no block"),
    ],
)
def test_a_file_that_says_anything_else_is_refused(change, message, tmp_path):
    path = write_test(listening_test(), tmp_path)
    data = json.loads(path.read_text(encoding="utf-8"))
    change(data)
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(ListeningTestError, match=message):
        read_test(tmp_path)


def test_a_folder_without_a_test_is_no_test(tmp_path):
    with pytest.raises(ListeningTestError, match=r"holds no test\.json"):
        read_test(tmp_path)


def test_an_id_serves_once():
    twice = dataclasses.replace(trial("t0"), id="t1")
    with pytest.raises(ValueError, match="ids are used twice: rt0, st00"):
        listening_test(1, trials=(trial("t0"), twice), assignment=(("t0", "t1"),))
