"""The commands of ``bench mushra``, one module each."""
