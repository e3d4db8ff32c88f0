#ifndef TESTS_FUZZ_SEEDS_H
#define TESTS_FUZZ_SEEDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/* seeds - what a target begins with, made by itself: the sound inputs that mutations start
 * from. Called by tests/fuzz/driver.c. */

/* Append the seed of that index; false when there are no more. */
bool fuzz_seed(size_t index, struct bytes *seed);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
