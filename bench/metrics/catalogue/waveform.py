"""The metrics of waveform and level, described without loading what computes them."""

from __future__ import annotations

from bench.metrics.spec import PERCEPTUAL, MetricSpec

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
WAVEFORM_CORRELATION = MetricSpec(
    name="waveform_correlation",
    version="1",
    summary="normalised cross-correlation of the waveforms at lag zero",
    unit="",
    direction="higher",
    range=(-1.0, 1.0),
    function="bench.metrics.waveform:waveform_correlation",
    source="Rodgers and Nicewander (1988), section 6",
    caveat="needs signals aligned to the sample; says what si_sdr says",
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
SI_SDR_DAC = MetricSpec(
    name="si_sdr_dac",
    version="1",
    summary="SI-SDR of DAC's evaluation: mean removed, channels joined",
    unit="dB",
    direction="higher",
    range=(None, None),
    function="bench.metrics.waveform:si_sdr_dac",
    source="Kumar et al. (2023); descript-audiotools 0.7.4, SISDRLoss",
    mono=False,
)
WAVEFORM_L1 = MetricSpec(
    name="waveform_l1",
    version="1",
    summary="mean absolute error of the waveform, all channels",
    unit="",
    direction="lower",
    range=(0.0, None),
    function="bench.metrics.waveform:waveform_l1",
    source="Kumar et al. (2023); descript-audiotools 0.7.4, L1Loss",
    mono=False,
)
BANDWIDTH = MetricSpec(
    name="bandwidth",
    version="1",
    summary="highest frequency kept within 20 dB of the reference",
    unit="Hz",
    direction="higher",
    range=(0.0, None),
    function="bench.metrics.signal_checks:bandwidth",
    source="definition of codecbench",
    mono=False,
    caveat="noise in place of a band counts as kept",
)
LOUDNESS_DIFFERENCE = MetricSpec(
    name="loudness_difference",
    version="1",
    summary="change of programme loudness; zero is best",
    unit="LU",
    direction="none",
    range=(None, None),
    function="bench.metrics.loudness_difference:loudness_difference",
    source="ITU-R BS.1770-4 (2015); pyloudnorm",
    mono=False,
    min_duration=0.4,
    requires=PERCEPTUAL,
)
CLIPPED_SHARE = MetricSpec(
    name="clipped_share",
    version="1",
    summary="samples of the degraded signal at or beyond full scale",
    unit="%",
    direction="lower",
    range=(0.0, 100.0),
    function="bench.metrics.signal_checks:clipped_share",
    source="definition of codecbench",
    mono=False,
    caveat="a reference that touches full scale counts as well",
)
DC_SHIFT = MetricSpec(
    name="dc_shift",
    version="1",
    summary="constant that the codec adds, worst channel",
    unit="",
    direction="lower",
    range=(0.0, None),
    function="bench.metrics.signal_checks:dc_shift",
    source="definition of codecbench",
    mono=False,
)
