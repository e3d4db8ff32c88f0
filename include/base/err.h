#ifndef BASE_ERR_H
#define BASE_ERR_H

/* err - how every fallible function in the house says no.
 *
 * A code for the caller's `if`, a sentence for the human, and sometimes a hint what to
 * do about it. The sentence names the culprit and its value; whoever knows more context
 * wraps it on the way up. The value is a parameter's, a file's or a message's, never a
 * patient's: of patient data only a count, an index, a line or a column may appear.
 *
 * It is not a log: nothing here prints. Called by everybody. The text is thread-local and
 * lives until the thread's next err_set. */

#define ERR_LIST(X)                                                                      \
    X(ERR_RANGE, "value outside its stated range")                                       \
    X(ERR_FORMAT, "bytes or text that do not follow their format")                       \
    X(ERR_NOT_FOUND, "no such file, patient, study or name")                             \
    X(ERR_DENIED, "not permitted by policy, budget or roster")                           \
    X(ERR_VERIFY, "a signature, hash or chain that does not hold")                       \
    X(ERR_STATE, "not possible in this state or phase")                                  \
    X(ERR_GONE, "the peer did not answer in time")                                       \
    X(ERR_STORAGE, "the disk or the encrypted store refused")                            \
    X(ERR_LOCKED, "in use by another process")                                           \
    X(ERR_KEY, "the key does not open it")                                               \
    X(ERR_NUMERIC, "a computation that did not reach a usable result")                   \
    X(ERR_USAGE, "a command line that was not understood")                               \
    X(ERR_CONFIG, "a configuration that cannot be used")                                 \
    X(ERR_UNINITIALISED, "a folder in which the program has not been set up")            \
    X(ERR_INTERRUPTED, "stopped by the user")

enum err {
    ERR_OK = 0,
#define ERR_CODE(code, meaning) code,
    ERR_LIST(ERR_CODE)
#undef ERR_CODE
};

/* Record the sentence, forget any hint, return `code`. ERR_OK is not a refusal and is
 * not allowed here. Sentences longer than 1,000 bytes are cut. */
enum err err_set(enum err code, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Put "<prefix>: " before the sentence; returns the code it was set with. */
enum err err_wrap(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Say what to do about it (one sentence); returns the code. */
enum err err_hint(const char *format, ...) __attribute__((format(printf, 1, 2)));

enum err err_code(void);             /* of the last err_set in this thread */
const char *err_text(void);          /* its sentence; "" before any */
const char *err_hint_text(void);     /* its hint; "" for none */
const char *err_name(enum err code); /* "ERR_RANGE", ... */

#endif
