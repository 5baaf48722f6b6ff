"""hybrid trains small audio classifiers for microcontrollers and writes them as C."""
