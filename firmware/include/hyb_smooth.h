/* Smoothing of decisions over the last windows of a stream: mean of scores, exponential average, majority of labels; and
 * the sum over the windows of a clip.
 * The caller owns the structs and the memory they point to. Equals hybrid/smoothing.py bit for bit. */
#ifndef HYB_SMOOTH_H
#define HYB_SMOOTH_H
#include "hyb_core.h"

/* Mean of the scores of the last `windows` decisions, as many as there were so far. Scores within +-2**30, windows at
 * most 256. */
typedef struct {
  int32_t *history; /* [windows][classes] */
  int32_t *mean;    /* [classes]: the result */
  int32_t classes, windows;
  int32_t count, next; /* decisions in the history, and the row that the next one takes */
} hyb_mean;

static inline void hyb_mean_init(hyb_mean *s, int32_t *history, int32_t *mean, int32_t classes, int32_t windows) {
  s->history = history;
  s->mean = mean;
  s->classes = classes;
  s->windows = windows;
  s->count = s->next = 0;
}

/* The quotient rounded down, whatever the sign of x. */
static inline int64_t hyb_floor_div(int64_t x, int32_t by) { return x / by - (x % by < 0); }

/* Take the scores of a decision; afterwards s->mean holds the means, rounded half up. */
static inline void hyb_mean_add(hyb_mean *s, const int32_t *scores) {
  memcpy(s->history + s->next * s->classes, scores, (size_t)s->classes * sizeof *scores);
  s->next = s->next + 1 < s->windows ? s->next + 1 : 0;
  if (s->count < s->windows) s->count++;
  for (int32_t c = 0; c < s->classes; c++) {
    int64_t sum = 0;
    for (int32_t i = 0; i < s->count; i++) sum += s->history[i * s->classes + c];
    s->mean[c] = (int32_t)hyb_floor_div(2 * sum + s->count, 2 * s->count);
  }
}

/* Exponential average: y += (x - y) / 2**shift, kept with 8 bits behind the point. Scores are cut to +-2**21, shift 0 .. 8. */
typedef struct {
  int32_t *state; /* [classes]: 256 times the result */
  int32_t *mean;  /* [classes]: the result */
  int32_t classes, shift;
  int32_t begun;
} hyb_exponential;

static inline void hyb_exponential_init(hyb_exponential *s, int32_t *state, int32_t *mean, int32_t classes,
                                        int32_t shift) {
  s->state = state;
  s->mean = mean;
  s->classes = classes;
  s->shift = shift;
  s->begun = 0;
}

/* Take the scores of a decision, the first ones as they are; afterwards s->mean holds the averages, rounded half up. */
static inline void hyb_exponential_add(hyb_exponential *s, const int32_t *scores) {
  for (int32_t c = 0; c < s->classes; c++) {
    const int32_t x = hyb_clamp(scores[c], -((int32_t)1 << 21), (int32_t)1 << 21) * 256;
    s->state[c] = s->begun ? s->state[c] + ((x - s->state[c]) >> s->shift) : x;
    s->mean[c] = (s->state[c] + 128) >> 8;
  }
  s->begun = 1;
}

/* Majority of the last `windows` labels. */
typedef struct {
  int32_t *labels; /* [windows] */
  int32_t windows;
  int32_t count, next;
} hyb_majority;

static inline void hyb_majority_init(hyb_majority *s, int32_t *labels, int32_t windows) {
  s->labels = labels;
  s->windows = windows;
  s->count = s->next = 0;
}

/* Take the label of a decision. Returns the label that most of the last ones are, the latest of them on a tie; `votes`,
 * where not NULL, says how many they are. */
static inline int32_t hyb_majority_add(hyb_majority *s, int32_t label, int32_t *votes) {
  int32_t best = label, most = 0;
  s->labels[s->next] = label;
  if (s->count < s->windows) s->count++;
  for (int32_t i = 0; i < s->count; i++) {
    const int32_t at = s->next - i, own = s->labels[at < 0 ? at + s->count : at];
    int32_t same = 0;
    for (int32_t j = 0; j < s->count; j++) same += s->labels[j] == own;
    if (same > most) {
      most = same;
      best = own;
    }
  }
  s->next = s->next + 1 < s->windows ? s->next + 1 : 0;
  if (votes != NULL) *votes = most;
  return best;
}

/* Sum of the scores of a clip's windows, until one class leads it by `margin`: the generated CLIP_MARGIN. */
typedef struct {
  int64_t *sum; /* [classes] */
  int32_t classes, margin;
} hyb_clip;

/* A clip begins. */
static inline void hyb_clip_init(hyb_clip *s, int64_t *sum, int32_t classes, int32_t margin) {
  s->sum = sum;
  s->classes = classes;
  s->margin = margin;
  for (int32_t c = 0; c < classes; c++) sum[c] = 0;
}

/* Take the scores of a decision. Returns the label of the sum; `clear` becomes 1 where the windows that are left need not
 * be decided, else 0. */
static inline int32_t hyb_clip_add(hyb_clip *s, const int32_t *scores, int32_t *clear) {
  int32_t best = 0;
  for (int32_t c = 0; c < s->classes; c++) {
    s->sum[c] += scores[c];
    if (s->sum[c] > s->sum[best]) best = c;
  }
  *clear = 1;
  for (int32_t c = 0; c < s->classes; c++)
    if (c != best && s->sum[best] - s->sum[c] < s->margin) *clear = 0;
  return best;
}

#endif /* HYB_SMOOTH_H */
