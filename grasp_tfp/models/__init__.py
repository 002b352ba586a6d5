"""The networks: image features, three conditional densities, the actor that joins them, and its bundle on disk."""

__all__: list[str] = []
