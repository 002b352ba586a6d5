"""The dataset as TFDS knows it: `tfds build --manual_dir=logs` converts logs as `graspctl convert` does."""
