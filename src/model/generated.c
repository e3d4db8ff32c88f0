#include "generated.h"

#include <string.h>

void program_hash(const struct program *program, uint8_t hash[HASH_BYTES])
{
    struct bytes bytes = {0};
    bytes_u64(&bytes, program->registers);
    bytes_u64(&bytes, program->rest);
    bytes_u64(&bytes, program->time);
    bytes_u64(&bytes, program->states);
    bytes_field(&bytes, program->image, program->constant_count * sizeof(double));
    for (size_t i = 0; i < PROGRAM_STREAMS; i++) {
        const struct stream *stream = program_stream((struct program *)program, i);
        bytes_field(&bytes, stream->instructions,
                    stream->count * sizeof *stream->instructions);
        bytes_field(&bytes, stream->results,
                    stream->result_count * sizeof *stream->results);
        if (stream->fed)
            bytes_field(&bytes, stream->fed, stream->result_count * sizeof *stream->fed);
    }
    bytes_hash("gemel.program", bytes.data, bytes.size, hash);
    bytes_free(&bytes);
}

void generated_attach(struct model *model, const struct generated *const *among)
{
    uint8_t hash[HASH_BYTES];
    program_hash(model->program, hash);
    while (*among && memcmp((*among)->program, hash, HASH_BYTES) != 0)
        among++;
    if (!*among)
        return;
    for (size_t i = 0; i < PROGRAM_STREAMS; i++)
        program_stream(model->program, i)->generated = (*among)->streams[i];
    model->program->rate.rates = (*among)->rate;
    model->program->rate_slopes.rates = (*among)->rate_slopes;
    model->program->rate.step = (*among)->rate_step;
    model->program->rate_slopes.step = (*among)->rate_slopes_step;
}
