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

/* Of rates at a place, as C: where that is is what fma() says, one by one. */
static inline void compare_place(const struct program *p, const struct stream *stream,
                                 const double *registers, size_t count, enum simd simd)
{
    size_t rows = stream->result_count, size = rows * LANES;
    double *block = lanes_rows_new((LANES_TERMS_MAX + 3) * rows), *y = block;
    double *more = y + size, *out = more + size, h[LANES], weight[LANES_TERMS_MAX];
    double *theirs = lanes_rows_new(p->registers), *x = theirs + p->states * LANES;
    struct lanes_place place = {y, {0}, h, weight, count};
    for (size_t i = 0; i < (LANES_TERMS_MAX + 3) * size; i++)
        block[i] = any_value();
    EACH_LANE h[l] = any_value();
    memcpy(theirs, registers, p->registers * LANES * sizeof *theirs);
    memcpy(x, y, size * sizeof *x);
    for (size_t j = 0; j < count; j++) {
        place.k[j] = out + (j + 1) * size;
        weight[j] = any_value();
        for (size_t i = 0; i < size; i++)
            x[i] = fma(h[i % LANES] * weight[j], place.k[j][i], x[i]);
    }
    stream->rates_at(registers, &place, more, out, simd);
    run_one_by_one(stream, theirs);
    for (size_t i = 0; i < size; i++) {
        size_t at = stream->results[i / LANES] * (size_t)LANES + i % LANES;
        bool fed = stream->fed[i / LANES];
        assert_true(same_bits(out[i], theirs[at] + (fed ? more[i] : 0)));
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
    interpreted.rates_at = NULL;
    double *registers = lanes_rows_new(p->registers),
           *ours = lanes_rows_new(p->registers);
    double *theirs = lanes_rows_new(p->registers);
    for (size_t round = 0; round < rounds; round++) {
        for (size_t i = 0; i < size; i++)
            registers[i] =
                i < p->constant_count * LANES ? p->image[i / LANES] : any_value();
        memcpy(theirs, registers, size * sizeof *theirs);
        run_one_by_one(stream, theirs);
        for (enum simd simd = SIMD_AVX2; stream->rates_at && simd <= simd_best(); simd++)
            for (size_t count = 0; count <= LANES_TERMS_MAX; count++)
                compare_place(p, stream, registers, count, simd);
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
