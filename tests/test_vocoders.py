"""Vocoders: their networks and front ends by facts, and what each promises to the harness."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import scipy.signal
import soundfile
from click.testing import CliRunner

from bench.cli import main
from bench.conditions import plan_codec
from codec_zoo.adapters.griffin_lim import GRIFFIN_LIM
from codec_zoo.adapters.vocoders import BIGVGAN, BIGVGAN_BASE, HIFIGAN, MELGAN, NetworkVocoder
from codec_zoo.interface import CodecError, Vocoder
from codec_zoo.weights import WeightsError, WeightsFile

torch = pytest.importorskip("torch")
librosa = pytest.importorskip("librosa")

from codec_zoo.models.bigvgan import activation  # noqa: E402  # needs torch
from codec_zoo.models.bigvgan import generator as bigvgan  # noqa: E402  # needs torch
from codec_zoo.models.hifigan import generator as hifigan  # noqa: E402  # needs torch
from codec_zoo.models.mel_spectrogram import LogMelSpectrogram, MelConfig  # noqa: E402  # torch
from codec_zoo.models.melgan import generator as melgan  # noqa: E402  # needs torch

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from codec_zoo.interface import CodecEntry
    from codec_zoo.samples import Samples

NATURAL_80 = MelConfig(22_050, n_mels=80, highest=8_000)
DECIMAL_80 = MelConfig(22_050, n_mels=80, highest=11_025, logarithm="decimal", power_offset=0.0)
NATURAL_100 = MelConfig(24_000, n_mels=100, highest=12_000)
SMALL_BIGVGAN = bigvgan.BigVganConfig(channels=16, strides=(8, 8, 2, 2))
NARROW = {
    "hifigan": (
        HIFIGAN,
        NATURAL_80,
        lambda: hifigan.Generator(hifigan.GeneratorConfig(channels=32)),
    ),
    "melgan": (MELGAN, DECIMAL_80, lambda: melgan.Generator(base_channels=2)),
    "bigvgan-base": (BIGVGAN_BASE, NATURAL_100, lambda: bigvgan.Generator(SMALL_BIGVGAN)),
}
LENGTHS = (1, 1_000, 30_001)


def of(path: Path) -> WeightsFile:
    return WeightsFile(path=path, sha256="", origin="imported")


def noise(sample_rate: int, n_samples: int, seed: int = 0) -> Samples:
    """Noise around a tone."""
    tone = 0.1 * np.sin(2 * np.pi * 300 / sample_rate * np.arange(n_samples))
    hiss = 0.03 * np.random.default_rng(seed).standard_normal((1, n_samples))
    return (tone + hiss).astype(np.float32)


def narrow(name: str) -> NetworkVocoder:
    """A vocoder with a narrow, untrained network."""
    entry, bands, build = NARROW[name]
    torch.manual_seed(0)
    return NetworkVocoder(entry.info, LogMelSpectrogram(bands), build().eval(), "cpu")


@pytest.fixture(scope="module", params=["griffin-lim", *NARROW])
def vocoder(request: pytest.FixtureRequest) -> Vocoder:
    if request.param == "griffin-lim":
        return GRIFFIN_LIM.build(None, "cpu")
    return narrow(request.param)


@pytest.fixture(scope="module", params=[HIFIGAN, MELGAN, BIGVGAN_BASE], ids=lambda e: e.info.name)
def published(request: pytest.FixtureRequest) -> tuple[CodecEntry, NetworkVocoder]:
    """A network of full size, untrained."""
    return request.param, request.param.build(None, "cpu")


def official_state(vocoder: NetworkVocoder) -> dict[str, torch.Tensor]:
    """The network's tensors under the names that weight normalisation had until torch 2."""
    state = vocoder.modules()["decoder"].state_dict()
    renames = {
        "parametrizations.weight.original0": "weight_g",
        "parametrizations.weight.original1": "weight_v",
    }
    for ours, theirs in renames.items():
        state = {name.replace(ours, theirs): tensor for name, tensor in state.items()}
    return state


def normalised(*layers: str) -> set[str]:
    """Names of the tensors of normalised convolutions."""
    return {f"{layer}.{part}" for layer in layers for part in ("weight_g", "weight_v", "bias")}


def hifigan_names() -> set[str]:
    pairs = [f"resblocks.{b}.convs{c}.{d}" for b in range(12) for c in (1, 2) for d in range(3)]
    return normalised("conv_pre", *(f"ups.{stage}" for stage in range(4)), *pairs, "conv_post")


