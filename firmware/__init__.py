"""Portable C: runtime kernels as headers, shipped as package data. Nothing is imported here."""
