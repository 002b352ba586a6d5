"""Logs in, per-step examples out: the log format, collection in parallel, and the Beam conversion."""
