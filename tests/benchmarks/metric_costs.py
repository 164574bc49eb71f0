"""What each metric costs on this machine, in CPU milliseconds per second of a pair.

python tests/benchmarks/metric_costs.py [--metrics NAME,NAME] [--duration 4] [--repeats 3]
"""

from __future__ import annotations

import argparse

from bench.engines import pin_threads

pin_threads()  # before numpy is loaded

from bench.metrics.cost import measure_cost  # noqa: E402
from bench.metrics.presets import expand  # noqa: E402
from bench.metrics.spec import metric_spec  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--metrics", default="full", help="names or presets (default: full)")
    parser.add_argument("--duration", type=float, default=4.0, help="seconds (default: 4)")
    parser.add_argument("--repeats", type=int, default=3, help="measured calls (default: 3)")
    arguments = parser.parse_args()
    print(f"{'metric':<22}{'Hz':>6}{'median':>10}{'lowest':>10}{'highest':>10}")
    for name in expand(arguments.metrics.split(",")):
        cost = measure_cost(
            metric_spec(name), duration=arguments.duration, repeats=arguments.repeats
        )
        figures = "".join(
            f"{1000 * value:>10.3g}" for value in (cost.median, cost.lowest, cost.highest)
        )
        print(f"{name:<22}{cost.sample_rate:>6}{figures}")


if __name__ == "__main__":
    main()
