"""Where trials come from: our own logs, and datasets of recorded episodes; docs/sources.md shows how to add one."""
