"""The analysis of listening tests: from ratings to tables, figures and plain words."""
