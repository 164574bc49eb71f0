"""Numbers as the report prints them."""

from __future__ import annotations

SMALLEST_FIXED = 0.001  # below, three decimals would show nothing
NO_VALUE = "-"
UNITS = ((1e9, " G"), (1e6, " M"), (1e3, " k"))


def fixed(value: float) -> str:
    """Three decimals below 1, two below 100, one above; powers of ten for what is tiny.

    >>> [fixed(value) for value in (0.12345, 12.345, 123.45, 0.00012)]
    ['0.123', '12.35', '123.5', '1.2e-04']
    """
    size = abs(value)
    if 0 < size < SMALLEST_FIXED:
        return f"{value:.1e}"
    return f"{value:.{3 if size < 1 else 2 if size < 100 else 1}f}"


def half_width(half: float, mean: float) -> str:
    """Half of an interval, to the decimals of its mean where the mean is not tiny itself.

    >>> [half_width(0.0002, 3.0), half_width(0.0002, 0.0005), half_width(0.25, 3.0)]
    ['0.000', '2.0e-04', '0.250']
    """
    if half < SMALLEST_FIXED <= abs(mean):
        return f"{half:.3f}"
    return fixed(half)


def signed(value: float) -> str:
    """The same with a sign.

    >>> signed(0.5)
    '+0.500'
    """
    return f"+{fixed(value)}" if value > 0 else fixed(value)


def scaled(value: float | None) -> str:
    """Three digits and k, M or G; a dash for none.

    >>> [scaled(value) for value in (9_580_000, 3.29e9, 320, None)]
    ['9.58 M', '3.29 G', '320', '-']
    """
    if value is None:
        return NO_VALUE
    for size, unit in UNITS:
        if abs(value) >= size:
            return f"{value / size:.3g}{unit}" if abs(value) < 1e12 else f"{value / size:.0f}{unit}"
    return f"{value:.3g}"


def probability(p: float | None) -> str:
    """A p value; a dash for none.

    >>> [probability(p) for p in (0.04, 0.00001)]
    ['0.040', '< 0.001']
    """
    if p is None:
        return NO_VALUE
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def file_size(n_bytes: float) -> str:
    """A size in bytes, kB or MB.

    >>> file_size(1_234_567)
    '1.2 MB'
    """
    for size, unit in ((1e6, "MB"), (1e3, "kB")):
        if n_bytes >= size:
            return f"{n_bytes / size:.1f} {unit}"
    return f"{n_bytes:.0f} B"
