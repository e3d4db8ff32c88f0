/* bench/streams - what one evaluation of a model's rates with all sensitivities costs: by
 * the interpreter and by the C that the build made, on every kind of machine there is;
 * and of the elementary functions, beside the C library's.
 *
 *   build/bench/streams [--json]
 *
 * Processor time of one thread, the least of 25 times: what else runs on the machine can
 * only add. Eight patients at once; `ns_each` is a patient's share. */

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "operation.h"
#include "vector.h"

#define TIMES 25

static bool json, first_row = true;

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void separate(void)
{
    if (json)
        printf("%s\n  ", first_row ? "" : ",");
    first_row = false;
}

/* --- streams ---------------------------------------------------------------------------
 */

/* A typical patient in every lane, in states that are near to one another. */
static double *registers_of(const struct model *model)
{
    const struct program *p = model->program;
    double *registers = lanes_rows_new(p->registers), from, to;
    double parameters[MODEL_PARAMETERS_MAX], covariates[MODEL_COVARIATES_MAX];
    struct evaluator *evaluator = evaluator_new(model, true);
    for (size_t i = 0; i < model_parameters(model); i++)
        parameters[i] = model_parameter(model, i)->typical;
    for (size_t i = 0; i < model_covariates(model); i++)
        covariates[i] = 50;
    evaluator_individual(evaluator, parameters, covariates);
    EACH_LANE
    {
        for (size_t i = 0; i < p->registers; i++)
            registers[i * LANES + l] = p->image[i];
        evaluator_rest(evaluator, registers + l, LANES, &from, &to);
        for (size_t i = p->states; i < p->rest; i++)
            registers[i * LANES + l] = 1 + 0.01 * (double)(i + l);
    }
    evaluator_destroy(&evaluator);
    return registers;
}

/* One of the two ways to run a stream: of rates, onto `more` into `out`, if there are. */
struct work {
    const struct stream *stream;
    double *registers;
    const double *more;
    double *out;
    enum simd simd;
};

static double time_of(const struct work *work)
{
    const size_t rounds = 2000;
    double least = INFINITY;
    for (size_t i = 0; i < TIMES; i++) {
        double begun = seconds();
        for (size_t k = 0; k < rounds; k++)
            if (work->out)
                vector_rates(work->stream, work->registers, work->more, work->out,
                             work->simd);
            else
                vector_run(work->stream, work->registers, work->simd);
        double each = (seconds() - begun) / (double)(rounds * LANES);
        least = each < least ? each : least;
    }
    return 1e9 * least;
}

static void stream_row(const char *name, const struct stream *stream, double *registers,
                       enum simd simd)
{
    const char *engine = stream->rates ? "generated" : "interpreter";
    double *more = lanes_rows_new(stream->result_count);
    double *out = lanes_rows_new(stream->result_count);
    double each = time_of(&(struct work){stream, registers, more, out, simd});
    double instruction = each * LANES / (double)stream->count;
    separate();
    if (json)
        printf("{\"work\": \"%s_rates\", \"engine\": \"%s\", \"simd\": \"%s\", "
               "\"instructions\": %zu, \"ns_instruction\": %.4g, \"ns_each\": %.4g}",
               name, engine, simd_name(simd), stream->count, instruction, each);
    else
        printf("%-16s %-12s %-7s %6zu instructions of %5.2f ns  %8.2f ns each\n", name,
               engine, simd_name(simd), stream->count, instruction, each);
    lanes_rows_free(more);
    lanes_rows_free(out);
}

static int model_rows(const char *name, const char *path)
{
    struct model *model;
    if (model_load(path, &model) != ERR_OK) {
        fprintf(stderr, "error: %s\n", err_text());
        return 1;
    }
    double *registers = registers_of(model);
    struct stream streams[2] = {model->program->rate_slopes, model->program->rate_slopes};
    streams[0].rates = NULL;
    streams[0].step = NULL;
    for (enum simd simd = simd_best(); simd >= SIMD_AVX2; simd--)
        for (size_t i = 0; i < 2; i++)
            stream_row(name, &streams[i], registers, simd);
    lanes_rows_free(registers);
    model_destroy(&model);
    return 0;
}

/* --- functions
 * ---------------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum op op;
    double (*peer)(double);
} functions[] = {
    {"exp", OP_EXP, exp}, {"log", OP_LN, log},     {"sin", OP_SIN, sin},
    {"cos", OP_COS, cos}, {"tanh", OP_TANH, tanh}, {"log10", OP_LOG10, log10},
};

static double time_of_peer(double (*peer)(double), const double *from, double *to)
{
    const size_t rounds = 2000;
    double least = INFINITY;
    for (size_t i = 0; i < TIMES; i++) {
        double begun = seconds();
        for (size_t k = 0; k < rounds; k++)
            EACH_LANE to[l] = peer(from[l]);
        double each = (seconds() - begun) / (double)(rounds * LANES);
        least = each < least ? each : least;
    }
    return 1e9 * least;
}

/* Sixteen of one function in a row, so that what is measured is not their start. */
static void function_row(size_t index)
{
    enum { MANY = 16 };
    struct instruction instructions[MANY];
    double *registers = lanes_rows_new(2 * MANY);
    for (uint32_t i = 0; i < MANY; i++) {
        instructions[i] =
            (struct instruction){functions[index].op, MANY - i, MANY + i, i, 0, 0};
        EACH_LANE registers[i * LANES + l] = 0.3 + 0.1 * (double)(l + i);
    }
    struct stream stream = {.instructions = instructions, .count = MANY};
    double ours = time_of(&(struct work){
                      .stream = &stream, .registers = registers, .simd = simd_best()}) /
                  MANY;
    double peer =
        time_of_peer(functions[index].peer, registers, registers + MANY * LANES);
    separate();
    if (json)
        printf("{\"work\": \"%s\", \"against\": \"libm\", \"simd\": \"%s\", "
               "\"ns_each\": %.4g, \"peer\": %.4g}",
               functions[index].name, simd_name(simd_best()), ours, peer);
    else
        printf("%-16s %37s %8.2f ns each, the C library %8.2f\n", functions[index].name,
               simd_name(simd_best()), ours, peer);
    lanes_rows_free(registers);
}

int main(int count, char **arguments)
{
    int result = 0;
    json = count == 2 && strcmp(arguments[1], "--json") == 0;
    if (count > 1 && !json) {
        fprintf(stderr, "usage: streams [--json]\n");
        return 2;
    }
    if (json)
        printf("{\"rows\": [");
    result |= model_rows("glucose", SOURCE_DIR "/bench/hovorka.twin");
    result |= model_rows("drug", SOURCE_DIR "/models/drugs/theophylline.twin");
    result |= model_rows("neutropenia", SOURCE_DIR "/models/oncology/neutropenia.twin");
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        function_row(i);
    printf(json ? "]}\n" : "");
    return result;
}
