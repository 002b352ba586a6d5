"""Whole trials in the formats of other toolkits."""
