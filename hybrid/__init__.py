"""hybrid trains small audio classifiers for microcontrollers and writes them as C."""

__version__ = "0.1.0"
