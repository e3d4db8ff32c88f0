#include "generate.h"

#include <math.h>
#include <string.h>

#include "dag.h"
#include "generated.h"
#include "operation.h"

#define NOWHERE UINT32_MAX

#define FUNCTION_COST 50
#define PLACE_COST_MAX 400
#define PLACE_COST_ROW 8

static const char *const operations[OP_COUNT] = {
#define NAME(name, ...) [OP_##name] = "operation_" #name,
    OPERATIONS(NAME)
#undef NAME
};

/* One stream on its way to a function. */
struct writer {
    const struct program *program;
    const struct stream *stream;
    uint32_t (*made_by)[3];   /* the instruction that makes each argument, or NOWHERE */
    uint32_t *result_made_by; /* likewise */
    bool *written;
    bool *put; /* [results] rows of states and sensitivities already said; or NULL */
    uint32_t *stack; /* [3 times the instructions + 1] */
    struct bytes *out;
};

/* --- what comes from where -----------------------------------------------------------
 */

static void find_makers(struct writer *writer)
{
    const struct stream *stream = writer->stream;
    size_t registers = writer->program->registers;
    uint32_t *holds = mem_new(registers, sizeof *holds);
    memset(holds, 0xff, registers * sizeof *holds);
    for (size_t i = 0; i < stream->count; i++) {
        const struct instruction *at = &stream->instructions[i];
        writer->made_by[i][0] = holds[at->a];
        writer->made_by[i][1] = holds[at->b];
        writer->made_by[i][2] = holds[at->c];
        holds[at->to] = (uint32_t)i;
    }
    for (size_t i = 0; i < stream->result_count; i++)
        writer->result_made_by[i] = holds[stream->results[i]];
    mem_free(holds);
}

/* --- lines ----------------------------------------------------------------------------
 */

static void say_constant(double value, struct bytes *out)
{
    if (isfinite(value))
        listing_add(out, "%a", value);
    else if (isnan(value))
        listing_add(out, "NAN");
    else
        listing_add(out, value > 0 ? "INFINITY" : "-INFINITY");
}

/* Whether a register is one of the rows of which rates are asked at a place. */
static bool is_row(const struct writer *writer, uint32_t at)
{
    uint32_t first = writer->program->states;
    return writer->put && at >= first && at < first + writer->stream->result_count;
}

static void say_put(const struct writer *writer, size_t row)
{
    if (!writer->put[row])
        listing_add(writer->out,
                    "        const double x%zu = "
                    "lanes_put(&here, stage, %zu * LANES + l, l);\n",
                    row, row);
    writer->put[row] = true;
}

static void say_argument(const struct writer *writer, uint32_t at, uint32_t made_by)
{
    if (made_by != NOWHERE)
        listing_add(writer->out, "v%u", (unsigned)made_by);
    else if (is_row(writer, at))
        listing_add(writer->out, "x%u", (unsigned)(at - writer->program->states));
    else if (writer->put && at == writer->program->time)
        listing_add(writer->out, "time");
    else if (at < writer->program->constant_count)
        say_constant(writer->program->image[at], writer->out);
    else
        listing_add(writer->out, "r[%u * LANES + l]", (unsigned)at);
}

static void say_line(const struct writer *writer, uint32_t i)
{
    const struct instruction *at = &writer->stream->instructions[i];
    const uint32_t arguments[] = {at->a, at->b, at->c};
    for (size_t k = 0; k < op_arity(at->op); k++)
        if (writer->made_by[i][k] == NOWHERE && is_row(writer, arguments[k]))
            say_put(writer, arguments[k] - writer->program->states);
    listing_add(writer->out, "        const double v%u = %s(", (unsigned)i,
                operations[at->op]);
    for (size_t k = 0; k < 3; k++) {
        listing_add(writer->out, k ? ", " : "");
        if (k < op_arity(at->op))
            say_argument(writer, arguments[k], writer->made_by[i][k]);
        else
            listing_add(writer->out, "0");
    }
    listing_add(writer->out, ");\n");
}

/* A value after what it is made of, depth first. */
static void say_value(struct writer *writer, uint32_t value)
{
    uint32_t *stack = writer->stack;
    size_t depth = 0;
    stack[depth++] = value;
    while (depth > 0) {
        uint32_t i = stack[depth - 1];
        size_t before = depth;
        for (size_t k = op_arity(writer->stream->instructions[i].op); k-- > 0;) {
            uint32_t needs = writer->made_by[i][k];
            if (!writer->written[i] && needs != NOWHERE && !writer->written[needs])
                stack[depth++] = needs;
        }
        if (depth > before)
            continue;
        if (!writer->written[i])
            say_line(writer, i);
        writer->written[i] = true;
        depth--;
    }
}

