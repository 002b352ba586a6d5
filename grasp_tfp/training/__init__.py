"""Fitting a model, and measuring what it is worth."""
