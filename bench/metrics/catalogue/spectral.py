"""The metrics of spectra, described without loading what computes them."""

from __future__ import annotations

import math

from bench.metrics.spec import MetricSpec

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
STFT_DAC = MetricSpec(
    name="stft_dac",
    version="1",
    summary="multi-scale STFT distance of DAC's evaluation and Codec-SUPERB",
    unit="",
    direction="lower",
    range=(0.0, None),
    function="bench.metrics.stft_distance:stft_dac",
    source="Kumar et al. (2023); descript-audiotools 0.7.4, MultiScaleSTFTLoss",
    mono=False,
    caveat="one of its two terms depends on the level",
)
STFT_AURALOSS = MetricSpec(
    name="stft_auraloss",
    version="1",
    summary="multi-resolution STFT distance of Parallel WaveGAN",
    unit="",
    direction="lower",
    range=(0.0, None),
    function="bench.metrics.stft_distance:stft_auraloss",
    source="Yamamoto et al. (2020), eq. 4-6; auraloss 0.4.0",
)
SPECTRAL_CONVERGENCE = MetricSpec(
    name="spectral_convergence",
    version="1",
    summary="relative error of the magnitude spectrogram",
    unit="",
    direction="lower",
    range=(0.0, None),
    function="bench.metrics.stft_distance:spectral_convergence",
    source="Arik et al. (2019), section III",
    mono=False,
    caveat="the loudest tones decide it",
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
LSD_DB = MetricSpec(
    name="lsd_db",
    version="1",
    summary="log-spectral distance in dB (ten times lsd)",
    unit="dB",
    direction="lower",
    range=(0.0, None),
    function="bench.metrics.spectral_distance:lsd_db",
    source="Gray and Markel (1976); Lee and Han (2021)",
    mono=False,
)
MFCC13 = MetricSpec(
    name="mfcc13",
    version="1",
    summary="distance of mel-frequency cepstral coefficients 1 to 13",
    unit="dB",
    direction="lower",
    range=(0.0, None),
    function="bench.metrics.mfcc_distance:mfcc13",
    source="Davis and Mermelstein (1980); settings of codecbench",
    mono=False,
)
APD_IP = MetricSpec(
    name="apd_ip",
    version="1",
    summary="anti-wrapped distance of the phases",
    unit="rad",
    direction="lower",
    range=(0.0, math.pi),
    function="bench.metrics.phase_distance:apd_ip",
    features="bench.metrics.phase_distance:phase_input",
    compare="bench.metrics.phase_distance:compare_apd_ip",
    source="Lu et al. (2024), AP-BWE",
    caveat="every bin counts alike: empty bands and noise decide it",
)
APD_GD = MetricSpec(
    name="apd_gd",
    version="1",
    summary="anti-wrapped distance of the group delays",
    unit="rad",
    direction="lower",
    range=(0.0, math.pi),
    function="bench.metrics.phase_distance:apd_gd",
    features="bench.metrics.phase_distance:phase_input",
    compare="bench.metrics.phase_distance:compare_apd_gd",
    source="Lu et al. (2024), AP-BWE",
    caveat="every bin counts alike: empty bands and noise decide it",
)
APD_IAF = MetricSpec(
    name="apd_iaf",
    version="1",
    summary="anti-wrapped distance of the instantaneous frequencies",
    unit="rad",
    direction="lower",
    range=(0.0, math.pi),
    function="bench.metrics.phase_distance:apd_iaf",
    features="bench.metrics.phase_distance:phase_input",
    compare="bench.metrics.phase_distance:compare_apd_iaf",
    source="Lu et al. (2024), AP-BWE",
    caveat="every bin counts alike: empty bands and noise decide it",
)
PHASE_WEIGHTED = MetricSpec(
    name="phase_weighted",
    version="1",
    summary="phase error, weighted with the power of the reference",
    unit="rad",
    direction="lower",
    range=(0.0, math.pi),
    function="bench.metrics.phase_distance:phase_weighted",
    features="bench.metrics.phase_distance:phase_input",
    compare="bench.metrics.phase_distance:compare_phases_weighted",
    source="definition of codecbench; Choi et al. (2019)",
    caveat="needs signals aligned to the sample",
)
GROUP_DELAY_WEIGHTED = MetricSpec(
    name="group_delay_weighted",
    version="1",
    summary="group delay error, weighted with the power of the reference",
    unit="ms",
    direction="lower",
    range=(0.0, None),
    function="bench.metrics.phase_distance:group_delay_weighted",
    features="bench.metrics.phase_distance:phase_input",
    compare="bench.metrics.phase_distance:compare_group_delays_weighted",
    source="definition of codecbench; Oppenheim and Schafer (2010)",
    caveat="needs signals aligned to the sample",
)