def melgan_names() -> set[str]:
    """The layers of a sequence: four stages of an activation, an upsampling and three blocks."""
    layers = ["model.1", "model.24"]
    for first in (2, 7, 12, 17):
        layers.append(f"model.{first + 1}")
        for block in range(first + 2, first + 5):
            layers += [f"model.{block}.{part}" for part in ("block.2", "block.4", "shortcut")]
    return normalised(*layers)


def bigvgan_base_names() -> set[str]:
    names = {name.replace("ups.", "ups_") for name in hifigan_names()}
    names = {name.replace(f"ups_{i}.", f"ups.{i}.0.") for name in names for i in range(4)}
    names = {name for name in names if "ups_" not in name}
    activations = [f"resblocks.{b}.activations.{a}" for b in range(12) for a in range(6)]
    parts = ("act.alpha", "act.beta", "upsample.filter", "downsample.lowpass.filter")
    return names | {f"{a}.{part}" for a in (*activations, "activation_post") for part in parts}


OFFICIAL_NAMES = {
    "hifigan": hifigan_names,
    "melgan": melgan_names,
    "bigvgan-base": bigvgan_base_names,
}


@pytest.mark.parametrize(
    ("entry", "trained", "folded"),
    [
        (HIFIGAN, 13_936_130, 13_926_017),  # Kong et al., table 1: 13.92 M
        (MELGAN, 4_266_050, 4_260_257),  # Kumar et al., table 2: 4.26 M
        (BIGVGAN_BASE, 14_025_154, 14_015_041),  # Lee et al., table 2: 14.01 M
    ],
    ids=["hifigan", "melgan", "bigvgan-base"],
)
def test_parameter_count_is_that_of_the_paper(entry: CodecEntry, trained: int, folded: int) -> None:
    parameters = dict(entry.build(None, "cpu").modules()["decoder"].named_parameters())
    lengths = sum(p.numel() for name, p in parameters.items() if name.endswith("original0"))
    total = sum(p.numel() for p in parameters.values())
    assert (total, total - lengths) == (trained, folded)


def test_large_bigvgan_has_112_million_parameters() -> None:
    with torch.device("meta"):
        generator = bigvgan.Generator(bigvgan.LARGE)
    parameters = dict(generator.named_parameters())
    lengths = sum(p.numel() for name, p in parameters.items() if name.endswith("original0"))
    # Lee et al., table 2: 112.4 M
    assert sum(p.numel() for p in parameters.values()) - lengths == 112_414_513


def test_tensors_have_the_official_names(published: tuple[CodecEntry, NetworkVocoder]) -> None:
    entry, vocoder = published
    assert official_state(vocoder).keys() == OFFICIAL_NAMES[entry.info.name]()


def test_an_official_checkpoint_loads(
    published: tuple[CodecEntry, NetworkVocoder], tmp_path: Path
) -> None:
    entry, vocoder = published
    generator = torch.Generator().manual_seed(1)
    state = {
        name: tensor if "filter" in name else torch.randn(tensor.shape, generator=generator)
        for name, tensor in official_state(vocoder).items()
    }
    content = state if entry is MELGAN else {"generator": state}
    torch.save(content, tmp_path / "official")
    loaded = official_state(entry.build(of(tmp_path / "official"), "cpu"))
    assert all(torch.equal(loaded[name], tensor) for name, tensor in state.items())


def test_a_checkpoint_of_another_vocoder_is_refused(tmp_path: Path) -> None:
    torch.save(official_state(MELGAN.build(None, "cpu")), tmp_path / "melgan.pt")
    with pytest.raises(WeightsError, match=r"conv_post\.bias.* missing; model\.1\.bias.* unknown"):
        HIFIGAN.build(of(tmp_path / "melgan.pt"), "cpu")


@pytest.mark.parametrize("bands", [NATURAL_80, DECIMAL_80, NATURAL_100], ids=lambda b: b.logarithm)
def test_front_end_agrees_with_librosa(bands: MelConfig) -> None:
    samples = noise(bands.sample_rate, 20 * bands.hop)
    found = LogMelSpectrogram(bands)(torch.from_numpy(samples)[None])[0].numpy()
    edge = (bands.n_fft - bands.hop) // 2
    expected = librosa.feature.melspectrogram(
        y=np.pad(samples[0], edge, mode="reflect"),
        sr=bands.sample_rate,
        n_fft=bands.n_fft,
        hop_length=bands.hop,
        n_mels=bands.n_mels,
        fmax=bands.highest,
        power=1.0,
        center=False,
    )
    logarithm = np.log10 if bands.logarithm == "decimal" else np.log
    assert found.shape == (bands.n_mels, 20)
    np.testing.assert_allclose(found, logarithm(np.maximum(expected, 1e-5)), atol=2e-3)


