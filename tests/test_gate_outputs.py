"""Findings as JUnit XML and for GitHub."""

from __future__ import annotations

from xml.etree import ElementTree

from bench.gate.comparison import Comparison
from bench.gate.finding import Finding, worst_first
from bench.gate.github import MAX_SUMMARY, step_summary, workflow_commands
from bench.gate.junit import to_junit

HOSTILE = "<b>x\x00\n::error::|`%0A\u202e"


def make(condition="acme@3", metric="pesq_wb", verdict="fail", **entries):
    return Finding("acme", condition, 3000, metric, "quality", verdict, **entries)


LOST = make(difference=-0.2, ci_low=-0.3, ci_high=-0.1, margin=0.05, n=12)
OPEN = make(metric="stoi", verdict="inconclusive", items_needed=80, message="80 items would decide")
FINE = make(metric="mel_dac", verdict="pass", difference=0.0)


def test_junit_has_a_suite_per_condition_and_a_case_per_metric():
    suite = ElementTree.fromstring(to_junit([LOST, OPEN, FINE])).find("testsuite")
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "1", "1")
    lost, unsure, fine = suite.findall("testcase")
    assert lost.find("failure").get("message") == ("pesq_wb fail: -0.2 [-0.3, -0.1], margin 0.05")
    assert unsure.find("skipped").get("message") == "80 items would decide"
    assert [child.tag for child in fine] == ["properties"]
    properties = {p.get("name"): p.get("value") for p in lost.iter("property")}
    assert properties == {
        "difference": "-0.2", "ci_low": "-0.3", "ci_high": "-0.1", "margin": "0.05", "n": "12"
    }  # fmt: skip


def test_hostile_names_stay_text_in_junit():
    root = ElementTree.fromstring(to_junit([make(condition=HOSTILE)]))
    assert root.find("testsuite").get("name").startswith("<b>xU+0000")


def test_annotations_are_the_worst_of_each_condition_and_at_most_ten():
    many = [make(condition=f"c{i}", difference=-i / 10, margin=0.05) for i in range(1, 15)]
    lines = workflow_commands(worst_first([*many, make(condition="c14", metric="b", margin=1.0)]))
    assert len(lines) == 10
    assert lines[0].startswith("::error title=c14%2C b::")
    assert lines[1].startswith("::error title=c13%2C pesq_wb::")


def test_inconclusive_findings_are_warnings_and_passes_are_not_told():
    assert [line.split()[0] for line in workflow_commands([OPEN])] == ["::warning"]
    assert workflow_commands([FINE]) == []


def test_hostile_names_cannot_end_an_annotation():
    (line,) = workflow_commands([make(condition=HOSTILE, message=HOSTILE)])
    assert "\n" not in line
    assert line.startswith("::error title=<b>x")
    assert "%3A%3Aerror%3A%3A" in line
    assert "%250A" in line


def test_hostile_names_cannot_leave_their_cell_of_the_summary():
    text = step_summary(Comparison((make(condition=HOSTILE),), ()))
    (row,) = [line for line in text.splitlines() if "pesq" in line]
    assert row.count("|") == 8
    assert "<" not in row


def test_summary_of_very_many_findings_stays_below_githubs_limit_and_says_so():
    findings = tuple(make(condition=f"c{index}", message="x" * 200) for index in range(8000))
    text = step_summary(Comparison(findings, ()))
    assert len(text.encode()) < MAX_SUMMARY + 1000
    assert "more findings are not shown" in text


def test_summary_counts_and_notes():
    text = step_summary(Comparison((LOST, OPEN, FINE), ("acme@3: other weights.",)))
    assert text.startswith("### bench gate: 1 fail, 1 inconclusive, 1 pass")
    assert text.rstrip().endswith("acme@3: other weights.")
