"""How often the gate errs: false failures without a change, and losses that it detects.

Items differ by Gaussian noise that is twice the margin wide (MOS-like: 0.10 with a margin of 0.05,
or as `--spread` says). A loss hits every metric at every bitrate of one codec in four, as a real
regression does, or one comparison alone.

    python tests/benchmarks/gate_errors.py [--trials 400]
"""

from __future__ import annotations

import argparse

import numpy as np

from bench.gate.quality import assess, verdicts

MARGIN = 0.05
FAMILIES = (1, 6, 20, 60)


def gate_verdicts(rng, *, family, n_items, spread, lost, hit):
    """Verdicts of one gate in which the first ``hit`` comparisons lost ``lost``."""
    noise = rng.normal(0.0, spread, (family, n_items))
    noise[:hit] -= lost
    return verdicts([assess(row.tolist(), MARGIN) for row in noise])


def share(rng, trials, **setting):
    hit = setting["hit"] or setting["family"]
    failed = [any(v == "fail" for v in gate_verdicts(rng, **setting)[:hit]) for _ in range(trials)]
    return np.mean(failed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=400)
    parser.add_argument("--spread", type=float, default=0.10, help="of the paired differences")
    options = parser.parse_args()
    rng = np.random.default_rng(1)
    print(
        f"{options.trials} gates each; margin {MARGIN}, spread {options.spread}; share that fails"
    )
    print("items  comparisons  no change  2 margins, one codec in four  2 margins, one comparison")
    for n_items in (10, 20, 50):
        for family in FAMILIES:
            setting = {"family": family, "n_items": n_items, "spread": options.spread}
            none = share(rng, options.trials, **setting, lost=0.0, hit=0)
            codec = share(rng, options.trials, **setting, lost=2 * MARGIN, hit=max(1, family // 4))
            one = share(rng, options.trials, **setting, lost=2 * MARGIN, hit=1)
            print(f"{n_items:5d}  {family:11d}  {none:9.1%}  {codec:28.1%}  {one:25.1%}")


if __name__ == "__main__":
    main()
