"""Parts of benchmarks/calibrate.py: what is measured, how, and the prices that lie above every measurement."""
