#ifndef TESTS_MODEL_SAME_STREAMS_H
#define TESTS_MODEL_SAME_STREAMS_H

/* same_streams - every stream of a program by all that runs it: C that the build made,
 * the interpreter on every kind of machine, and operation by operation for one patient.
 * The results have to be the same bits; but the sign of what is no number, which
 * processors disagree about. */

#include "check.h"
#include "operation.h"
#include "vector.h"

static uint64_t chance_state = 88172645463325252u;

static inline uint64_t chance(void)
{
    chance_state ^= chance_state << 13;
    chance_state ^= chance_state >> 7;
    chance_state ^= chance_state << 17;
    return chance_state;
}

/* Sizes that models meet, and now and then what they should not. */
static inline double any_value(void)
{
    static const double odd[] = {0, -0.0, INFINITY, -INFINITY, NAN, 1, 5e-324, -1};
    if (chance() % 64 == 0)
        return odd[chance() % 8];
    double size = exp((double)(chance() % 2000) / 100 - 12);
    return chance() % 8 == 0 ? -size : size;
}

static inline bool same_bits(double x, double y)
{
    return isnan(x) ? isnan(y) : memcmp(&x, &y, sizeof x) == 0;
}

/* Results, or, of a stream that has none, everything it writes. */
static inline void compare_results(const struct stream *stream, const double *ours,
                                   const double *theirs)
{
    for (size_t i = 0; i < stream->result_count; i++)
        for (size_t at = stream->results[i] * (size_t)LANES, l = 0; l < LANES; l++)
            assert_true(same_bits(ours[at + l], theirs[at + l]));
    for (size_t i = 0; stream->result_count == 0 && i < stream->count; i++)
        for (size_t at = stream->instructions[i].to * (size_t)LANES, l = 0; l < LANES;
             l++)
            assert_true(same_bits(ours[at + l], theirs[at + l]));
}

static inline void run_one_by_one(const struct stream *stream, double *r)
{
    for (size_t i = 0; i < stream->count; i++)
        EACH_LANE
        {
            const struct instruction *at = &stream->instructions[i];
            r[at->to * LANES + l] = operation_value(
                at->op, r[at->a * LANES + l], r[at->b * LANES + l], r[at->c * LANES + l]);
        }
}

/* Of rates, onto something. */
static inline void compare_rates(const struct stream *stream, double *registers,
                                 const double *theirs, enum simd simd)
{
    double *more = lanes_rows_new(stream->result_count);
    double *out = lanes_rows_new(stream->result_count);
    for (size_t i = 0; i < stream->result_count * LANES; i++)
        more[i] = any_value();
    vector_rates(stream, registers, more, out, simd);
    for (size_t i = 0; i < stream->result_count * LANES; i++) {
        size_t at = stream->results[i / LANES] * (size_t)LANES + i % LANES;
        bool fed = stream->fed[i / LANES];
        assert_true(same_bits(out[i], theirs[at] + (fed ? more[i] : 0)));
    }
    lanes_rows_free(more);
    lanes_rows_free(out);
}

/* Of rates in all stages of a step, as C: where each is is what fma() says, one by one.
 */
static inline void compare_step(const struct program *p, const struct stream *stream,
                                const double *registers, enum simd simd)
{
    size_t rows = stream->result_count, size = rows * LANES, last = LANES_STAGES - 1;
    double *block = lanes_rows_new((LANES_STAGES + 4) * rows), *more = block;
    double times[5][LANES], *y = more + size, *theirs = lanes_rows_new(p->registers);
    double *from = times[3], *to = times[4], *x = theirs + p->states * LANES;
    struct lanes_stages stages = {y, times[0], times[1], times[2], {0}, 0, 0};
    for (size_t i = 0; i < (LANES_STAGES + 4) * size; i++)
        block[i] = any_value();
    for (size_t i = 0; i < 5 * LANES; i++)
        times[i / LANES][i % LANES] = any_value();
    for (size_t i = 0; i < LANES_STAGES; i++)
        stages.k[i] = y + (i + 1) * size;
    stages.next = stages.k[last] + size;
    stages.wrong = stages.next + size;
    memcpy(theirs, registers, p->registers * LANES * sizeof *theirs);
    stream->step(registers, more, from, to, &stages, simd);
    for (size_t stage = 1; stage <= last; stage++) {
        EACH_LANE
        {
            double t = lanes_node[stage] == 1
                           ? stages.end[l]
                           : stages.t[l] + lanes_node[stage] * stages.h[l];
            double late = t < to[l] ? t : to[l];
            theirs[p->time * LANES + l] = late > from[l] ? late : from[l];
        }
        memcpy(x, y, size * sizeof *x);
        for (size_t i = 0; i < size; i++)
            for (size_t j = 0; j < stage; j++)
                x[i] = fma(stages.h[i % LANES] * lanes_weight[stage][j], stages.k[j][i],
                           x[i]);
        for (size_t i = 0; stage == last && i < size; i++) {
            double wrong = 0;
            for (size_t j = 0; j < stage; j++)
                wrong = fma(lanes_error_weight[j], stages.k[j][i], wrong);
            assert_true(same_bits(stages.next[i], x[i]));
            assert_true(same_bits(stages.wrong[i], wrong));
        }
        run_one_by_one(stream, theirs);
        for (size_t i = 0; i < size; i++) {
            size_t at = stream->results[i / LANES] * (size_t)LANES + i % LANES;
            double onto = stream->fed[i / LANES] ? more[i] : 0;
            assert_true(same_bits(stages.k[stage][i], theirs[at] + onto));
        }
    }
    lanes_rows_free(block);
    lanes_rows_free(theirs);
}

static inline void compare_stream(const struct program *p, const struct stream *stream,
                                  size_t rounds)
{
    struct stream interpreted = *stream;
    size_t size = p->registers * LANES;
    interpreted.generated = NULL;
    interpreted.rates = NULL;
    interpreted.step = NULL;
    double *registers = lanes_rows_new(p->registers),
           *ours = lanes_rows_new(p->registers);
    double *theirs = lanes_rows_new(p->registers);
    for (size_t round = 0; round < rounds; round++) {
        for (size_t i = 0; i < size; i++)
            registers[i] =
                i < p->constant_count * LANES ? p->image[i / LANES] : any_value();
        memcpy(theirs, registers, size * sizeof *theirs);
        run_one_by_one(stream, theirs);
        for (enum simd simd = SIMD_AVX2; stream->step && simd <= simd_best(); simd++)
            compare_step(p, stream, registers, simd);
        for (enum simd simd = SIMD_SCALAR; simd <= simd_best(); simd++)
            for (size_t i = 0; i < 2; i++) {
                memcpy(ours, registers, size * sizeof *ours);
                vector_run(i ? stream : &interpreted, ours, simd);
                compare_results(stream, ours, theirs);
                memcpy(ours, registers, size * sizeof *ours);
                if (stream->fed)
                    compare_rates(i ? stream : &interpreted, ours, theirs, simd);
            }
    }
    lanes_rows_free(registers);
    lanes_rows_free(ours);
    lanes_rows_free(theirs);
}

#endif
