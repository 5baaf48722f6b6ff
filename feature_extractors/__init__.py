"""The feature graph: maps, the ops that compute them, and the rules that say which tile needs which."""

from feature_extractors.graph import FeatureMap, Graph, GraphError

__all__ = ["FeatureMap", "Graph", "GraphError"]
