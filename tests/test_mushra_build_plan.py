"""The configuration of a listening test: strict, and below what the command line says."""

from __future__ import annotations

import pytest

from mushra_web.building.build_plan import BuildError, BuildPlan, read_plan
from mushra_web.listening_test import Question


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("titel = 'x'", "unknown keys: titel; known: title"),
        ("[[questionnaire]]\nname = 'age'", r"questionnaire\[0\] lacks label"),
        ("[[questionnaire]]\nname = 'a b'\nlabel = '?'", "letters, digits and underscores"),
        ("method = 'best'", "method is 'best'"),
        ("seed = -1", "seed is -1; 0 or more expected"),
        ("anchors = ['anchor50']", "anchor50 unknown"),
        ("pairs = [['a', 'a']]\nmethod = 'ab'", "two different conditions expected"),
        ("pairs = [['a', 'b']]", "a test by 'mushra' has none"),
        ("excerpt = 20.0", "excerpt is 20 s; up to max_duration"),
        ("seed = ", "is no TOML"),
    ],
)
def test_a_configuration_with_mistakes_is_refused(text, message, tmp_path):
    (tmp_path / "test.toml").write_text(text)
    with pytest.raises(BuildError, match=message):
        read_plan(tmp_path / "test.toml", {})


def test_options_win_over_the_configuration(tmp_path):
    (tmp_path / "test.toml").write_text('title = "A"\nmethod = "ab"\n')
    plan = read_plan(tmp_path / "test.toml", {"method": "acr"})
    assert (plan.title, plan.method) == ("A", "acr")


def test_questions_are_checked(tmp_path):
    with pytest.raises(ValueError, match="question 'ears' has 1 choices"):
        BuildPlan(questionnaire=(Question("ears", "?", "choice", choices=("left",)),))


def test_a_configuration_that_is_not_there_is_named(tmp_path):
    with pytest.raises(BuildError, match=r"none\.toml cannot be read: No such file"):
        read_plan(tmp_path / "none.toml", {})


def test_anchors_belong_to_mushra_alone():
    assert BuildPlan().used_anchors == ("anchor35", "anchor70")
    assert BuildPlan(method="acr").used_anchors == ()
