"""Probabilistic multi-modal actors for vision-based grasping (Yan et al., 2019, arXiv 1904.07319)."""

__all__ = ["__version__"]

__version__ = "0.1.0"
