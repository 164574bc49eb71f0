"""Streaming HILCodec of paper size: the fast graphs against straightforward ones, interleaved.

    python tests/benchmarks/streaming_hilcodec.py [--passes 10] [--seconds 2] [--load 1]

Everything runs in one process on one thread, which stays on one core, one frame of 320 samples per
push. Compared is CPU time, so other processes may run beside it, and ``--load`` starts some that
multiply matrices on the same cores. ``--published`` takes the inexact Fourier kernels of the
published weights, whose products cannot be halved. Ends with status 1 where the fast graphs are
less than ``LEAST_GAIN`` times as fast, where they compute something else, or where the ratio of
encoder or decoder to the reference workload varies by more than ``LARGEST_VARIATION``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from bench.engines import pin_threads

pin_threads()  # before numpy is loaded

import numpy as np  # noqa: E402
import onnxruntime  # noqa: E402
import torch  # noqa: E402

from bench.complexity.measurement import measure  # noqa: E402
from bench.streaming import StreamPart, measure_streams  # noqa: E402
from bench.streaming_reference import (  # noqa: E402
    ReferenceWorkload,
    peak_products_per_second,
    waiting_share,
)
from codec_zoo.adapters.hilcodec import HILCODEC, HilCodecAdapter  # noqa: E402
from codec_zoo.models.hilcodec.config import HilCodecConfig  # noqa: E402
from codec_zoo.models.hilcodec.export import decoder_graph, encoder_graph  # noqa: E402
from codec_zoo.models.hilcodec.fast_export import FastLayers  # noqa: E402
from codec_zoo.models.hilcodec.initialisation import initialise  # noqa: E402
from codec_zoo.models.hilcodec.network import HilCodec  # noqa: E402
from codec_zoo.models.hilcodec.plain_export import PlainLayers  # noqa: E402
from codec_zoo.models.hilcodec.stream_parts import residual_codebooks  # noqa: E402
from codec_zoo.quantizer_graphs import quantizer_graph  # noqa: E402
from codec_zoo.streaming_session import StreamSession  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray
    from onnx import ModelProto

LEAST_GAIN = 1.6
LARGEST_VARIATION = 0.05
LARGEST_DIFFERENCE = 1e-4
N_CODEBOOKS = 12
BITRATE = 9_000
FRAME, RATE = 320, 24_000


def plain_session(model: ModelProto) -> Callable[[NDArray], NDArray]:
    """A graph run with default options on one thread, its states handed over as dictionaries."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    first, *described = session.get_inputs()
    states = {state.name: np.zeros(state.shape, np.float32) for state in described}

    def push(x: NDArray) -> NDArray:
        output, *kept = session.run(None, {first.name: x, **states})
        states.update(zip(states, kept, strict=True))
        return output

    return push


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passes", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--load", type=int, default=0, help="busy processes beside it")
    parser.add_argument("--published", action="store_true", help="the published Fourier kernels")
    options = parser.parse_args()
    with load(options.load):
        return measured(options)


@contextmanager
def load(n_processes: int) -> Iterator[None]:
    """Processes that compute for as long as the block lasts."""
    script = "import numpy as np\na = np.ones((512, 512), np.float32)\nwhile True: a @ a"
    busy = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(n_processes)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def measured(options: argparse.Namespace) -> int:
    """Measure and print; returns the exit status."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    network = HilCodec(HilCodecConfig(exact_spectrum=not options.published))
    initialise(network, torch.Generator().manual_seed(0), zero_branches=False)
    graphs = {"encoder": encoder_graph, "decoder": decoder_graph}
    rng = np.random.default_rng(0)
    n_chunks = round(options.seconds * RATE / FRAME)
    inputs = {
        "encoder": 0.05 * rng.standard_normal((n_chunks, 1, 1, FRAME)),
        "decoder": rng.standard_normal((n_chunks, 1, 128, 1)),
    }
    parts, differences = [], {}
    for name, graph in graphs.items():
        chunks = tuple(inputs[name].astype(np.float32))
        fast = StreamSession(graph(network, FastLayers, 1)).push
        plain = plain_session(graph(network, PlainLayers, 1))
        differences[name] = max(float(np.abs(plain(x) - fast(x)).max()) for x in chunks[:50])
        seconds = FRAME / RATE
        parts.append(StreamPart("hilcodec", name, "straightforward", plain, chunks, FRAME, seconds))
        parts.append(replace(parts[-1], backend="fast", push=fast))
    books = [residual_codebooks(network.quantizer, N_CODEBOOKS)]
    quantizer = StreamSession(quantizer_graph(books, 1)).push
    latents = tuple(inputs["decoder"].astype(np.float32))
    parts.append(replace(parts[-1], part="quantizer", push=quantizer, chunks=latents))

    print(f"ONNX Runtime {onnxruntime.__version__}, load {os.getloadavg()[0]:.1f}, ", end="")
    print(f"waiting {waiting_share(ReferenceWorkload()):.0%}")
    speeds = measure_streams(parts, n_passes=options.passes)
    peak = peak_products_per_second()
    cost = measure(HilCodecAdapter(HILCODEC.info, network.eval(), "cpu"), BITRATE)
    macs = {
        # What the graphs compute: the encoder's spectra are products of Fourier kernels.
        "encoder": cost.encoder["convolution"],
        "decoder": sum(cost.decoder.values()),
        "quantizer": sum(cost.quantizer.values()),
    }
    for speed in speeds:
        rate = macs[speed.part] * speed.rtf_cpu
        print(
            f"{speed.part:10} {speed.backend:16} RTF {speed.rtf_cpu:6.2f} "
            f"({speed.rtf_cpu_low:.2f} to {speed.rtf_cpu_high:.2f}), wall {speed.rtf_wall:6.2f}, "
            f"p50 {speed.p50_ms:5.2f} ms, p99 {speed.p99_ms:5.2f} ms, late {speed.late_share:.1%}, "
            f"{rate / 1e9:5.1f} GMAC/s = {rate / peak:.0%} of sgemm, "
            f"ratio {speed.reference_ratio:.1f}, varies by {speed.reference_ratio_spread:.1%}"
        )
    print(f"peak of large matrix products: {peak / 1e9:.1f} GMAC/s")
    good = True
    for index, name in enumerate(graphs):
        gain = speeds[2 * index + 1].rtf_cpu / speeds[2 * index].rtf_cpu
        print(f"{name}: {gain:.2f} times as fast, largest difference {differences[name]:.1e}")
        good &= gain >= LEAST_GAIN and differences[name] <= LARGEST_DIFFERENCE
    spread = max(speed.reference_ratio_spread for speed in speeds if speed.part in graphs)
    return 0 if good and spread < LARGEST_VARIATION else 1


if __name__ == "__main__":
    sys.exit(main())
