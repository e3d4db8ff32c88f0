#ifndef WIRE_REASON_H
#define WIRE_REASON_H

#include <stdint.h>

#include "base/err.h"

/* reason - every way a peer can be wrong, as one number and one sentence.
 *
 * The numbers travel in Refusal messages and in audit entries: they are never reused and
 * never change meaning. It is not the local error: reason_set turns one into an `enum
 * err` with its sentence. Called by wire/envelope, node/ and coordinator/. */

#define REASON_LIST(X)                                                                   \
    X(REASON_NONE, 0, ERR_OK, "nothing is wrong")                                        \
    X(REASON_MALFORMED, 1, ERR_FORMAT, "the bytes do not follow the message's format")   \
    X(REASON_BAD_VERSION, 2, ERR_FORMAT, "the message has another format version")       \
    X(REASON_WRONG_CONSORTIUM, 3, ERR_DENIED, "the message is for another consortium")   \
    X(REASON_WRONG_RECIPIENT, 4, ERR_DENIED, "the message is for another recipient")     \
    X(REASON_WRONG_KIND, 5, ERR_STATE, "a message of this kind is not expected here")    \
    X(REASON_UNKNOWN_SENDER, 6, ERR_DENIED, "the sender's key is not known")             \
    X(REASON_NOT_IN_ROSTER, 7, ERR_DENIED, "the member is not in the current roster")    \
    X(REASON_EXPIRED, 8, ERR_DENIED, "the member's entry is not valid at this time")     \
    X(REASON_WRONG_LINK, 9, ERR_DENIED,                                                  \
      "the sender and the connection belong to different members")                       \
    X(REASON_BAD_SIGNATURE, 10, ERR_VERIFY, "the signature does not hold")               \
    X(REASON_WRONG_NONCE, 11, ERR_VERIFY, "the answer is not to the question asked")     \
    X(REASON_STALE_ROSTER, 12, ERR_STATE, "a newer roster is in force")                  \
    X(REASON_UNKNOWN_STUDY, 13, ERR_NOT_FOUND, "there is no such study")                 \
    X(REASON_STUDY_CLOSED, 14, ERR_STATE, "the study is closed")                         \
    X(REASON_NOT_PARTICIPANT, 15, ERR_DENIED,                                            \
      "the member is not a participant of the study")                                    \
    X(REASON_WRONG_TERMS, 16, ERR_DENIED, "the study's terms are not those agreed")      \
    X(REASON_WRONG_ROUND, 17, ERR_STATE, "the round is not the one in progress")         \
    X(REASON_STALE_ATTEMPT, 18, ERR_STATE, "the attempt is not the one in progress")     \
    X(REASON_WRONG_PLAN, 19, ERR_VERIFY, "the plan is not the one in force")             \
    X(REASON_WRONG_LENGTH, 20, ERR_RANGE,                                                \
      "the vector does not have the plan's dimension")                                   \
    X(REASON_LATE, 21, ERR_STATE, "the round's deadline has passed")                     \
    X(REASON_ANSWERED, 22, ERR_STATE,                                                    \
      "another message for this phase was accepted before")                              \
    X(REASON_WRONG_CHAIN, 23, ERR_VERIFY, "the prior does not continue the chain")       \
    X(REASON_EQUIVOCATION, 24, ERR_VERIFY, "two different priors claim the same place")  \
    X(REASON_LEDGER_BEHIND, 25, ERR_VERIFY,                                              \
      "the privacy ledger is older than one shown before")                               \
    X(REASON_POLICY, 26, ERR_DENIED, "the hospital's policy does not permit it")         \
    X(REASON_BUDGET, 27, ERR_DENIED, "the privacy budget does not permit it")            \
    X(REASON_BUSY, 28, ERR_GONE, "the receiver cannot take it now; ask again later")     \
    X(REASON_WRONG_PHASE, 29, ERR_STATE, "the attempt is in another phase")              \
    X(REASON_WEAK_PLAN, 30, ERR_DENIED, "the plan's quorum or threshold is not safe")    \
    X(REASON_TOO_FEW, 31, ERR_DENIED, "fewer members than the plan requires")            \
    X(REASON_NOT_INCLUDED, 32, ERR_VERIFY, "the receiver's own part is not in it")       \
    X(REASON_DUPLICATE_KEY, 33, ERR_VERIFY, "two members show the same one-time key")    \
    X(REASON_BAD_KEY, 34, ERR_VERIFY, "a one-time key is of low order")                  \
    X(REASON_BAD_SEED, 35, ERR_VERIFY, "a seed is not the one committed to")             \
    X(REASON_BAD_PARCEL, 36, ERR_VERIFY, "a sealed share does not open")                 \
    X(REASON_WRONG_BUNDLE, 37, ERR_VERIFY, "members were shown different adverts")       \
    X(REASON_WRONG_DEALERS, 38, ERR_VERIFY, "members were shown different dealers")      \
    X(REASON_WRONG_SURVIVORS, 39, ERR_VERIFY, "members were shown different survivors")  \
    X(REASON_BAD_SHARE, 40, ERR_VERIFY,                                                  \
      "shares do not give the secret that was committed to")                             \
    X(REASON_ABANDONED, 41, ERR_STATE, "the attempt was given up")                       \
    X(REASON_NO_POLICY, 42, ERR_DENIED, "the hospital has no policy in force")           \
    X(REASON_POLICY_EXPIRED, 43, ERR_DENIED, "the hospital's policy has expired")        \
    X(REASON_WITHHELD, 44, ERR_VERIFY, "a prior that another member holds was withheld") \
    X(REASON_DIFFERENCE, 45, ERR_DENIED,                                                 \
      "it could end with a sum that differs from another by too few hospitals")

enum reason {
#define REASON_CODE(code, number, err, sentence) code = number,
    REASON_LIST(REASON_CODE)
#undef REASON_CODE
        REASON_COUNT
};

const char *reason_name(enum reason reason);     /* "WRONG_PLAN"; "UNKNOWN" for no such */
const char *reason_sentence(enum reason reason); /* without a full stop */

/* A number off the wire; ERR_RANGE unless it names a reason other than REASON_NONE. */
enum err reason_from_number(uint32_t number, enum reason *reason);

/* err_set with the reason's own code and sentence; ERR_OK for REASON_NONE. */
enum err reason_set(enum reason reason);

#endif