static void say_kept(struct writer *writer, uint32_t value)
{
    say_value(writer, value);
    listing_add(writer->out, "        r[%u * LANES + l] = v%u;\n",
                (unsigned)writer->stream->instructions[value].to, (unsigned)value);
}

/* Results into their registers, or all that rests. */
static void say_registers(struct writer *writer)
{
    const struct stream *stream = writer->stream;
    for (uint32_t i = 0; stream->result_count == 0 && i < stream->count; i++)
        say_kept(writer, i);
    for (size_t i = 0; i < stream->result_count; i++)
        if (writer->result_made_by[i] != NOWHERE)
            say_kept(writer, writer->result_made_by[i]);
}

/* Onto 0 where nothing is fed: of zeros there is then one, while of two compilers differ
 * about the sign that a fused product's negative has. */
static void say_rates(struct writer *writer)
{
    const struct stream *stream = writer->stream;
    for (size_t i = 0; i < stream->result_count; i++) {
        uint32_t made_by = writer->result_made_by[i];
        if (made_by != NOWHERE)
            say_value(writer, made_by);
        else if (is_row(writer, stream->results[i]))
            say_put(writer, stream->results[i] - writer->program->states);
        listing_add(writer->out, "        out[%zu * LANES + l] = ", i);
        say_argument(writer, stream->results[i], made_by);
        listing_add(writer->out,
                    stream->fed[i] ? " + more[%zu * LANES + l];\n" : " + 0;\n", i);
    }
}

static struct writer writer_new(const struct program *program,
                                const struct stream *stream, struct bytes *out)
{
    size_t count = stream->count;
    struct writer writer = {.program = program,
                            .stream = stream,
                            .made_by = mem_new(count, sizeof *writer.made_by),
                            .result_made_by =
                                mem_new(stream->result_count, sizeof(uint32_t)),
                            .written = mem_new(count, sizeof(bool)),
                            .stack = mem_new(3 * count + 1, sizeof(uint32_t)),
                            .out = out};
    find_makers(&writer);
    return writer;
}

static void writer_clear(struct writer *writer)
{
    mem_free(writer->made_by);
    mem_free(writer->result_made_by);
    mem_free(writer->written);
    mem_free(writer->put);
    mem_free(writer->stack);
}

static bool is_rates(const struct program *program, const struct stream *stream)
{
    return stream == &program->rate || stream == &program->rate_slopes;
}

static void say_function(const struct program *program, const struct stream *stream,
                         const char *name, struct bytes *out)
{
    bool rates = is_rates(program, stream);
    const char *parameters =
        rates ? "const double *restrict r, const double *restrict more, double *restrict "
                "out, enum simd simd"
              : "double *r, enum simd simd";
    struct writer writer = writer_new(program, stream, out);
    listing_add(out,
                "LANES_INLINE void %s_rows(%s)\n{\n"
                "    (void)simd;\n%s    ROW_LANES\n    {\n",
                name, parameters, rates ? "    (void)more;\n" : "");
    if (rates)
        say_rates(&writer);
    else
        say_registers(&writer);
    listing_add(out, "    }\n}\nLANES_KINDS(%s, simd, (%s), %s)\n\n", name, parameters,
                rates ? "r, more, out, simd" : "r, simd");
    writer_clear(&writer);
}

/* The same rates in all stages of a step. */
static void say_step(const struct program *program, const struct stream *stream,
                     const char *name, struct bytes *out)
{
    static const char parameters[] =
        "const double *restrict r, const double *restrict more, const double *from, "
        "const double *to, const struct lanes_stages *stages";
    struct writer writer = writer_new(program, stream, out);
    writer.put = mem_new(stream->result_count, sizeof(bool));
    listing_add(out,
                "LANES_INLINE void %s_at(%s, double *restrict out, size_t stage)\n{\n"
                "    const struct lanes_stages here = *stages;\n    (void)more;\n"
                "    ROW_LANES\n    {\n"
                "        const double t = lanes_time(&here, stage, l);\n"
                "        const double time = vector_time(t, from[l], to[l]);\n"
                "        (void)time;\n",
                name, parameters);
    say_rates(&writer);
    listing_add(out,
                "    }\n}\nLANES_INLINE void %s_step_rows(%s, enum simd simd)\n{\n"
                "    (void)simd;\n",
                name, parameters);
    for (size_t stage = 1; stage < LANES_STAGES; stage++) {
        if (stage == LANES_STAGES - 1)
            listing_add(out,
                        "    lanes_finish(stages, %zu, stages->next, stages->wrong);\n",
                        stream->result_count);
        listing_add(out, "    %s_at(r, more, from, to, stages, stages->k[%zu], %zu);\n",
                    name, stage, stage);
    }
    listing_add(out,
                "}\nLANES_WIDE_KINDS(%s_step, simd, (%s, enum simd simd), "
                "r, more, from, to, stages, simd)\n\n",
                name, parameters);
    writer_clear(&writer);
}

