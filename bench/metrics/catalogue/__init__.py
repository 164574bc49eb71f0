"""The metrics of codecbench by family, described without loading what computes them.

A version is raised whenever the metric's value changes, because finished scores are kept under it.
"""
