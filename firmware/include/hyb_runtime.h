/* Runtime of classifiers written by hybrid: integer kernels that compute a feature when a tree asks for it.
 * Portable C99 and C++11; no floating point, no malloc, no libm. */
#ifndef HYB_RUNTIME_H
#define HYB_RUNTIME_H
#include "hyb_core.h"
#include "hyb_lazy.h"
#include "hyb_stream.h"
#include "hyb_smooth.h"
#include "hyb_simd.h"
#include "hyb_layer.h"
#include "hyb_conv.h"
#include "hyb_depthwise.h"
#include "hyb_pool.h"
#include "hyb_affine.h"
#include "hyb_frame.h"
#include "hyb_fft.h"
#include "hyb_log_mel.h"
#endif /* HYB_RUNTIME_H */
