"""Readers of ratings: from our own server, webMUSHRA, pymushra, and tidy CSV files."""
