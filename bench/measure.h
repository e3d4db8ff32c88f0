#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include "bench/partners.h"

/* measure - the processor seconds that one node, or the coordinator, spends on an attempt
 * of `dim` numbers: node/attempt and coordinator/collection themselves, with partners
 * (bench/partners) on the other side, in one thread.
 *
 * A frame carries up to WIRE_DIMENSION_MAX numbers. For longer vectors the attempt is
 * played with one number and what depends on the length is done beside it on all `dim`
 * numbers with the same functions: a node's noise, masks and vector hash; the
 * coordinator's vector hashes, additions and masks off. Nothing is extrapolated. Not in
 * it: envelopes, sockets, the disk. */

bool measure_in_place(uint32_t dim); /* longer than a frame carries */

/* A median of `samples` members, of whom none drops out. */
double measure_client(struct partners *partners, uint32_t dim, size_t dropped,
                      size_t samples);

/* Checks the sum that comes out; ends the process if it is not the survivors'. `unmask`:
 * the part for adding up inputs, joining secrets from shares and taking masks off,
 * without the signatures and hashes of the phases before. */
double measure_server(struct partners *partners, uint32_t dim, size_t dropped,
                      double *unmask);

double measure_now(void); /* processor seconds of this thread */

#endif
