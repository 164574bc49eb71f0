"""Findings for GitHub Actions: annotations at the job, and a step summary."""

from __future__ import annotations

from collections.abc import Sequence

from bench.gate.comparison import Comparison
from bench.gate.finding import Finding

MAX_ANNOTATIONS = 10  # that GitHub shows of a step
MARKUP = frozenset(r"\`*_{}[]<>|&#~!")
MAX_SUMMARY = 1024 * 1024 - 4096  # bytes; GitHub drops a summary above 1 MiB whole


def workflow_commands(findings: Sequence[Finding]) -> list[str]:
    """Annotations for the worst finding of each condition, at most ten, worst first."""
    worst: dict[str, Finding] = {}
    for finding in findings:
        if finding.verdict != "pass":
            worst.setdefault(finding.condition, finding)
    return [
        f"::{'error' if finding.verdict == 'fail' else 'warning'} "
        f"title={_property(f'{finding.condition}, {finding.metric}')}::"
        f"{_data(finding.message or finding.in_words())}"
        for finding in list(worst.values())[:MAX_ANNOTATIONS]
    ]


def step_summary(comparison: Comparison) -> str:
    """A Markdown table of all findings, cut with a word about it before GitHub would drop it."""
    counts = ", ".join(f"{comparison.count(v)} {v}" for v in ("fail", "inconclusive", "pass"))
    lines = [
        f"### bench gate: {counts}",
        "",
        "| condition | metric | verdict | difference | margin | n | |",
        "| --- | --- | --- | ---: | ---: | ---: | --- |",
    ]
    size = sum(len(line.encode()) + 1 for line in lines)
    for index, finding in enumerate(comparison.findings):
        line = _row(finding)
        size += len(line.encode()) + 1
        if size > MAX_SUMMARY:
            lines += ["", f"{len(comparison.findings) - index} more findings are not shown."]
            break
        lines.append(line)
    lines += ["", *(f"{_cell(note)}  " for note in comparison.notes[:MAX_ANNOTATIONS])]
    return "\n".join(lines) + "\n"


def _row(finding: Finding) -> str:
    cells = (
        finding.condition,
        finding.metric,
        finding.verdict,
        finding.interval(),
        "" if finding.margin is None else f"{finding.margin:.4g}",
        str(finding.n or ""),
        finding.message,
    )
    return "| " + " | ".join(map(_cell, cells)) + " |"


def _cell(text: str) -> str:
    escaped = "".join(f"&#{ord(c)};" if c in MARKUP else c for c in text)
    return " ".join(escaped.split())


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