def test_silence_has_the_floor_in_all_bands() -> None:
    silent = LogMelSpectrogram(DECIMAL_80)(torch.zeros(1, 1, 2_048))
    np.testing.assert_allclose(silent.numpy(), -5.0, atol=1e-6)


def test_the_anti_aliasing_filter_is_a_windowed_sinc() -> None:
    shape = scipy.signal.kaiser_beta(2.285 * 5 * np.pi * 1.2 + 7.95)
    expected = scipy.signal.firwin(12, 0.5, window=("kaiser", shape))
    np.testing.assert_allclose(activation.low_pass_kernel().numpy(), expected, atol=1e-7)


def test_snake_of_unit_frequency_and_magnitude_adds_a_squared_sine() -> None:
    x = torch.linspace(-4, 4, 9).reshape(1, 3, 3)
    with torch.inference_mode():
        found = activation.SnakeBeta(3)(x)
    np.testing.assert_allclose(found.numpy(), x.numpy() + np.sin(x.numpy()) ** 2, atol=1e-6)


def test_resampling_keeps_low_frequencies_in_place() -> None:
    time = torch.arange(400)
    wave = torch.sin(2 * torch.pi * 0.02 * time)[None, None]
    doubled = activation.Upsample()(wave)
    halves = torch.arange(800) / 2 - 0.25  # the centre of an even filter lies between two samples
    inside = slice(20, -20)
    expected = torch.sin(2 * torch.pi * 0.02 * halves)
    assert doubled.shape == (1, 1, 800)
    np.testing.assert_allclose(doubled[0, 0, inside], expected[inside], atol=5e-3)
    back = activation.Downsample()(doubled)
    np.testing.assert_allclose(back[0, 0, inside], wave[0, 0, inside], atol=5e-3)


@pytest.mark.parametrize("name", NARROW)
def test_a_frame_of_the_features_comes_out_where_it_belongs(name: str) -> None:
    generator = narrow(name).modules()["decoder"].double()
    silence = torch.zeros(1, NARROW[name][1].n_mels, 61).double()
    bands = silence.clone()
    bands[..., 30] = 1.0
    with torch.inference_mode():
        change = (generator(bands) - generator(silence))[0, 0]
    reached = (change.abs() > 1e-12).nonzero()[:, 0]
    assert change.shape == (61 * 256,)
    assert (reached[0] + reached[-1]).item() / 2 == pytest.approx(30 * 256 + 127.5, abs=128)


