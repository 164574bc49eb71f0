"""A listening test on a server: its page, its sessions, and answers that are never lost."""
