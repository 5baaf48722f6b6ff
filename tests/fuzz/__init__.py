"""Fuzzing of what reads input from outside: model files, trained trees, samples."""
