"""One verdict of the gate, with the figures that it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bench.gate.quality import Verdict

Kind = Literal["quality", "exact", "speed"]

ORDER: dict[Verdict, int] = {"fail": 0, "inconclusive": 1, "pass": 2}


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict on one metric of one condition, or on one property of a codec.

    Attributes:
        codec: name of the codec.
        condition: id of the condition; the codec's name where a property of the codec is meant.
        bitrate: nominal bitrate in bit/s, where there is one.
        metric: what was compared.
        kind: by which rule.
        verdict: whether it got worse.
        message: why, in words; empty where nothing needs to be said.
        difference: run less baseline, in the metric's unit; for speeds as a share.
        ci_low: lower end of its 90 % interval, the one-sided 95 % bound.
        ci_high: upper end.
        margin: what may be lost.
        n: items compared.
        items_needed: items that would decide, where these do not.
    """

    codec: str
    condition: str
    bitrate: int | None
    metric: str
    kind: Kind
    verdict: Verdict
    message: str = ""
    difference: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    margin: float | None = None
    n: int = 0
    items_needed: int | None = None

    @property
    def severity(self) -> float:
        """Margins lost, for sorting the worst first; infinite where something is missing."""
        if self.verdict != "fail" or self.difference is None or not self.margin:
            return float("inf") if self.verdict == "fail" else 0.0
        return abs(self.difference) / self.margin

    def interval(self) -> str:
        """The difference with its interval, as far as there is one."""
        if self.difference is None:
            return ""
        text = f"{self.difference:+.4g}"
        if self.ci_low is None or self.ci_high is None:
            return text
        return f"{text} [{self.ci_low:+.4g}, {self.ci_high:+.4g}]"

    def in_words(self) -> str:
        """The figures of the finding as a sentence."""
        margin = "" if self.margin is None else f", margin {self.margin:.4g}"
        return f"{self.metric} {self.verdict}: {self.interval() or 'no difference'}{margin}"


def worst_first(findings: list[Finding]) -> list[Finding]:
    """Failures first, and among them the largest loss."""
    return sorted(findings, key=lambda finding: (ORDER[finding.verdict], -finding.severity))
