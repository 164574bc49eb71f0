"""Objective metrics: pure functions from a reference and a degraded signal to one number."""
