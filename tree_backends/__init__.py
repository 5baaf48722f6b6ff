"""The forest, and one module per source of trees."""

from tree_backends.forest import Feature, Forest, ForestError, Stage

__all__ = ["Feature", "Forest", "ForestError", "Stage"]
