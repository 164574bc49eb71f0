"""Names from outside, such as those of files and codecs, made fit to be shown.

Whether a name can harm is decided by escaping, which the templates and :mod:`reports.svg` do. Here
it becomes readable: what steers text instead of being text is spelt out.
"""

from __future__ import annotations


def readable(name: str) -> str:
    r"""The name with characters that print nothing, such as line ends, written as code points.

    >>> readable("a\nb")
    'a⟨U+000A⟩b'
    """
    return "".join(c if c.isprintable() else f"⟨U+{ord(c):04X}⟩" for c in name)


def shortened(name: str, length: int) -> str:
    """The readable name in at most ``length`` characters, its middle left out where need be.

    >>> shortened("a_very_long_name_of_a_file", 11)
    'a_ver…_file'
    """
    name = readable(name)
    if len(name) <= length:
        return name
    tail = (length - 1) // 2
    return f"{name[: length - 1 - tail]}…{name[-tail:]}"


def slug(name: str) -> str:
    """A name for use in an ``id`` of the page: letters, digits and hyphens; not unique.

    >>> slug("mel_dac (v2)")
    'mel-dac--v2-'
    """
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in name.lower())
