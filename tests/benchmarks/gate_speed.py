"""The gate on streaming speed under load: equal runs must pass, a slowdown of 20 % must fail.

Times the streams of the bundled HILCodec again and again beside a busy process, gates each run
against the first, and does the same with a part that spends a fifth more CPU time on each chunk.

    python tests/benchmarks/gate_speed.py [--tries 20]
"""

from __future__ import annotations

import argparse
import dataclasses
import multiprocessing
import time
from collections import Counter

from bench.engines import pin_threads

pin_threads()  # before numpy is loaded

from bench.conditions import plan_codec  # noqa: E402
from bench.gate.baseline import Baseline, ConditionIdentity  # noqa: E402
from bench.gate.config import GateConfig  # noqa: E402
from bench.gate.system import compare_speeds  # noqa: E402
from bench.profiles import PASSES, SECONDS, flat_rows  # noqa: E402
from bench.store import Profile  # noqa: E402
from bench.streaming import measure_streams, stream_parts  # noqa: E402

CODEC = "hilcodec"
SLOWDOWN = 0.2


def burn():
    while True:
        sum(range(1000))


def slowed(part):
    """The part with a fifth of its CPU time spent again."""

    def push(chunk):
        start = time.process_time()
        result = part.push(chunk)
        end = time.process_time() + SLOWDOWN * (time.process_time() - start)
        while time.process_time() < end:
            pass
        return result

    return dataclasses.replace(part, push=push)


def timed(parts):
    speeds = measure_streams(parts, n_passes=PASSES)
    profile = Profile(CODEC, "streaming", "", "ok", "", tuple(map(dataclasses.asdict, speeds)))
    figures = {row.metric: row.value for row in flat_rows(profile)}
    condition = ConditionIdentity(CODEC, 3000, 0.0, "", "")
    return Baseline("", {}, {}, {}, {f"{CODEC}@3": condition}, {}, {}, {CODEC: figures}, {})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tries", type=int, default=20)
    options = parser.parse_args()
    load = multiprocessing.get_context("spawn").Process(target=burn, daemon=True)
    load.start()
    plan = plan_codec(CODEC, [None])
    parts = stream_parts(plan.entry.build_codec(plan.weights, "cpu"), seconds=SECONDS)
    first = timed(parts)
    for title, tried in (("equal", parts), (f"{SLOWDOWN:.0%} slower", list(map(slowed, parts)))):
        verdicts, gates = Counter(), Counter()
        for _ in range(options.tries):
            found = compare_speeds(first, timed(tried), GateConfig())
            verdicts.update(finding.verdict for finding in found)
            gates["fail" if any(f.verdict == "fail" for f in found) else "no fail"] += 1
        print(f"{title}: {dict(gates)} of {options.tries} gates; findings {dict(verdicts)}")
    load.kill()


if __name__ == "__main__":
    main()
