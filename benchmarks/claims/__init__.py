"""The parts of benchmarks/hypotheses.py."""
