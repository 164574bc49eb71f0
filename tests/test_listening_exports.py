"""Ratings, figures and tables as files."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import numpy as np
import pytest

from mushra_web.analysis.analysis import analyse
from mushra_web.analysis.exports import to_json, to_webmushra
from mushra_web.analysis.options import Options
from mushra_web.analysis.outputs import write_report
from mushra_web.analysis.readers.files import read_ratings
from mushra_web.analysis.simulation import MODELS, protocol_design, simulate
from mushra_web.analysis.tables import latex, markdown, probability
from mushra_web.ratings import Rating, RatingError, collect


def rating(**changes):
    values = {
        "test": "t", "session": "s", "listener": "l", "trial": "k", "item": "i", "category": "",
        "condition": "c", "score": 50.0, "position": 1, "seconds": 2.5, "method": "mushra",
        "comment": 'with "quotes",\nand a line',
    }  # fmt: skip
    return Rating(**{**values, **changes})


@pytest.fixture(scope="module")
def table():
    design = protocol_design("hilcodec", items=3, listeners=4, careless=0)
    return simulate(MODELS["hilcodec"], design, np.random.default_rng(0), name="simulated")


@pytest.fixture(scope="module")
def analysis(table):
    return analyse(table, Options(screening="none"))


def test_a_webmushra_csv_is_read_back(tmp_path):
    found = collect([("row 1", rating()), ("row 2", rating(condition="d", score=None))])
    path = tmp_path / "mushra.csv"
    path.write_text(to_webmushra(found), newline="")
    again = read_ratings(path).ratings
    assert [(r.listener, r.item, r.condition, r.score, r.seconds, r.comment) for r in again] == [
        (r.listener, r.item, r.condition, r.score, r.seconds, r.comment) for r in found
    ]


def test_items_with_several_trials_have_a_page_for_each(tmp_path):
    found = collect([("row 1", rating()), ("row 2", rating(trial="m", score=60.0))])
    path = tmp_path / "mushra.csv"
    path.write_text(to_webmushra(found), newline="")
    assert [r.trial for r in read_ratings(path)] == ["i/k", "i/m"]


def test_other_methods_have_no_webmushra_csv():
    with pytest.raises(RatingError, match=r"method acr; .* holds mushra only"):
        to_webmushra(collect([("row 1", rating(method="acr", score=4.0))]))


def test_json_has_an_object_for_each_rating():
    (row,) = json.loads(to_json(collect([("row 1", rating())])))
    assert Rating(**row) == rating()


def test_every_condition_stands_in_the_tables_and_the_figures(table, analysis, tmp_path):
    written = write_report(analysis, table, tmp_path)
    text = markdown(analysis)
    assert all(f"| {name} |" in text for name in table.conditions)
    assert latex(analysis).count(r"\toprule") == text.count("### ")
    for path in written:
        if path.suffix == ".svg":
            ElementTree.parse(path)
        if path.suffix == ".pdf":
            assert path.read_bytes().startswith(b"%PDF")
    assert len(written) == 11


def test_the_same_analysis_draws_the_same_bytes(table, analysis, tmp_path):
    first, second = (write_report(analysis, table, tmp_path / name) for name in ("a", "b"))
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize(("p", "text"), [(None, "-"), (0.0004, "< 0.001"), (0.0306, "0.031")])
def test_a_probability_is_shown_as_papers_do(p, text):
    assert probability(p) == text
