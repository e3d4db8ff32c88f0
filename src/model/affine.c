#include "affine.h"

#include "base/memory.h"

/* How a register hangs on states and sensitivities. */
enum bend { RESTS, AFFINE, BENDS };

static enum bend more_of(enum bend a, enum bend b)
{
    return a > b ? a : b;
}

static enum bend of_product(enum bend a, enum bend b)
{
    return a == RESTS || b == RESTS ? more_of(a, b) : BENDS;
}

static enum bend of_any(enum bend a)
{
    return a == RESTS ? RESTS : BENDS;
}

static enum bend of_operation(enum op op, enum bend a, enum bend b, enum bend c)
{
    switch (op) {
    case OP_NEGATE:
        return a;
    case OP_ADD:
    case OP_SUBTRACT:
        return more_of(a, b);
    case OP_MULTIPLY:
    case OP_STEEP:
        return of_product(a, b);
    case OP_DIVIDE:
        return more_of(a, of_any(b));
    case OP_FMA:
    case OP_FMS:
    case OP_FNMA:
        return more_of(of_product(a, b), c);
    case OP_SELECT:
        return more_of(of_any(a), more_of(b, c));
    default: /* operands that are not there are constants */
        return of_any(more_of(a, more_of(b, c)));
    }
}

bool rates_are_affine(const struct program *program, const struct stream *rates)
{
    enum bend *bends = mem_new(program->registers, sizeof *bends), worst = RESTS;
    size_t moving = program->states;
    size_t past = program->sensitivities + program->sensitivity_count;
    for (size_t i = moving; i < past; i++)
        bends[i] = AFFINE;
    bends[program->time] = BENDS;
    for (size_t i = 0; i < rates->count; i++) {
        const struct instruction *one = &rates->instructions[i];
        bends[one->to] =
            of_operation(one->op, bends[one->a], bends[one->b], bends[one->c]);
    }
    for (size_t i = 0; i < rates->result_count; i++)
        worst = more_of(worst, bends[rates->results[i]]);
    mem_free(bends);
    return worst != BENDS;
}
