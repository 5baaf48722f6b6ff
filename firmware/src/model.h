/* The generated model under fixed names, so that the programs here know no model.
 *
 * The build defines MODEL (prefix of functions, such as kws), MODEL_UPPER (prefix of macros, KWS), MODEL_HEADER
 * ("kws.h", quotes included) and, where the header can stream, MODEL_STREAM together with KWS_STREAM, and perhaps
 * MODEL_KEEP_SAMPLES together with KWS_KEEP_SAMPLES. */
#ifndef MODEL_H
#define MODEL_H
#include MODEL_HEADER

#define MODEL_JOIN_TOKENS(a, b) a##b
#define MODEL_JOIN(a, b) MODEL_JOIN_TOKENS(a, b)
#define MODEL_QUOTE_TOKEN(a) #a
#define MODEL_QUOTE(a) MODEL_QUOTE_TOKEN(a)

#define MODEL_NAME MODEL_QUOTE(MODEL)
#define MODEL_CLASSES MODEL_JOIN(MODEL_UPPER, _CLASSES)
#define MODEL_STAGES MODEL_JOIN(MODEL_UPPER, _STAGES)
#define MODEL_WINDOW MODEL_JOIN(MODEL_UPPER, _WINDOW)
#define MODEL_RATE MODEL_JOIN(MODEL_UPPER, _RATE)
#define MODEL_MAPS MODEL_JOIN(MODEL_UPPER, _MAPS)
#define model_context MODEL_JOIN(MODEL, _context)
#define model_result MODEL_JOIN(MODEL, _result)
#define model_labels MODEL_JOIN(MODEL, _labels)
#define model_init MODEL_JOIN(MODEL, _init)
#define model_classify MODEL_JOIN(MODEL, _classify)

#ifdef MODEL_STREAM
typedef model_context model_stream;
#define model_stream_init model_init
#define model_of_stream(stream) (stream)
#define model_push MODEL_JOIN(MODEL, _push)
#define model_ready MODEL_JOIN(MODEL, _ready)
#define model_decide MODEL_JOIN(MODEL, _decide)
#define MODEL_HOP MODEL_JOIN(MODEL_UPPER, _HOP)
#define MODEL_STRIDE MODEL_JOIN(MODEL_UPPER, _STRIDE)
/* Frames between decisions: about half a window, and a multiple of what keeps the most work. */
#define MODEL_STRIDES (MODEL_JOIN(MODEL_UPPER, _FRAMES) / 2 / MODEL_STRIDE)
#define MODEL_EVERY (MODEL_HOP * MODEL_STRIDE * (MODEL_STRIDES > 0 ? MODEL_STRIDES : 1))
#else
/* Without streaming: samples are kept until they are a window, which is decided whole. */
typedef struct {
  model_context context;
  int16_t window[MODEL_WINDOW];
  int32_t filled;
} model_stream;

#define model_of_stream(stream) (&(stream)->context)
#define MODEL_HOP 1 /* most samples that may be pushed at once without losing one */
#define MODEL_EVERY MODEL_WINDOW

static inline void model_stream_init(model_stream *s) {
  model_init(&s->context);
  s->filled = 0;
}

static inline int32_t model_ready(const model_stream *s) { return s->filled == MODEL_WINDOW; }

static inline void model_push(model_stream *s, const int16_t *pcm, size_t n) {
  for (size_t i = 0; i < n && s->filled < MODEL_WINDOW; i++) s->window[s->filled++] = pcm[i];
}

static inline model_result model_decide(model_stream *s) {
  s->filled = 0;
  return model_classify(&s->context, s->window);
}
#endif

#endif /* MODEL_H */
