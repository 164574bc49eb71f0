"""One adapter per codec: the entry that describes it, and what turns its bytes into audio."""
