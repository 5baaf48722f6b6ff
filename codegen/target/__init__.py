"""Cortex-M targets: cross compilers, linked images, and emulated cores that count every instruction."""
