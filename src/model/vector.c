#include "vector.h"

#include "operation.h"

/* --- the interpreter ---------------------------------------------------------------
 *
 * A run of one operation is decided upon once. */

LANES_INLINE void run_rows(const struct stream *stream, double *r, enum simd simd)
{
    (void)simd; /* has been obeyed */
    const struct instruction *at = stream->instructions, *all = at + stream->count, *end;
    while (at < all) {
        end = at + at->run;
        switch (at->op) {
#define RUN(name, ...)                                                                   \
    case OP_##name:                                                                      \
        for (; at < end; at++) {                                                         \
            double *to = r + at->to * (size_t)LANES;                                     \
            const double *a = r + at->a * (size_t)LANES;                                 \
            const double *b = r + at->b * (size_t)LANES;                                 \
            const double *c = r + at->c * (size_t)LANES;                                 \
            ROW_LANES to[l] = operation_##name(a[l], b[l], c[l]);                        \
        }                                                                                \
        break;
            OPERATIONS(RUN)
#undef RUN
        default: /* no other is ever in a stream */
            at = end;
        }
    }
}

LANES_KINDS(run, simd, (const struct stream *stream, double *registers, enum simd simd),
            stream, registers, simd)

void vector_run(const struct stream *stream, double *registers, enum simd simd)
{
    if (stream->generated)
        stream->generated(registers, simd);
    else
        run(stream, registers, simd);
}

LANES_INLINE void results_rows(const struct stream *stream, const double *registers,
                               const double *more, double *out, enum simd simd)
{
    (void)simd;
    for (size_t i = 0; i < stream->result_count; i++) {
        const double *from = registers + stream->results[i] * (size_t)LANES;
        if (stream->fed[i])
            ROW_LANES out[i * LANES + l] = from[l] + more[i * LANES + l];
        else
            ROW_LANES out[i * LANES + l] = from[l] + 0;
    }
}

LANES_KINDS(results, simd,
            (const struct stream *stream, const double *registers, const double *more,
             double *out, enum simd simd),
            stream, registers, more, out, simd)

void vector_rates(const struct stream *stream, double *registers, const double *more,
                  double *out, enum simd simd)
{
    if (stream->rates) {
        stream->rates(registers, more, out, simd);
        return;
    }
    run(stream, registers, simd);
    results(stream, registers, more, out, simd);
}
