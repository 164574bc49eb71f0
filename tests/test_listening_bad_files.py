"""Files of ratings that are odd, wrong or damaged: understood, or refused by naming the row."""

from __future__ import annotations

import uuid

import pytest

from mushra_web.analysis.readers.files import categorised, read_categories, read_ratings
from mushra_web.analysis.readers.responses import Naming
from mushra_web.listening_test import ListeningTest, Stimulus, Trial
from mushra_web.ratings import RatingError

CONDITIONS = ("reference", "anchor35", "codec-a")


def listening_test():
    """One trial and one of training; ids say nothing."""

    def trial(name, item):
        stimuli = tuple(
            Stimulus(f"{name}{n}", condition, f"stimuli/{name}{n}.wav", "0" * 64, 100)
            for n, condition in enumerate(CONDITIONS)
        )
        reference = Stimulus(f"{name}r", "reference", f"stimuli/{name}r.wav", "0" * 64, 100)
        return Trial(name, item, "music", reference, stimuli)

    return ListeningTest(
        "test1", "Title", "mushra", 1, 24000, "en",
        trials=(trial("x", "i1"),), assignment=(("x",),), training=(trial("z", "i3"),),
    )  # fmt: skip


def write_mushra(path, *rows, header="session_test_id,listener,session_uuid,trial_id,"
                 "rating_stimulus,rating_score,rating_time,rating_comment"):  # fmt: skip
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def test_opaque_ids_of_webmushra_are_mapped_back(tmp_path):
    rows = ("test1,me,,x,x2,70,900,", "test1,me,,x,reference,99,900,", "test1,me,,z,z2,1,900,")
    path = write_mushra(tmp_path / "mushra.csv", *rows)
    table = read_ratings(path, Naming(listening_test()))
    assert [(r.item, r.condition, r.score) for r in table] == [
        ("i1", "codec-a", 70.0), ("i1", "reference", 99.0),
    ]  # fmt: skip


def test_ids_of_another_test_are_named(tmp_path):
    path = write_mushra(tmp_path / "mushra.csv", "test1,me,,x,q7,70,900,")
    with pytest.raises(RatingError, match=r"line 2: trial x has no stimulus 'q7'.*another test"):
        read_ratings(path, Naming(listening_test()))


def test_a_changed_questionnaire_and_a_stray_header_are_understood(tmp_path):
    first, second = (str(uuid.UUID(int=n)) for n in (1, 2))
    path = write_mushra(
        tmp_path / "mushra.csv",
        f"t,me,{first},i1,reference,99,900,",
        f"t,you,30,extra,{second},i1,reference,98,900,",  # more questions than the header has
        "session_test_id,age,listener,session_uuid,trial_id,rating_stimulus,rating_score,"
        "rating_time,rating_comment",
        f"t,30,they,{uuid.UUID(int=3)},i1,reference,97,900,",
    )
    found = {r.session: (r.listener, r.score) for r in read_ratings(path)}
    assert found == {
        first: ("me", 99.0),
        second: (second, 98.0),
        str(uuid.UUID(int=3)): ("they", 97.0),
    }


def test_a_second_session_without_an_id_is_told_apart(tmp_path):
    header = "session_test_id,listener,trial_id,rating_stimulus,rating_score,rating_time,"
    path = write_mushra(
        tmp_path / "mushra.csv", "t,me,i1,reference,99,900,", "t,me,i1,reference,90,900,",
        header=header + "rating_comment",
    )  # fmt: skip
    table = read_ratings(path)
    assert [r.score for r in table] == [99.0, 90.0]
    assert len({r.session for r in table}) == 2
    assert any("2 sessions" in note for note in table.notes)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("t,me,,i1,reference,101,900,", r"line 2: score 101.0 .* 0 to 100 expected"),
        ("t,me,,i1,reference,loud,900,", r"line 2: score \(mushra\) is 'loud'; a number expected"),
        ("t,me,,i1,reference,nan,900,", r"line 2: .*a number expected"),
        ("t,reference,9", r"line 2: 3 cells; at least 6 expected"),
    ],
)
def test_a_wrong_row_is_named(tmp_path, row, message):
    with pytest.raises(RatingError, match=message):
        read_ratings(write_mushra(tmp_path / "mushra.csv", row))


def test_two_tests_in_one_file_are_refused(tmp_path):
    path = write_mushra(
        tmp_path / "mushra.csv", "t,me,,i1,reference,99,900,", "u,me,,i1,reference,99,900,"
    )
    with pytest.raises(RatingError, match=r"line 3: test 'u' in ratings of test 't'"):
        read_ratings(path)


def test_the_same_stimulus_with_two_scores_in_a_session_is_refused(tmp_path):
    session = uuid.UUID(int=1)
    rows = (f"t,me,{session},i1,reference,{score},900," for score in (99, 90))
    with pytest.raises(RatingError, match=r"line 3: .*has the scores 99.0 and 90.0"):
        read_ratings(write_mushra(tmp_path / "mushra.csv", *rows))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "", "is empty"),
        ("a.csv", "hello\n", "the header of a webMUSHRA, pymushra or tidy CSV expected"),
        ("a.csv", "listener,item,score\nme,i,5\n", "columns missing: condition"),
        ("a.csv", "listener,item,condition,score,colour\n", "unknown: colour"),
        ("a.csv", "listener,item,condition,score\n", "there are no ratings"),
        ("a.csv", "listener,item,condition,score\nme,,a,5\n", "line 2: item is empty"),
        ("a.csv", "listener,item,condition,score\nme,i,a\n", "line 2: not one cell"),
        ("a.csv", "listener,item,condition,score,method\nme,i,a,5,x\n", "unknown method 'x'"),
        ("a.csv", "listener,item,condition,score,position\nme,i,a,5,1.5\n", "a whole number"),
        ("a.json", "{", "is no JSON"),
        ("a.json", "[3]", "entry 1: 3; a pymushra export expected"),
        ("a.json", '[{"wm_id": "a"}]', "questionaire_uuid or wm_id is missing"),
    ],
)
def test_a_file_without_ratings_says_what_it_is(tmp_path, name, text, message):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(RatingError, match=message):
        read_ratings(path)


def test_a_file_that_is_not_text_is_refused(tmp_path):
    path = tmp_path / "ratings.csv"
    path.write_bytes(b"\xff\xfe\x00listener")
    with pytest.raises(RatingError, match="no CSV file in UTF-8"):
        read_ratings(path)


def test_categories_come_from_a_file(tmp_path):
    ratings, categories = tmp_path / "r.csv", tmp_path / "c.csv"
    ratings.write_text("listener,item,condition,score\nme,i,a,5\n")
    categories.write_text("item,category\ni,music\n")
    table = categorised(read_ratings(ratings), read_categories(categories))
    assert [r.category for r in table] == ["music"]
    with pytest.raises(RatingError, match="no category is given for i"):
        categorised(table, {})
    categories.write_text("name,kind\n")
    with pytest.raises(RatingError, match="columns item and category expected"):
        read_categories(categories)
