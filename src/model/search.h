#ifndef MODEL_SEARCH_H
#define MODEL_SEARCH_H

#include "model/prior.h"
#include "target.h"

/* search - the way to the mode of one patient, as questions and answers.
 *
 * It wants to know O at places z and says which; somebody finds out (model/fit, from
 * engines that carry many patients at once) and lets it go on. What it asks next depends
 * on nothing but the answers. From z = 0: a trust-region descent on the expected
 * curvature and what secants show it to lack; at its end a look around, and once more
 * from the lowest place of that if it is lower. All that again beyond places of the look
 * where O rises little, and, where parameters move doses or switches in time, from both
 * sides. Of the modes so found the one counts around which, by Laplace, the most
 * probability lies: where two are equal the likelihood is then continuous, which it is not
 * if the higher one counts. A failed search is an end as well.
 *
 * Far from a mode coarse answers show the way as well as fine ones, which cost many times
 * as much: a descent approaches by those, and ends by these. Called by fit. */

struct search {
    /* The question: O at `count` places z [count][p]. With derivatives it is one place,
     * coarse answers to which may do, whose answer is `answer` and, in `moving` [p + q],
     * what twin_point says of it; else the answers are objectives [count], +inf where
     * there is none, of which a glance is enough. */
    size_t count;
    bool derivatives, coarse;
    double *z;
    struct point answer;
    bool *moving;
    double *objectives;

    /* Once it has ended: */
    bool found;
    double *mode; /* [p] */
    struct point at_mode;
    size_t evaluations;

    struct way *way; /* its own affair */
};

/* From z = 0 and, as above, elsewhere; or from `start` [p], unless that is NULL, by one
 * descent to the mode that it leads to. `tolerance` of the answers, relative: how near to the
 * mode it can hope to come; and of the coarse ones, the same if there are none. */
void search_begin(struct search *search, const struct prior *prior, const double *start,
                  double tolerance, double coarse_tolerance);
/* After the answer: true with the next question, false at the end. */
bool search_go_on(struct search *search);
void search_clear(struct search *search);

/* -2 log of the probability that Laplace's approximation finds around a mode, but for
 * constants: O + log det A. */
double search_mass(size_t p, const struct point *mode);

#endif
