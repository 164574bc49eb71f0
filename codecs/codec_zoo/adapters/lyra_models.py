"""The three TFLite models of Lyra v2, run frame by frame by LiteRT.

Encoder: 320 samples to 64 features. Quantizer: 64 features to up to 46 codes of 4 bits, and back.
Decoder: 64 features to 320 samples. Encoder and decoder keep the past in variables of their
interpreter, so every stream has interpreters of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from codec_zoo.weights import WeightsError

if TYPE_CHECKING:
    from pathlib import Path

FrameEncoder: TypeAlias = Callable[[NDArray[np.float32]], NDArray[np.int64]]
FrameDecoder: TypeAlias = Callable[[NDArray[np.int64]], NDArray[np.float32]]

FRAME_SIZE = 320
N_FEATURES = 64
MAX_CODEBOOKS = 46
UNUSED = -1  # stands in the quantizer's output for a codebook that is not sent

FILES = {
    "encoder": "soundstream_encoder.tflite",
    "quantizer": "quantizer.tflite",
    "decoder": "lyragan.tflite",
}
SIGNATURES: dict[str, dict[str, tuple[list[int], list[int]]]] = {
    # by part: signature, shape of its first input, shape of its first output
    "encoder": {"serving_default": ([1, FRAME_SIZE], [1, 1, N_FEATURES])},
    "quantizer": {
        "encode": ([1, 1, N_FEATURES], [MAX_CODEBOOKS, 1, 1]),
        "decode": ([MAX_CODEBOOKS, 1, 1], [1, 1, N_FEATURES]),
    },
    "decoder": {"serving_default": ([1, 1, N_FEATURES], [1, FRAME_SIZE])},
}


@dataclass(frozen=True, slots=True)
class LyraModels:
    """The content of the three model files."""

    encoder: bytes
    quantizer: bytes
    decoder: bytes

    def encoder_stream(self, n_codebooks: int) -> FrameEncoder:
        """A new stream of audio ``(T, 320)`` to codes ``[K, T]`` of the first codebooks."""
        encoder = _interpreter(self.encoder).get_signature_runner("serving_default")
        quantizer = _interpreter(self.quantizer).get_signature_runner("encode")
        count = np.array(n_codebooks, dtype=np.int32)

        def encode(frames: NDArray[np.float32]) -> NDArray[np.int64]:
            codes = np.empty((n_codebooks, len(frames)), dtype=np.int64)
            for index, frame in enumerate(frames):
                features = encoder(input_audio=frame[None])["output_0"]
                found = quantizer(input_frames=features, num_quantizers=count)["output_0"]
                codes[:, index] = found[:n_codebooks, 0, 0]
            return codes

        return encode

    def decoder_stream(self) -> FrameDecoder:
        """A new stream of codes ``[K, T]`` to audio ``(T, 320)``."""
        quantizer = _interpreter(self.quantizer).get_signature_runner("decode")
        decoder = _interpreter(self.decoder).get_signature_runner("serving_default")

        def decode(codes: NDArray[np.int64]) -> NDArray[np.float32]:
            frames = np.empty((codes.shape[1], FRAME_SIZE), dtype=np.float32)
            indices = np.full((MAX_CODEBOOKS, 1, 1), UNUSED, dtype=np.int32)
            for index, frame_codes in enumerate(codes.T):
                indices[: len(frame_codes), 0, 0] = frame_codes
                features = quantizer(encoding_indices=indices)["output_0"]
                frames[index] = decoder(input_audio=features)["output_0"][0]
            return frames

        return decode


def load_models(folder: Path) -> LyraModels:
    """The models in a folder with the official files.

    Raises:
        WeightsError: a file is missing, damaged or another model.
    """
    contents = {}
    for part, file in FILES.items():
        path = folder / file
        if not path.is_file():
            raise WeightsError(
                f"{folder} has no {file}; a folder with {', '.join(FILES.values())} expected."
            )
        contents[part] = path.read_bytes()
        _check(contents[part], SIGNATURES[part], path)
    return LyraModels(**contents)


def _check(content: bytes, signatures: dict[str, tuple[list[int], list[int]]], path: Path) -> None:
    try:
        interpreter = _interpreter(content)
        found = {
            name: (
                list(_shapes(interpreter.get_signature_runner(name).get_input_details())),
                list(_shapes(interpreter.get_signature_runner(name).get_output_details())),
            )
            for name in interpreter.get_signature_list()
        }
    except (RuntimeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise WeightsError(f"{path} is no TFLite model ({reason}); get it again.") from error
    for name, (given, returned) in signatures.items():
        inputs, outputs = found.get(name, ([], []))
        if given not in inputs or returned not in outputs:
            raise WeightsError(
                f"{path} is another model: it maps {found}; {name} from {given} to {returned} "
                "expected."
            )


def _shapes(details: dict[str, Any]) -> list[list[int]]:  # LiteRT describes tensors by plain dicts
    return [[int(size) for size in tensor["shape"]] for tensor in details.values()]


def _interpreter(content: bytes) -> Any:  # LiteRT is not annotated
    from ai_edge_litert.interpreter import Interpreter  # type: ignore[import-untyped]  # no stubs

    return Interpreter(model_content=content, num_threads=1)
