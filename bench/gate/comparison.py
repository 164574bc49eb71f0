"""A run against a baseline: what may be compared at all, and every finding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.gate.config import GateConfigError
from bench.gate.finding import Finding, worst_first
from bench.gate.items import compare_audio, compare_bitrates, compare_quality
from bench.gate.system import compare_exact, compare_speeds
from bench.tables import listed

if TYPE_CHECKING:
    from bench.gate.baseline import Baseline
    from bench.gate.config import GateConfig


class IncomparableError(ValueError):
    """The baseline and the run measured different things; the message names them."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a gate found.

    Attributes:
        findings: worst first.
        notes: what changed without being wrong, and what the run holds beyond the baseline.
    """

    findings: tuple[Finding, ...]
    notes: tuple[str, ...]

    def count(self, verdict: str) -> int:
        """Findings with that verdict."""
        return sum(finding.verdict == verdict for finding in self.findings)


def compare(before: Baseline, after: Baseline, config: GateConfig) -> Comparison:
    """Every finding on ``after`` against ``before``.

    Raises:
        IncomparableError: an item or a metric is not the same in both, or nothing was compared.
        GateConfigError: the configuration names what the baseline lacks.
    """
    _check_config(before, config)
    _check_identities(before, after, config)
    findings = [
        *compare_quality(before, after, config),
        *compare_bitrates(before, after, config),
        *compare_audio(before, after, config),
        *compare_exact(before, after, config),
        *compare_speeds(before, after, config),
    ]
    if not findings:
        raise IncomparableError("nothing was compared: the baseline holds no score to gate.")
    return Comparison(tuple(worst_first(findings)), tuple(_notes(before, after)))


def _check_config(before: Baseline, config: GateConfig) -> None:
    for what, names, known in (
        ("metric", (*config.metrics, *config.margins), before.metrics),
        ("condition", (*config.conditions, *config.identical_audio), before.conditions),
    ):
        if unknown := sorted(set(names) - set(known)):
            raise GateConfigError(
                f"the baseline has no {what} {', '.join(unknown)}; it has {', '.join(known)}."
            )
    if unhashed := [name for name in config.identical_audio if name not in before.audio]:
        raise GateConfigError(
            f"the baseline has no hashes of the audio of {', '.join(unhashed)}; write it with "
            "bench baseline --audio."
        )


def _check_identities(before: Baseline, after: Baseline, config: GateConfig) -> None:
    shared = before.items.keys() & after.items.keys()
    if not shared:
        raise IncomparableError("no item of the run is in the baseline: another corpus.")
    if other := sorted(item for item in shared if before.items[item] != after.items[item]):
        raise IncomparableError(
            f"{len(other)} items hold other audio than in the baseline: {listed(other)}."
        )
    if extra := sorted(after.items.keys() - before.items.keys()):
        raise IncomparableError(
            f"{len(extra)} items of the run are not in the baseline: {listed(extra)}. Run the "
            "baseline's corpus, or write a new baseline."
        )
    gated = set(config.metrics or before.metrics)
    if versions := sorted(
        f"{name} {before.metrics[name].version} (now {after.metrics[name].version})"
        for name in gated & after.metrics.keys()
        if before.metrics[name].version != after.metrics[name].version
    ):
        raise IncomparableError(
            f"metrics changed since the baseline: {listed(versions)}. Write a new baseline."
        )


def _notes(before: Baseline, after: Baseline) -> list[str]:
    notes = []
    for condition, old in before.conditions.items():
        new = after.conditions.get(condition)
        if new is not None and new.weights_sha256 != old.weights_sha256:
            notes.append(f"{condition}: other weights than in the baseline.")
        if new is not None and new.codec_version != old.codec_version:
            notes.append(
                f"{condition}: codec version {new.codec_version}, {old.codec_version} before."
            )
    for what, names, known in (
        ("conditions", after.conditions, before.conditions),
        ("metrics", after.metrics, before.metrics),
    ):
        if beyond := [name for name in names if name not in known]:
            notes.append(f"{what} that the baseline lacks, not gated: {listed(beyond)}.")
    return notes
