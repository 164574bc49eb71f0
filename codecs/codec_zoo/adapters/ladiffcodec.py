"""LaDiffCodec (Yang, Jang, Kim, ICASSP 2024), run from our own definition of its networks.

An EnCodec of 50 frames per second at 16 kHz sends 3 or 6 codes of 10 bits per frame; a diffusion
model turns its features into latents of a continuous autoencoder. Two samplers are offered, with
the same weights: ``ladiffcodec`` runs that of the released script, 100 steps from the features
themselves without added noise at the start, and ``ladiffcodec-infilling`` the paper's midway
infilling with tau 100 and gamma 0.3. They need 100 and 200 runs of a U-Net of 135 million
parameters per recording, minutes per second of audio on a CPU.

The network's output has an arbitrary level. The level of the recording is sent as a 32-bit float,
which counts in the payload, and the output is scaled to it. The noise of the steps has a fixed
seed, so that decoding repeats. Sample n goes in and comes out as sample n.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from codec_zoo.interface import Codebooks, CodecEntry, CodecInfo
from codec_zoo.weights import WeightsSource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

    from codec_zoo.bitstream import Bitstream
    from codec_zoo.models.ladiffcodec.network import LaDiffCodec, LaDiffCodecConfig, Sampler
    from codec_zoo.samples import Samples
    from codec_zoo.weights import WeightsFile

PAPER = (
    "Yang, Jang, Kim: Generative De-Quantization for Neural Speech Codec via Latent Diffusion, "
    "ICASSP 2024"
)
FRAME_SIZE = 320
LEVEL_TYPE = "<f4"
LEVEL_BYTES = 4
N_STEPS = 100  # the paper's tau
GAMMA = 0.3
SEED = 0


class LaDiffCodecAdapter:
    """LaDiffCodec at its two bitrates."""

    def __init__(self, info: CodecInfo, network: LaDiffCodec, device: str) -> None:
        """Describe the codec by ``info`` and run ``network``, which is on ``device``."""
        self.info = info
        self._network = network
        self._device = device

    def encode(self, samples: Samples, bitrate: int) -> Bitstream:
        """Code audio ``(1, samples)``, completed with zeros to whole frames.

        Raises:
            UnsupportedBitrateError: ``bitrate`` is not offered.
            CodecError: the audio does not fit the codec.
        """
        import numpy as np
        from torch.nn import functional

        from codec_zoo.adapters.boundary import check_samples
        from codec_zoo.adapters.codebook_frames import coded
        from codec_zoo.adapters.network_codec import codebooks_of
        from codec_zoo.inference import exact_inference, to_tensor

        self.info.check_bitrate(bitrate)
        check_samples(self.info, samples)
        with exact_inference():
            waveform = to_tensor(samples, self._device)  # [1, 1, samples]
            waveform = functional.pad(waveform, (0, -samples.shape[1] % FRAME_SIZE))
            codes = self._network.encode(waveform, codebooks_of(self.info, bitrate))
        level = np.array(_level(samples), dtype=LEVEL_TYPE)
        return coded(self.info, samples, codes, side=level.tobytes())

    def decode(self, bitstream: Bitstream) -> Samples:
        """Audio ``(1, n_samples)`` at the level that was sent.

        Raises:
            BitstreamError: the payload is damaged or not this codec's.
            CodecError: the network gave silence where there was none.
        """
        import numpy as np

        from codec_zoo.adapters.codebook_frames import frames_of, received
        from codec_zoo.bitstream import BitstreamError
        from codec_zoo.inference import exact_inference, to_samples
        from codec_zoo.interface import CodecError

        n_frames = frames_of(bitstream.n_samples, FRAME_SIZE)
        codes, side = received(
            self.info, bitstream, n_frames, self._device, n_side_bytes=LEVEL_BYTES
        )
        level = float(np.frombuffer(side, dtype=LEVEL_TYPE)[0])
        if not (np.isfinite(level) and level >= 0):
            raise BitstreamError(f"the level {level} is no level; the payload is damaged.")
        if level == 0:
            return np.zeros((1, bitstream.n_samples), dtype=np.float32)
        with exact_inference():
            decoded = to_samples(self._network.decode(codes), bitstream.n_samples)
        found = _level(decoded)
        if found == 0:
            raise CodecError(f"{self.info.name} decoded silence; a level of {level} expected.")
        return decoded * np.float32(level / found)

    def modules(self) -> Mapping[str, nn.Module]:
        """Encoder, quantizer and decoder; the decoder holds the diffusion model."""
        network = self._network
        return {
            "encoder": network.encoder,
            "quantizer": network.quantizer,
            "decoder": network.decoder,
        }


def build(
    config: LaDiffCodecConfig,
    weights: WeightsFile | None,
    device: str,
    *,
    info: CodecInfo | None = None,
) -> LaDiffCodecAdapter:
    """A codec of the sizes in ``config``, described by ``info`` if not as ``ladiffcodec``.

    Raises:
        WeightsError: the weights are damaged, incomplete or of another model.
    """
    from codec_zoo.keys.ladiffcodec import model_state
    from codec_zoo.loading import load_weights, untrained
    from codec_zoo.models.ladiffcodec.network import LaDiffCodec

    network = untrained(lambda: LaDiffCodec(config))
    if weights is not None:
        load_weights(network, model_state(weights.path), weights.path)
    return LaDiffCodecAdapter(info or LADIFFCODEC.info, network.to(device).eval(), device)


def _level(samples: Samples) -> float:
    """Root mean square over all samples."""
    import numpy as np

    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def _entry(name: str, sampler: Sampler, options: Mapping[str, str]) -> CodecEntry:
    info = CodecInfo(
        name=name,
        version="1",
        sample_rate=16_000,
        bitrates=(1_500, 3_000),
        default_bitrates=(1_500, 3_000),
        licence="Apache-2.0",
        paper=PAPER,
        frame_size=FRAME_SIZE,
        codebooks=Codebooks(6, 1024),
        trained_by="Yang et al.",
    )

    def build_published(weights: WeightsFile | None, device: str) -> LaDiffCodecAdapter:
        from codec_zoo.models.ladiffcodec.network import LaDiffCodecConfig

        config = LaDiffCodecConfig(sampler=sampler, n_steps=N_STEPS, gamma=GAMMA, seed=SEED)
        return build(config, weights, device, info=info)

    return CodecEntry(
        info=info,
        build=build_published,
        weights=WEIGHTS,
        options={"sampler": sampler, "steps": str(N_STEPS), **options, "seed": str(SEED)},
        requires="codecbench[neural]",
    )


WEIGHTS = WeightsSource(
    name="ladiffcodec",
    licence="not stated by the authors",
    size=1_150_000_000,
    page="https://github.com/haiciyang/LaDiffCodec#pretrained-checkpoints",
    accepts="a folder with the official files: the diffusion model with its autoencoder and the "
    "conditioning codec (*.amlt)",
)
LADIFFCODEC = _entry("ladiffcodec", "midway", {})
LADIFFCODEC_INFILLING = _entry("ladiffcodec-infilling", "infilling", {"gamma": str(GAMMA)})
