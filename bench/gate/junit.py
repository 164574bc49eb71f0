"""Findings as JUnit XML, which every CI system shows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from bench.gate.finding import Finding

FORBIDDEN = re.compile(
    "[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)  # XML 1.0, section 2.2
FIGURES = ("difference", "ci_low", "ci_high", "margin", "n", "items_needed")


def to_junit(findings: Sequence[Finding]) -> str:
    """One test suite per condition, one test case per metric; inconclusive ones are skipped."""
    root = ElementTree.Element("testsuites", name="bench gate")
    for condition in dict.fromkeys(finding.condition for finding in findings):
        cases = [finding for finding in findings if finding.condition == condition]
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=_legal(condition),
            tests=str(len(cases)),
            failures=str(sum(case.verdict == "fail" for case in cases)),
            skipped=str(sum(case.verdict == "inconclusive" for case in cases)),
            errors="0",
        )
        for case in cases:
            _add(suite, case)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _add(suite: ElementTree.Element, finding: Finding) -> None:
    case = ElementTree.SubElement(
        suite,
        "testcase",
        classname=_legal(finding.condition),
        name=_legal(finding.metric),
    )
    properties = ElementTree.SubElement(case, "properties")
    for name in FIGURES:
        value = getattr(finding, name)
        if value is not None:
            ElementTree.SubElement(properties, "property", name=name, value=str(value))
    message = _legal(finding.message or finding.in_words())
    if finding.verdict == "fail":
        ElementTree.SubElement(case, "failure", message=message)
    elif finding.verdict == "inconclusive":
        ElementTree.SubElement(case, "skipped", message=message)


def _legal(text: str) -> str:
    """The text without characters that XML cannot hold, each shown as its code point."""
    return FORBIDDEN.sub(lambda match: f"U+{ord(match[0]):04X}", text)
