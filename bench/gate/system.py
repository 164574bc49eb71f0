"""What a codec costs, against a baseline: exact figures, and speed as a ratio."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from scipy.special import ndtri

from bench.gate.finding import Finding
from bench.gate.quality import LEVEL, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.gate.baseline import Baseline, ItemValues
    from bench.gate.config import GateConfig

EXACT = ("parameters", "macs_per_second", "latency_samples")
RATIO = ".reference_ratio"
SPREAD = ".reference_ratio_spread"
PASSES = ".n_passes"


def compare_exact(before: Baseline, after: Baseline, config: GateConfig) -> list[Finding]:
    """A finding for each count of parameters and operations and each latency of the baseline."""
    findings = []
    for codec, old, new in _codecs(before, after, config):
        for name, value in old.items():
            if name.partition(".")[0] not in EXACT:
                continue
            now = new.get(name)
            findings.append(
                Finding(
                    codec=codec,
                    condition=codec,
                    bitrate=None,
                    metric=name,
                    kind="exact",
                    verdict="pass" if now == value else "fail",
                    message=_change(value, now),
                    difference=None if now is None else now - value,
                )
            )
    return findings


def compare_speeds(before: Baseline, after: Baseline, config: GateConfig) -> list[Finding]:
    r"""A finding for the speed of each streaming part of the baseline.

    Compared is the CPU time as a ratio to that of a reference workload between the same chunks.
    With :math:`r` the relative growth of the ratio and :math:`e` its standard error, from the
    spread over the passes of both runs, a part fails where :math:`r` exceeds the margin and
    :math:`r - z_{0.95} e > 0`, and passes where :math:`r + z_{0.95} e` is below the margin. On
    another kind of machine what would fail is inconclusive: the ratio carries over only roughly.
    """
    is_same_machine = before.machine == after.machine
    findings = []
    for codec, old, new in _codecs(before, after, config):
        for name, value in old.items():
            if not name.endswith(RATIO):
                continue
            finding = Finding(
                codec=codec,
                condition=codec,
                bitrate=None,
                metric=name,
                kind="speed",
                verdict="fail",
                margin=config.speed_margin,
            )
            now = new.get(name)
            if now is None:
                findings.append(replace(finding, message=_change(value, now)))
                continue
            growth = now / value - 1
            reach = float(ndtri(LEVEL)) * (1 + growth) * _error(name.removesuffix(RATIO), old, new)
            verdict, message = _verdict(growth, reach, config.speed_margin), ""
            if verdict == "fail" and not is_same_machine:
                verdict, message = "inconclusive", "the baseline is of another kind of machine"
            findings.append(
                replace(
                    finding,
                    verdict=verdict,
                    message=message,
                    difference=growth,
                    ci_low=growth - reach,
                    ci_high=growth + reach,
                )
            )
    return findings


def _verdict(growth: float, reach: float, margin: float) -> Verdict:
    if growth > margin and growth - reach > 0:
        return "fail"
    return "pass" if growth + reach < margin else "inconclusive"


def _error(part: str, old: ItemValues, new: ItemValues) -> float:
    """Relative standard error of a quotient of two means over passes."""
    squares = [
        run.get(part + SPREAD, 0.0) ** 2 / max(1.0, run.get(part + PASSES, 1.0))
        for run in (old, new)
    ]
    return math.sqrt(math.fsum(squares))


def _codecs(
    before: Baseline, after: Baseline, config: GateConfig
) -> Iterator[tuple[str, ItemValues, ItemValues]]:
    looked_at = {
        identity.codec
        for condition, identity in before.conditions.items()
        if not config.conditions or condition in config.conditions
    }
    for codec, values in before.system.items():
        if codec in looked_at:
            yield codec, values, after.system.get(codec, {})


def _change(before: float, now: float | None) -> str:
    if now is None:
        return "not measured in this run"
    return "" if now == before else f"{before:.15g} before, {now:.15g} now"
