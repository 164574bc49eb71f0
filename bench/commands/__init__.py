"""The subcommands of ``bench``, one module each; the only code that prints and exits."""
