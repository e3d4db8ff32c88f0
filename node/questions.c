#include "node/questions.h"

static const struct question questions[] = {
    {"Which bytes leave the hospital, and can I see them before?",
     "One vector of noised, masked integers a round, of fixed length, and keys and "
     "signatures whose size depends on no record.",
     "`gemel-node study preview NAME`"},
    {"Can anyone learn my hospital's numbers, and with how many others' help?",
     "The coordinator and as many hospitals as the terms name learn the noised sum over "
     "the survivors, nothing else. With more help, this hospital's own noise is left; "
     "the "
     "level is above.",
     "`sim/liar` `sim/rehearsal` `sabotage/two_views`"},
    {"What is protected?",
     "One patient at one hospital with all records under one ID. In several hospitals "
     "the costs (mu) add up.",
     "`docs/privacy.md` `contribute__neighbours_differ_by_the_bound_at_most`"},
    {"Which epsilon and delta, and who may change them?",
     "The table above. Two officers' signatures to permit more, one to permit less.",
     "`gemel-node budget show` `gemel-node policy check FILE`"},
    {"What happens when the budget is used up?",
     "The patient is left out; the study goes on with the others, while they are not "
     "fewer than the policy's minimum. Nothing is ever refunded.",
     "`part__stops_when_the_budget_is_spent` "
     "`ledger__refuses_at_the_cap_and_changes_nothing`"},
    {"Can a crash, a power failure or a restored copy reset the budget or repeat noise?",
     "No: charged on disk before anything leaves; noise and keys are never written down; "
     "an older copy is refused by who has seen a later one.",
     "`part__leaves_only_when_the_charge_is_on_the_disk` `node/power` "
     "`newest__a_restored_store_is_refused` `sabotage/charge_after_send`"},
    {"Where is the noise made, is the sampler exact, does timing tell it?",
     "Here, from the kernel's randomness, by an exact integer sampler, before a record "
     "is "
     "opened; sums leave at slots of the clock.",
     "`privacy/noise` `contribute__draws_noise_before_a_record_is_asked_for` "
     "`part__leaves_at_slots_of_the_clock`"},
    {"Was the claim audited by attack?",
     "Yes: canaries through the whole protocol, seen no more often than mu allows.",
     "`aggregate__an_auditor_sees_what_is_claimed`"},
    {"Minimum patients and hospitals, enforced by whom?",
     "By this node, from the officers' policy; the coordinator can only be stricter.",
     "`gemel-node policy show`"},
    {"How is the list of hospitals authenticated? Can the coordinator invent some?",
     "It is signed by a key that no server holds.",
     "`liar__invents_members` `sabotage/keys_of_anybody`"},
    {"Which ports are open?", "None. The node connects outward only.",
     "`cli/control` `docs/protocol.md`"},
    {"Encryption in transit?",
     "CURVE with keys pinned by the roster, and an Ed25519 signature on every message.",
     "`transport__lets_in_nobody_it_does_not_know` `sabotage/any_signature`"},
    {"Encryption at rest?",
     "SQLCipher with a key of its own (mode 0400). If key and store are on one disk, a "
     "stolen disk is not covered.",
     "`store__no_plaintext_reaches_the_disk`"},
    {"Are backups encrypted?", "Yes, and verified without restoring.",
     "`gemel-node backup verify FILE`"},
    {"How long does restoring take?",
     "Some seconds for tens of megabytes: every page is written and read anew. Try it "
     "before you need it.",
     "`gemel-node backup restore FILE`"},
    {"Who can do what locally?",
     "What is permitted needs officers' signatures. A running daemon answers by role: "
     "engineers, clinicians, officers, as the settings name them. The account that owns "
     "the folder may do the rest.",
     "`control__every_role_and_every_verb` `gemel-node policy sign FILE`"},
    {"Is there a record that I can verify without trusting the vendor?",
     "Yes, with a program that shares no code with this one.",
     "`gemel-node audit export` `node/check_evidence` `node/check_account`"},
    {"Do logs or errors contain patients' data?",
     "No: fields of logs are typed, sentences name files, places and settings.",
     "`base/log` `house/canaries` `sim/canary`"},
    {"How do I erase one patient, and what remains?",
     "Rows and name are gone; the spent budget stays under a pseudonym; of "
     "published "
     "priors what the command states.",
     "`gemel-node patients erase ID`"},
    {"How do I leave the consortium?",
     "Decline its studies; the next roster leaves this hospital out. The ledger stays.",
     "`gemel-node study decline NAME`"},
    {"How is a hospital kept from poisoning the priors?",
     "One patient is bounded by the clip, a hospital by a derived bound that is wide; a "
     "node refuses a prior that is not near the approved model's.",
     "`sim/poison` `gate__refuses_forty_and_takes_twenty` `sabotage/gate_open`"},
    {"Can a wrong prior harm a patient?",
     "This is research software. A prior only starts a twin, records override it, and a "
     "node refuses one that is far from the approved model's.",
     "`gate__refuses_forty_and_takes_twenty`"},
    {"Do all hospitals receive the same prior?",
     "It is a signed chain whose head every hospital hears from the others; two stories "
     "end the trust in a study.",
     "`heads__twenty_stories_are_found_out` "
     "`studies__a_second_link_for_a_round_is_a_contradiction`"},
    {"What if the coordinator is down or hostile?",
     "Twins and forecasts work without it.", "`gemel-node forecast PATIENT` `sim/liar`"},
    {"Which third-party components, and until when are they supported?",
     "The distribution's packages only, listed in build.sh; as long as Debian 12 and 13 "
     "are.",
     "`house/tidy` `SECURITY.md`"},
    {"How are releases built and signed; can I rebuild them?",
     "There is no signed release and no binary: each hospital builds from source with "
     "the distribution's compiler, and compares the commit's hash with the others.",
     "`SECURITY.md` `README.md`"},
    {"How are vulnerabilities reported and fixed?",
     "In confidence through the repository's host; a fix is a commit with a test that "
     "fails without it. Nothing is updated by itself.",
     "`SECURITY.md`"},
    {"How was it tested, and what is not?",
     "The threat page names a test for each defence, and what is not covered.",
     "`docs/threats.md`"},
    {"Does it run code or models that others send?",
     "No: a model is text, checked, approved by hash, and interpreted, or found by its "
     "hash among those that were built in.",
     "`model/check`"},
    {"Which documents are there for an impact assessment?",
     "GDPR, EHDS, HIPAA and NIST SP 800-226, article by article.",
     "`docs/compliance/README.md`"},
};

const struct question *questions_at(size_t index)
{
    return index < sizeof questions / sizeof *questions ? &questions[index] : NULL;
}