/* --- the whole
 * -------------------------------------------------------------------------- */

static void say_hash(const uint8_t hash[HASH_BYTES], struct bytes *out)
{
    listing_add(out, "    .program = {");
    for (size_t i = 0; i < HASH_BYTES; i++)
        listing_add(out, "%s0x%02x", i ? ", " : "", hash[i]);
    listing_add(out, "},\n");
}

static bool is_short(const struct stream *stream)
{
    return stream->count > 0 && stream->count <= GENERATE_INSTRUCTIONS_MAX;
}

/* What runs once in a step of a stiff individual, beside eight rates and linear algebra,
 * is not worth a compiler's time, nor is what runs when a mode turns. */
static bool is_worth_it(const struct program *program, const struct stream *stream)
{
    return is_short(stream) && stream != &program->linear &&
           stream != &program->linear_slopes && stream != &program->gap_by &&
           stream != &program->gap_slopes;
}

/* Additions and products of a stream, roughly. */
static size_t stream_cost(const struct stream *stream)
{
    size_t cost = 0;
    for (size_t i = 0; i < stream->count; i++)
        switch (stream->instructions[i].op) {
        case OP_EXP:
        case OP_LN:
        case OP_LOG10:
        case OP_TANH:
        case OP_SIN:
        case OP_COS:
        case OP_LOGIT:
        case OP_EXPIT:
        case OP_POWER:
            cost += FUNCTION_COST;
            break;
        default:
            cost++;
        }
    return cost;
}

/* Whether going to a place by themselves is worth to rates that they are written out for
 * each number of terms: it saves something by row. */
static bool goes_there(const struct program *program, const struct stream *stream)
{
    size_t cost = stream_cost(stream);
    return is_rates(program, stream) && stream->count > 0 && cost <= PLACE_COST_MAX &&
           cost <= PLACE_COST_ROW * stream->result_count;
}

void generate(const struct model *model, const char *symbol, struct bytes *source)
{
    uint8_t hash[HASH_BYTES];
    struct program *program = model->program;
    listing_add(
        source,
        "/* %s version %u as C, made by the build. */\n\n"
        "#include \"generated.h\"\n#include \"operation.h\"\n#include \"vector.h\"\n\n",
        model_name(model), (unsigned)model_version(model));
    for (size_t i = 0; i < PROGRAM_STREAMS; i++)
        if (is_worth_it(program, program_stream(program, i)))
            say_function(program, program_stream(program, i), program_stream_name(i),
                         source);
    for (size_t i = 0; i < PROGRAM_STREAMS; i++)
        if (goes_there(program, program_stream(program, i)))
            say_step(program, program_stream(program, i), program_stream_name(i), source);
    listing_add(source,
                "extern const struct generated %s;\nconst struct generated %s = {\n",
                symbol, symbol);
    program_hash(program, hash);
    say_hash(hash, source);
    listing_add(source, "    .streams = {");
    for (size_t i = 0; i < PROGRAM_STREAMS; i++) {
        const struct stream *stream = program_stream(program, i);
        bool here = is_worth_it(program, stream) && stream != &program->rate &&
                    stream != &program->rate_slopes;
        listing_add(source, "%s, ", here ? program_stream_name(i) : "NULL");
    }
    listing_add(source, "},\n    .rate = %s,\n    .rate_slopes = %s,\n",
                is_short(&program->rate) ? "rate" : "NULL",
                is_short(&program->rate_slopes) ? "rate_slopes" : "NULL");
    listing_add(source, "    .rate_step = %s,\n    .rate_slopes_step = %s,\n};\n",
                goes_there(program, &program->rate) ? "rate_step" : "NULL",
                goes_there(program, &program->rate_slopes) ? "rate_slopes_step" : "NULL");
}
