/* The model itself: the build compiles this file alone with <MODEL>_IMPLEMENTATION defined. */
#include "model.h"
