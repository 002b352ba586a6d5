"""The schema of one training example, and the readers of a dataset of them."""
