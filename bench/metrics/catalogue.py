"""The metrics of codecbench, described without loading what computes them.

A version is raised whenever the metric's value changes, because finished scores are kept under it.
"""

from __future__ import annotations

from bench.metrics.spec import MetricSpec

PERCEPTUAL = "codecbench[perceptual]"

VISQOL_AUDIO = MetricSpec(
    name="visqol_audio",
    version="1",
    summary="perceived quality of any audio, ViSQOL v3 audio mode",
    unit="MOS",
    direction="higher",
    range=(1.0, 5.0),
    function="bench.metrics.auditory_similarity:visqol_audio",
    source="Chinen et al. (2020), ViSQOL v3; visqol-python",
    sample_rate=48000,
    min_duration=0.96,
)
VISQOL_SPEECH = MetricSpec(
    name="visqol_speech",
    version="1",
    summary="perceived quality of speech, ViSQOL v3 speech mode with the lattice model",
    unit="MOS",
    direction="higher",
    range=(1.0, 5.0),
    function="bench.metrics.auditory_similarity:visqol_speech",
    source="Chinen et al. (2020), ViSQOL v3; visqol-python",
    sample_rate=16000,
    min_duration=0.64,
)
PESQ_WB = MetricSpec(
    name="pesq_wb",
    version="1",
    summary="perceived quality of wideband speech",
    unit="MOS",
    direction="higher",
    range=(1.0, 4.65),
    function="bench.metrics.listening_quality:pesq_wb",
    source="ITU-T P.862.2 (2007)",
    sample_rate=16000,
    min_duration=0.25,
    requires=PERCEPTUAL,
)
PESQ_NB = MetricSpec(
    name="pesq_nb",
    version="1",
    summary="perceived quality of telephone-band speech, at 8 kHz",
    unit="MOS",
    direction="higher",
    range=(1.0, 4.55),
    function="bench.metrics.listening_quality:pesq_nb",
    source="ITU-T P.862 (2001), mapped by P.862.1 (2003)",
    sample_rate=8000,
    min_duration=0.25,
    requires=PERCEPTUAL,
)
STOI = MetricSpec(
    name="stoi",
    version="1",
    summary="intelligibility of speech",
    unit="",
    direction="higher",
    range=(-1.0, 1.0),
    function="bench.metrics.intelligibility:stoi",
    features="bench.metrics.intelligibility:at_internal_rate",
    compare="bench.metrics.intelligibility:compare_stoi",
    source="Taal et al. (2011), eq. 1-6; pystoi",
    min_duration=0.4097,
)
ESTOI = MetricSpec(
    name="estoi",
    version="1",
    summary="intelligibility of speech, extended to modulated noise",
    unit="",
    direction="higher",
    range=(-1.0, 1.0),
    function="bench.metrics.intelligibility:estoi",
    features="bench.metrics.intelligibility:at_internal_rate",
    compare="bench.metrics.intelligibility:compare_estoi",
    source="Jensen and Taal (2016), eq. 4-7; pystoi",
    min_duration=0.4097,
)
SI_SDR = MetricSpec(
    name="si_sdr",
    version="1",
    summary="scale-invariant signal-to-distortion ratio, mean not removed",
    unit="dB",
    direction="higher",
    range=(None, None),
    function="bench.metrics.waveform:si_sdr",
    source="Le Roux et al. (2019)",
)
SNR = MetricSpec(
    name="snr",
    version="1",
    summary="signal-to-noise ratio of the waveform",
    unit="dB",
    direction="higher",
    range=(None, None),
    function="bench.metrics.waveform:snr",
    source="Loizou (2013), chapter 11",
)
MSE = MetricSpec(
    name="mse",
    version="1",
    summary="mean squared error of the waveform, all channels",
    unit="",
    direction="lower",
    range=(0.0, None),
    function="bench.metrics.waveform:mse",
    source="Wang and Bovik (2009), eq. 1",
    mono=False,
)
MEL_DAC = MetricSpec(
    name="mel_dac",
    version="1",
    summary="log mel distance of the Descript Audio Codec, 7 scales, at the codec's rate",
    unit="",
    direction="lower",
    range=(0.0, None),
    function="bench.metrics.mel_distance:mel_dac",
    features="bench.metrics.mel_distance:dac_mels",
    compare="bench.metrics.mel_distance:compare_dac_mels",
    source="Kumar et al. (2023), conf/base.yml",
    mono=False,
)
MEL_HILCODEC = MetricSpec(
    name="mel_hilcodec",
    version="1",
    summary="log mel distance of HILCodec, 6 scales, at 24 kHz",
    unit="",
    direction="lower",
    range=(0.0, None),
    function="bench.metrics.mel_distance:mel_hilcodec",
    features="bench.metrics.mel_distance:hilcodec_mels",
    compare="bench.metrics.mel_distance:compare_hilcodec_mels",
    source="Ahn et al. (2024), eq. 9",
    sample_rate=24000,
)
MEL_L1 = MetricSpec(
    name="mel_l1",
    version="1",
    summary="mel distance of DAC's evaluation and Codec-SUPERB, 2 scales, at the codec's rate",
    unit="",
    direction="lower",
    range=(0.0, None),
    function="bench.metrics.mel_distance:mel_l1",
    features="bench.metrics.mel_distance:audiotools_mels",
    compare="bench.metrics.mel_distance:compare_audiotools_mels",
    source="descript-audiotools 0.7.4, MelSpectrogramLoss defaults",
    mono=False,
)
LSD = MetricSpec(
    name="lsd",
    version="1",
    summary="log-spectral distance in decades (log10 of power, no factor 10)",
    unit="",
    direction="lower",
    range=(0.0, None),
    function="bench.metrics.spectral_distance:lsd",
    source="Lee and Han (2021), NU-Wave",
    mono=False,
)
