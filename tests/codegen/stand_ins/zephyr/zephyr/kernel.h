/* A stand-in for the part of Zephyr's kernel that the exported sample uses: just enough to compile it. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct device {
  const char *name;
};
struct k_mem_slab {
  char *buffer;
  size_t block_size;
};
extern const struct device stand_in_dmic_dev;
#define DT_NODELABEL(label) stand_in_##label
#define DEVICE_DT_GET(node) (&node)
#define K_MEM_SLAB_DEFINE_STATIC(name, size, count, align)                                                             \
  static char name##_buffer[(size) * (count)];                                                                         \
  static struct k_mem_slab name = {name##_buffer, (size)}
bool device_is_ready(const struct device *dev);
void k_mem_slab_free(struct k_mem_slab *slab, void *mem);