@pytest.mark.parametrize("name", NARROW)
def test_windows_change_nothing_but_rounding(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    vocoder = narrow(name)
    features = vocoder.features(noise(vocoder.info.sample_rate, 150 * 256))
    whole = vocoder.synthesise(features, 150 * 256)
    monkeypatch.setattr("codec_zoo.adapters.vocoders.WINDOW", 50)
    np.testing.assert_allclose(vocoder.synthesise(features, 150 * 256), whole, atol=1e-6)


@pytest.mark.parametrize("n_samples", LENGTHS)
def test_synthesis_has_the_length_of_the_recording(vocoder: Vocoder, n_samples: int) -> None:
    samples = noise(vocoder.info.sample_rate, n_samples)
    synthesised = vocoder.synthesise(vocoder.features(samples), n_samples)
    assert synthesised.shape == (1, n_samples)
    assert synthesised.dtype == np.float32
    assert np.isfinite(synthesised).all()


def test_recordings_by_turns_do_not_touch_each_other(vocoder: Vocoder) -> None:
    lengths = 4_001, 2_500
    one, two = (
        vocoder.features(noise(vocoder.info.sample_rate, length, seed))
        for seed, length in enumerate(lengths)
    )
    first = vocoder.synthesise(one, lengths[0])
    vocoder.synthesise(two, lengths[1])
    np.testing.assert_array_equal(vocoder.synthesise(one, lengths[0]), first)


def test_silence_gives_finite_audio(vocoder: Vocoder) -> None:
    silence = np.zeros((1, 3_000), np.float32)
    assert np.isfinite(vocoder.synthesise(vocoder.features(silence), 3_000)).all()


def test_features_of_another_length_are_refused(vocoder: Vocoder) -> None:
    features = vocoder.features(noise(vocoder.info.sample_rate, 5_000))
    with pytest.raises(CodecError, match=r"was given features of shape .*expected for so many"):
        vocoder.synthesise(features, 8_000)


@pytest.mark.parametrize("fault", ["channels", "empty", "type", "not finite"])
def test_audio_that_does_not_fit_is_refused(vocoder: Vocoder, fault: str) -> None:
    samples = noise(vocoder.info.sample_rate, 3_000)
    broken = {
        "channels": np.zeros((2, 3_000), np.float32),
        "empty": samples[:, :0],
        "type": samples.astype(np.float64),
        "not finite": np.full_like(samples, np.nan),
    }[fault]
    with pytest.raises(CodecError, match=f"{vocoder.info.name} was given"):
        vocoder.features(broken)


@pytest.mark.parametrize("name", ["griffin-lim", *NARROW])
def test_a_minute_is_synthesised(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codec_zoo.adapters.griffin_lim.N_ITERATIONS", 1)
    vocoder = GRIFFIN_LIM.build(None, "cpu") if name == "griffin-lim" else narrow(name)
    samples = np.tile(noise(vocoder.info.sample_rate, vocoder.info.sample_rate), 60)
    assert vocoder.synthesise(vocoder.features(samples), samples.shape[1]).shape == samples.shape


def test_griffin_lim_keeps_magnitudes_level_and_place() -> None:
    vocoder = GRIFFIN_LIM.build(None, "cpu")
    rng = np.random.default_rng(3)
    envelope = np.exp(-(((np.arange(24_000) - 9_000) / 2_000.0) ** 2))
    samples = (0.2 * envelope * rng.standard_normal(24_000)).astype(np.float32)[None]
    synthesised = vocoder.synthesise(vocoder.features(samples), 24_000)
    power = synthesised[0].astype(np.float64) ** 2
    centre = (np.arange(24_000) * power).sum() / power.sum()
    assert centre == pytest.approx(9_000, abs=256)
    change = 10 * np.log10(power.sum() / (samples.astype(np.float64) ** 2).sum())
    assert abs(change) < 1.5
    again = vocoder.features(synthesised)
    original = vocoder.features(samples)
    assert np.abs(again - original).sum() < 0.25 * original.sum()


@pytest.mark.parametrize("entry", [GRIFFIN_LIM, HIFIGAN, MELGAN, BIGVGAN, BIGVGAN_BASE])
def test_a_vocoder_describes_itself_as_one_without_bitrates(entry: CodecEntry) -> None:
    assert entry.info.kind == "vocoder"
    assert (entry.info.bitrates, entry.info.default_bitrates) == ((), ())


def test_a_vocoder_is_no_codec() -> None:
    with pytest.raises(CodecError, match="griffin-lim is a vocoder, which sends no bits"):
        GRIFFIN_LIM.build_codec(None, "cpu")


def test_a_vocoder_is_one_condition_whichever_bitrates_are_wanted() -> None:
    plan = plan_codec("griffin-lim", [3_000, 6_000], nearest=False, declarations=None)
    (condition,) = plan.conditions
    assert (condition.id, condition.bitrate, condition.status) == ("griffin-lim", None, "ok")
    assert condition.is_vocoder


def rows_of(text: str) -> list[Mapping[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_run_shows_a_vocoder_apart_and_stores_audio_without_a_bitstream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("codec_zoo.adapters.griffin_lim.N_ITERATIONS", 4)
    soundfile.write(tmp_path / "tone.wav", noise(24_000, 24_000).T, 24_000)
    run = str(tmp_path / "run")
    options = ["--corpus", str(tmp_path / "tone.wav"), "--metrics", "mel_l1", "--out", run]
    command = ["run", "--codecs", "griffin-lim,pcm@384", *options, "--engine", "inline"]
    ended = CliRunner().invoke(main, command)
    assert ended.exit_code == 0, ended.output
    assert "griffin-lim (vocoder)" in ended.stdout
    rows = rows_of(CliRunner().invoke(main, ["export", run, "--format", "jsonl"]).stdout)
    of_vocoder = {row["metric"]: row for row in rows if row["codec"] == "griffin-lim"}
    assert of_vocoder["bitrate"]["value"] is None
    assert of_vocoder["bitrate"]["message"] == "a vocoder sends no bits."
    assert of_vocoder["mel_l1"]["status"] == "ok"
    assert [path.name for path in (tmp_path / "run" / "bitstreams").iterdir()] == ["pcm%40384"]
    assert (tmp_path / "run" / "audio" / "griffin-lim").is_dir()


def test_complexity_counts_front_end_and_generator_apart() -> None:
    from bench.complexity.process import row_of

    row = row_of("melgan")
    assert row["bitrate"] is None
    assert (
        row["parameters"] | {"encoder": 0, "quantizer": 0, "decoder": 4_266_050}
        == (row["parameters"])
    )
    assert set(row["macs_by_operator"]["encoder"]) == {"matrix_product", "spectrum"}
    assert row["macs_per_second"]["decoder"] > 3e9
