"""Listening tests: built from a run, served to listeners, analysed."""
