"""Scores of a run against those of a baseline, paired by item."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bench.gate.finding import Finding
from bench.gate.quality import Assessment, assess, turned, verdicts
from bench.tables import listed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.gate.baseline import Baseline, ConditionIdentity, ItemValues
    from bench.gate.config import GateConfig

BITRATE = "bitrate"
SMALLEST_MARGIN = 1e-12  # where a relative margin of a mean of zero would be nothing


@dataclass(frozen=True, slots=True)
class _Pair:
    """One metric of one condition, in both runs."""

    condition: str
    identity: ConditionIdentity
    metric: str
    before: ItemValues
    after: ItemValues
    reasons: Mapping[str, str]

    @property
    def missing(self) -> Finding:
        """What is found where the run lacks values."""
        return Finding(
            codec=self.identity.codec,
            condition=self.condition,
            bitrate=self.identity.bitrate,
            metric=self.metric,
            kind="quality",
            verdict="fail",
            message=_missing(self),
            n=len(self.before),
        )


def compare_quality(before: Baseline, after: Baseline, config: GateConfig) -> list[Finding]:
    """A finding for each metric with a direction of each condition of the baseline.

    A missing item fails, and so does one that lost more than ``floor_margins`` margins. The rest is
    decided over the whole family of comparisons at once.
    """
    findings: list[Finding] = []
    tested: list[tuple[Finding, Assessment]] = []
    for pair in _pairs(before, after, config):
        direction = before.metrics[pair.metric].direction
        if direction not in ("higher", "lower"):
            continue
        if pair.missing.message:
            findings.append(pair.missing)
            continue
        sign = 1.0 if direction == "higher" else -1.0
        mean = math.fsum(pair.before.values()) / len(pair.before)
        margin = max(config.margin(pair.metric).of(mean), SMALLEST_MARGIN)
        gains = {item: sign * (pair.after[item] - old) for item, old in pair.before.items()}
        assessment = assess(list(gains.values()), margin)
        finding = _with_figures(pair.missing, assessment if sign > 0 else turned(assessment))
        floor = -config.floor_margins * margin
        if broken := [item for item, gain in gains.items() if gain < floor]:
            message = f"{listed(broken)} lost more than {config.floor_margins:g} margins"
            findings.append(replace(finding, message=message))
        else:
            tested.append((finding, assessment))
    decided = verdicts([assessment for _, assessment in tested])
    for (finding, assessment), verdict in zip(tested, decided, strict=True):
        needed = assessment.items_needed if verdict == "inconclusive" else None
        message = f"{needed} items would decide" if needed else ""
        findings.append(replace(finding, verdict=verdict, message=message, items_needed=needed))
    return findings


def compare_bitrates(before: Baseline, after: Baseline, config: GateConfig) -> list[Finding]:
    """A finding for the measured bitrate of each condition, which is compared item by item."""
    findings = []
    for pair in _pairs(before, after, config, always=(BITRATE,)):
        if pair.metric != BITRATE:
            continue
        changed = [
            item
            for item, old in pair.before.items()
            if item in pair.after
            and abs(pair.after[item] - old) > config.bitrate_tolerance * abs(old)
        ]
        n = len(pair.before)
        shared = [
            (pair.after[item], old) for item, old in pair.before.items() if item in pair.after
        ]
        findings.append(
            replace(
                pair.missing,
                kind="exact",
                verdict="fail" if changed or pair.missing.message else "pass",
                message=pair.missing.message
                or (f"the bitrate of {len(changed)} of {n} items changed" if changed else ""),
                difference=math.fsum(a - b for a, b in shared) / n if shared else None,
                margin=config.bitrate_tolerance,
            )
        )
    return findings


def compare_audio(before: Baseline, after: Baseline, config: GateConfig) -> list[Finding]:
    """A finding for each condition whose decoded audio was promised to stay the same."""
    findings = []
    for condition in config.identical_audio:
        identity = before.conditions[condition]
        old, new = before.audio.get(condition, {}), after.audio.get(condition, {})
        changed = [item for item, digest in old.items() if new.get(item) != digest]
        findings.append(
            Finding(
                codec=identity.codec,
                condition=condition,
                bitrate=identity.bitrate,
                metric="audio",
                kind="exact",
                verdict="fail" if changed else "pass",
                message=f"the decoded audio of {listed(changed)} changed" if changed else "",
                n=len(old),
            )
        )
    return findings


def _pairs(
    before: Baseline, after: Baseline, config: GateConfig, *, always: Sequence[str] = ()
) -> Iterator[_Pair]:
    for condition, metrics in before.values.items():
        if config.conditions and condition not in config.conditions:
            continue
        for metric, values in metrics.items():
            if config.metrics and metric not in (*config.metrics, *always):
                continue
            yield _Pair(
                condition,
                before.conditions[condition],
                metric,
                values,
                after.values.get(condition, {}).get(metric, {}),
                after.reasons.get(condition, {}).get(metric, {}),
            )


def _missing(pair: _Pair) -> str:
    gone = [item for item in pair.before if item not in pair.after]
    if not gone:
        return ""
    why = pair.reasons.get(gone[0], "not in this run")
    return f"{len(gone)} of {len(pair.before)} items have no value now: {listed(gone)} ({why})"


def _with_figures(finding: Finding, assessment: Assessment) -> Finding:
    return replace(
        finding,
        difference=assessment.mean,
        ci_low=assessment.low if math.isfinite(assessment.low) else None,
        ci_high=assessment.high if math.isfinite(assessment.high) else None,
        margin=assessment.margin,
    )
