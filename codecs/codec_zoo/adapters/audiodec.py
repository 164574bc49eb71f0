"""AudioDec (Wu et al., ICASSP 2023), run from our own definition of its networks.

One bitrate: eight codes of 10 bits per 300 samples, 6.4 kbit/s at 24 kHz and 12.8 at 48 kHz. The
same encoder goes with the vocoders that the authors recommend (v0, v1, v2) and with the symmetric
decoder that it was trained with; each pair is a codec here.

Causality. Frame n sees no sample after the first of its own 300 and gives all of them, so the
structure has no delay: where the output lags, the networks have learned to, and the harness
measures it. At the start the decoders repeat the first frame, as the published offline path does.
Streams do the same, so that they equal coding all at once; the published streaming decoders start
from zeros and differ from both for half a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from codec_zoo.adapters.network_codec import NetworkCodec
from codec_zoo.interface import Codebooks, CodecEntry, CodecInfo
from codec_zoo.weights import RemoteFile, WeightsSource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

    from codec_zoo.bitstream import Bitstream
    from codec_zoo.models.audiodec.network import AudioDec
    from codec_zoo.network_streams import StreamingNetwork
    from codec_zoo.samples import Samples
    from codec_zoo.streaming import (
        Backend,
        CodeDecoder,
        CodeEncoder,
        PartName,
        StreamFunction,
    )
    from codec_zoo.weights import WeightsFile

PAPER = (
    "Wu, Gebru, Markovic, Richard: AudioDec: An Open-Source Streaming High-Fidelity Neural Audio "
    "Codec, ICASSP 2023, doi:10.1109/ICASSP49357.2023.10096509"
)
FRAME_SIZE = 300
N_CODEBOOKS = 8
CODEBOOK_SIZE = 1024
BITS_PER_CODE = 10
RELEASE = "https://github.com/facebookresearch/AudioDec/releases/download/pretrain_models_v02"

Decoder = Literal["symmetric", "v0", "v1", "v2"]


class AudioDecCodec:
    """AudioDec with one of its decoders, all at once or frame by frame."""

    stream_backends: tuple[Backend, ...] = ("onnx", "torch")

    def __init__(self, info: CodecInfo, network: AudioDec, device: str) -> None:
        """Describe the codec by ``info`` and run ``network``, which is on ``device``."""
        self.info = info
        self._network = network
        self._device = device
        self._whole = NetworkCodec(info, network, device)

    def encode(self, samples: Samples, bitrate: int) -> Bitstream:
        """Code audio ``(1, samples)``; see :meth:`NetworkCodec.encode`."""
        return self._whole.encode(samples, bitrate)

    def decode(self, bitstream: Bitstream) -> Samples:
        """Audio ``(1, n_samples)``; see :meth:`NetworkCodec.decode`."""
        return self._whole.decode(bitstream)

    def modules(self) -> Mapping[str, nn.Module]:
        """Encoder, quantizer and decoder."""
        return self._whole.modules()

    def stream_encoder(self, bitrate: int) -> CodeEncoder:
        """A stream of audio: one packet per frame of 300 samples, equal to :meth:`encode`."""
        from codec_zoo.network_streams import code_encoder

        return code_encoder(self.info, self._streaming(bitrate), self._device)

    def stream_decoder(self, bitrate: int) -> CodeDecoder:
        """A stream of packets, equal to :meth:`decode`; a lost one repeats the codes before it."""
        from codec_zoo.network_streams import code_decoder

        return code_decoder(self.info, N_CODEBOOKS, self._streaming(bitrate), self._device)

    def stream_parts(
        self, bitrate: int, *, chunk_frames: int, backend: Backend, threads: int
    ) -> Mapping[PartName, StreamFunction]:
        """Encoder, encoder with quantizer, and decoder as functions of one chunk."""
        from codec_zoo.models.audiodec.stream_parts import streaming_graphs
        from codec_zoo.network_streams import onnx_parts, torch_parts
        from codec_zoo.streaming import check_backend

        check_backend(self, backend)
        if backend == "torch":
            return torch_parts(self._streaming(bitrate), threads)
        self.info.check_bitrate(bitrate)
        return onnx_parts(streaming_graphs(self._network, chunk_frames), threads)

    def _streaming(self, bitrate: int) -> StreamingNetwork:
        from codec_zoo.models.audiodec.stream_parts import streaming_network

        self.info.check_bitrate(bitrate)
        return streaming_network(self._network)


def _build(
    info: CodecInfo, corpus: str, decoder: Decoder, weights: WeightsFile | None, device: str
) -> AudioDecCodec:
    from codec_zoo.keys.audiodec import model_state
    from codec_zoo.loading import load_weights, untrained
    from codec_zoo.models.audiodec.network import AudioDec
    from codec_zoo.models.audiodec.vocoder import V0, V1, V2

    config = {"symmetric": None, "v0": V0, "v1": V1, "v2": V2}[decoder]
    network = untrained(lambda: AudioDec(config))
    if weights is not None:
        autoencoder, vocoder = _models(corpus, decoder)
        load_weights(network, model_state(weights.path, autoencoder, vocoder), weights.path)
    return AudioDecCodec(info, network.to(device).eval(), device)


def _models(corpus: str, decoder: Decoder) -> tuple[str, str | None]:
    """Names of the official folders of autoencoder and vocoder."""
    autoencoder = f"symAD_{corpus}_hop{FRAME_SIZE}"
    return (
        autoencoder,
        None if decoder == "symmetric" else f"AudioDec_{decoder}_{autoencoder}_clean",
    )


def _entry(name: str, sample_rate: int, corpus: str, decoder: Decoder, *, size: int) -> CodecEntry:
    bitrate = N_CODEBOOKS * BITS_PER_CODE * sample_rate // FRAME_SIZE
    info = CodecInfo(
        name=name,
        version="1",
        sample_rate=sample_rate,
        bitrates=(bitrate,),
        default_bitrates=(bitrate,),
        licence="Apache-2.0",
        paper=PAPER,
        frame_size=FRAME_SIZE,
        codebooks=Codebooks(N_CODEBOOKS, CODEBOOK_SIZE),
        streamable=True,
        trained_by="Meta",
    )
    autoencoder, vocoder = _models(corpus, decoder)
    folders = f"autoencoder/{autoencoder}" + (f" and vocoder/{vocoder}" if vocoder else "")
    return CodecEntry(
        info=info,
        build=lambda weights, device: _build(info, corpus, decoder, weights, device),
        weights=WeightsSource(
            name=name,
            licence="CC-BY-NC-4.0: no commercial use",
            size=size,
            files=(RemoteFile(f"{RELEASE}/exp.zip", "exp.zip"),),
            accepts=f"the official exp.zip, or a folder with {folders} out of it",
        ),
        requires="codecbench[neural]",
    )


AUDIODEC = _entry("audiodec", 24_000, "libritts_24000", "v1", size=114_000_000)
AUDIODEC_SYMMETRIC = _entry(
    "audiodec-symmetric", 24_000, "libritts_24000", "symmetric", size=36_000_000
)
AUDIODEC_48KHZ = _entry("audiodec-48khz", 48_000, "vctk_48000", "v1", size=114_000_000)
AUDIODEC_48KHZ_V0 = _entry("audiodec-48khz-v0", 48_000, "vctk_48000", "v0", size=88_000_000)
AUDIODEC_48KHZ_V2 = _entry("audiodec-48khz-v2", 48_000, "vctk_48000", "v2", size=64_000_000)
AUDIODEC_48KHZ_SYMMETRIC = _entry(
    "audiodec-48khz-symmetric", 48_000, "vctk_48000", "symmetric", size=36_000_000
)
