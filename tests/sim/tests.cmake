# Of a simulated consortium: a signature that was made or held is not verified again (tests/support/verified.h).
add_library(verified INTERFACE)
target_link_options(verified INTERFACE
  -Wl,--wrap=identity_sign -Wl,--wrap=identity_verify -Wl,--wrap=identity_verify_all)
foreach(noun rehearsal liar storm)
  target_link_libraries(test_sim_${noun} PRIVATE verified)
endforeach()
nightly(test_sim_rehearsal test_sim_liar test_sim_storm test_sim_trial)

# Fits beside other programs' fits of the same data, and each model of the library in the study
# that its file proposes.
script(sim/drawn sim/drawn.sh ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
script(sim/reference sim/reference.sh ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
script(sim/reference_long sim/reference.sh ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR} long)
script(sim/studies sim/studies.sh ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
script(nightly/studies sim/studies.sh ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR} draws)
set_tests_properties(nightly/studies PROPERTIES TIMEOUT 20000 LABELS nightly)

# What families of twins learn at epsilon 3: no worse than bench/families.py says.
if(PYTHON3)
  set(families ${PYTHON3} ${CMAKE_SOURCE_DIR}/bench/families.py $<TARGET_FILE:gemel-sim>
    $<TARGET_FILE:gemel-node> --check)
  add_test(NAME sim/families COMMAND ${families} --patients 1000 oncology/tumour
    prevention/blood_pressure hospital/length_of_stay)
  add_test(NAME nightly/families COMMAND ${families})
  set_tests_properties(nightly/families PROPERTIES TIMEOUT 20000 LABELS nightly)
endif()

# Hospitals and a coordinator, as processes, and what is set on them.
add_executable(hostile tests/sim/hostile.c)
target_include_directories(hostile PRIVATE tests/support)
target_link_libraries(hostile PRIVATE roof_node PkgConfig::ZMQ)
script(sim/consortium sim/consortium.sh ${CMAKE_BINARY_DIR})
script(sim/weather sim/consortium.sh ${CMAKE_BINARY_DIR} 200)

# Patients whose fields are looked for in every byte that was written, said or sent.
script(sim/canary sim/canary.sh ${CMAKE_BINARY_DIR} ${PYTHON3})

# A thousand nodes.
script(sim/load sim/load.sh ${CMAKE_BINARY_DIR})

set_tests_properties(sim/drawn sim/reference_long sim/studies PROPERTIES TIMEOUT 600)
set_tests_properties(sim/storm sim/canary sim/load PROPERTIES TIMEOUT 900)
set_tests_properties(sim/weather PROPERTIES TIMEOUT 5000)
set_tests_properties(sim/weather sim/load PROPERTIES LABELS nightly)
set_tests_properties(sim/load PROPERTIES RUN_SERIAL TRUE)

# Builds that must go red: the two protocol cores, whose tests are the simulator's, the sixteen
# faults of other systems (peers), and the simulator itself.
sabotage(graph_of_the_coordinators node/attempt.c sim/rehearsal rehearsal__asks_for_seeds_that_were_committed_to
  BY "s/if (a->plan.commitments.size != .*/if (0)/")
sabotage(any_advert coordinator/advertise.c sim/rehearsal rehearsal__one_lying_advert_stops_nobody
  BY "s/return twice ? REASON_DUPLICATE_KEY : REASON_NONE/return REASON_NONE/")
sabotage(pair_masks_do_not_cancel node/mask.c sim/rehearsal rehearsal__sums_exactly_when_all_stay
  BY "s/mask_subtract(seed/mask_add(seed/")
sabotage(no_self_mask node/mask.c sim/rehearsal rehearsal__sums_exactly_when_all_stay
  BY "/pairkey_self_seed/,/mask_add/s/mask_add(seed, vector, a->plan.dimension)/(void)0/")
sabotage(seeds_of_anybody node/share.c sim/rehearsal rehearsal__draws_no_graph_from_other_seeds
  BY "s/? REASON_BAD_SEED/? REASON_NONE/")
sabotage(both_kinds_of_share node/unmask.c sim/liar liar__that_tells_the_truth_gets_one_sum
  BY "s/^        else$/        {}/")
sabotage(one_confirmation_short node/unmask.c sim/liar liar__splits_the_survivors
  BY "s/confirms->count < a->plan.quorum/confirms->count + 1 < a->plan.quorum/")
sabotage(confirmations_uncounted node/unmask.c sim/liar liar__finds_nothing_at_random
  BY "s/confirms->count < a->plan.quorum/0/")
sabotage(one_confirmation_often node/unmask.c sim/liar liar__counts_one_confirmation_for_many
  BY "s/memcmp(read.i - 1..member, read.i..member, KEY_BYTES) >= 0/0/")
sabotage(confirmed_by_anybody node/unmask.c sim/liar liar__confirms_with_keys_of_nobody
  BY "s/if (!terms_include(&a->plan.participants, confirm->member))/if (0)/")
sabotage(any_confirmed node/unmask.c sim/liar liar__splits_the_survivors
  BY "s/memcmp(confirm->survivors, a->survivors, HASH_BYTES) != 0/0/")
sabotage(survivors_who_did_not_deal node/confirm.c sim/liar liar__counts_inputs_of_those_who_did_not_deal
  BY "s/ || !a->dealer.index.//")
sabotage(survivors_without_oneself node/confirm.c sim/liar liar__leaves_a_members_own_input_out
  BY "s/result == ERR_OK && !a->survivor.a->self./0/")
sabotage(another_input_of_ones_own node/confirm.c sim/liar liar__leaves_a_members_own_input_out
  BY "s/index == a->self && !codec_is(bytes, &a->input)/0/")
sabotage(survivors_unsigned src/wire/phase.c sim/liar liar__forges_survivors
  BY "s/list->count, &wrong) != ERR_OK/& \\&\\& shape != SHAPE_INPUT/")
sabotage(few_survivors node/confirm.c sim/liar liar__forges_survivors BY "s/inputs->count < a->plan.survivors/0/")
sabotage(dealers_of_any_view node/confirm.c sim/liar liar__splits_the_dealers
  BY "s/memcmp(input->dealers, a->dealers, HASH_BYTES) != 0/0/")
sabotage(adverts_unsigned node/share.c sim/liar liar__relays_keys_that_are_not_the_members
  BY "/phase_open_all_advert/,/reason == REASON_NONE/s/reason == REASON_NONE/1/")
sabotage(keys_of_anybody node/share.c sim/liar liar__invents_members
  BY "s/!terms_include(&plan->participants, advert->member)/0/")
sabotage(one_key_for_two node/share.c sim/liar liar__shows_keys_that_give_a_known_secret
  BY "s/if (!keys_differ(a))/if (0)/")
sabotage(any_answer node/attempt.c sim/liar liar__answers_another_question BY "s/kind != phase_answer(a->phase)/0/")
sabotage(secrets_kept node/attempt.c sim/liar liar__asks_for_shares_again
  BY "/what is left to send/s/wipe(a)/(void)a/")
sabotage(any_quorum node/attempt.c sim/liar liar__plans_what_is_not_safe
  BY "s/if (quorum_check(&quorum) != ERR_OK)/if (0)/")
sabotage(never_charged node/mask.c sim/storm storm__two_hundred_lists_hold
  BY "s/return world->commit(world->context)/return ERR_OK/")
sabotage(masks_of_a_constant src/privacy/pairkey.c sim/storm storm__two_hundred_lists_hold
  BY "s/scalar_draw(random, keys->mask_scalar)/memset(keys->mask_scalar, 7, 31)/")
sabotage(on_after_an_error node/attempt.c sim/storm storm__two_hundred_lists_hold
  BY "s/    if (result != ERR_OK)$/    if (0)/")
sabotage(any_sum_in_a_storm node/sums.c sim/storm storm__named_cases_hold
  BY "s/left_out + beside > 0 ? left_out + beside : 1/0/")
sabotage(sums_forgotten_in_a_storm coordinator/collection.c sim/storm storm__named_cases_hold
  BY "s/c->answers.PHASE_CONFIRM..size && i </0 \\&\\& i </")
sabotage(counted_twice coordinator/collection.c sim/storm storm__two_hundred_lists_hold
  BY "s/    if (member->came.phase.)$/    if (0)/")
sabotage(other_survivors_published coordinator/collection.c sim/storm storm__two_hundred_lists_hold
  BY "s/return c->survivors/return c->dealers/")
sabotage(phase_ends_unkept coordinator/collection.c sim/storm storm__two_hundred_lists_hold
  BY "s/if (!c->restoring && c->world.close)/if (0)/")
sabotage(kept_after_the_answer coordinator/collection.c sim/collection collection__takes_nothing_that_was_not_kept
  BY "s/if (reason == REASON_NONE && .failure == ERR_OK)/if (reason == REASON_NONE)/")
sabotage(any_secret coordinator/unmask.c sim/collection collection__finds_out_one_wrong_share
  BY "s/^    if (is_committed(c, of, secret) ||/    if (1 ||/")
sabotage(nobody_blamed coordinator/unmask.c sim/collection collection__finds_out_one_wrong_share
  BY "s/        blame_wrong(c, joiner, omitted)/        (void)blame_wrong/")
sabotage(any_length coordinator/mask.c sim/collection collection__is_not_changed_by_what_it_refuses
  BY "s/masked.vector.count != c->plan.dimension/0/")
sabotage(anybodys_input coordinator/mask.c sim/collection collection__is_not_changed_by_what_it_refuses
  BY "s/if (!collection_is_of(c, place, input.member))/if (0)/")
sabotage(parcels_unsigned coordinator/share.c sim/collection collection__is_not_changed_by_what_it_refuses
  BY "s/memcmp(dealing.parcels_hash, hash, HASH_BYTES) != 0/0/")
sabotage(gate_open node/studies.c sim/gate gate__refuses_forty_and_takes_twenty
  BY "s/enum err result = judge_prior(node, study, prior)/enum err result = ERR_OK/")
sabotage(shift_unguarded src/model/gate.c sim/poison poison__beyond_the_gate_is_not_taken_over
  BY "s/sds <= gate->limits->shift_most/1/")
sabotage(step_unguarded src/model/history.c sim/poison poison__moves_the_prior_no_farther_than_the_bound
  BY "s/fmin(HISTORY_VARIANCE_MOST, fmax(low, values.i.))/values[i]/")
sabotage(noise_kept node/contribute.c sim/reopen reopen__sums_of_a_round_are_paid_and_of_the_same_hospitals
  BY "s/fixedpoint_add(sum, noise, dimension)/memset(sum, 0, 0)/")
sabotage(any_text_of_a_model node/studies.c sim/values values__in_replies_are_refused
  BY "s/memcmp(terms->model.data, canonical, terms->model.size) != 0/0/"
    "s/terms->model.size != strlen(canonical)/0/")
sabotage(on_any_connection src/wire/roster.c sim/replays replays__are_refused_or_get_the_same_answer
  BY "s/return same_key(member->curve, at->curve)/return 1/")
sabotage(twice_in_a_list node/share.c sim/forks forks__count_somebody_twice
  BY "s/index > 0 && memcmp(advert.-1..member, advert->member, KEY_BYTES) >= 0/0/")
sabotage(folded_seed src/privacy/mask.c sim/peers peers__01_seeds_are_not_folded
  BY "s/^  *seed)/(uint8_t[32]){seed[0] ^ seed[4], seed[1], seed[2], seed[3]})/")
sabotage(one_value_left_out src/privacy/mask.c sim/peers peers__02_masks_take_every_value
  BY "s/+= word_at(stream, i)/+= word_at(stream, i) >> 48 == 0xffff ? 0 : word_at(stream, i)/")
sabotage(shares_of_both_kinds node/unmask.c sim/peers peers__03_one_share_for_each_member
  BY "s/^        else$/        {}/")
sabotage(any_threshold node/attempt.c sim/peers peers__04_a_threshold_is_judged_by_the_node
  BY "s/if (quorum_check(&quorum) != ERR_OK)/if (0)/")
sabotage(keys_unsigned node/share.c sim/peers peers__05_keys_are_signed_by_who_holds_them
  BY "/phase_open_all_advert/,/reason == REASON_NONE/s/reason == REASON_NONE/1/")
sabotage(any_coordinator src/wire/envelope.c sim/peers peers__06_the_coordinator_is_the_one_it_was
  BY "s/if (identity_verify(key, tag, parts.object.data/if (0 \\&\\& identity_verify(key, tag, parts.object.data/")
sabotage(one_key_for_all_parcels src/privacy/pairkey.c sim/peers peers__07_what_is_sealed_for_one_opens_for_nobody_else
  BY "s/fields_begin(&state, agreed, .SA1.enc.)/fields_begin(\\&state, way->context, \"SA1\")/")
sabotage(noise_of_a_square src/privacy/noise.c sim/peers peers__08_noise_is_exact
  BY "s/if (keep && bernoulli_exp(random, fraction, bits))/if (keep)/")
sabotage(each_number_by_itself src/privacy/clip.c sim/peers peers__09_one_bound_for_the_whole
  BY "s/if (squares > bound)/if (0)/")
sabotage(noise_twice node/contribute.c sim/peers peers__10_noise_is_added_once
  BY "s/fixedpoint_add(sum, noise, dimension)/&, &/")
sabotage(spent_and_forgotten node/mask.c sim/peers peers__11_what_was_spent_stays_spent
  BY "s/return world->commit(world->context)/return ERR_OK/")
sabotage(patients_counted_in_clear node/part.c sim/peers peers__12_nobody_sees_how_many_patients
  BY "s/length = ledger_length(node->ledger)/& + part->crowd.paying_count/")
sabotage(masks_left_off node/mask.c sim/peers peers__12_nobody_sees_how_many_patients
  BY "s/result = add_masks(a, vector)/result = ERR_OK/")
sabotage(sealed_and_unsigned src/privacy/pairkey.c sim/peers peers__13_what_is_sealed_cannot_be_changed
  BY "s/crypto_aead_xchacha20poly1305_ietf_decrypt(/crypto_stream_xchacha20_xor_ic(plain, sealed + NONCE_BYTES, PLAIN_BYTES, sealed, 1, key) \\&\\& &/")
sabotage(quantised_with_a_warning src/privacy/clip.c sim/peers peers__14_nothing_overflows
  BY "s/if (squares > bound)/if (0)/"
    "s/finite && largest . step <= (double)norm_max/finite/")
sabotage(ledger_shown_unsigned src/wire/phase.c sim/peers peers__15_the_ledger_is_shown_with_every_input
  BY "s/list->count, &wrong) != ERR_OK/& \\&\\& shape != SHAPE_INPUT/")
sabotage(seed_of_the_plan src/privacy/pairkey.c sim/peers peers__16_no_seed_comes_from_outside
  BY "s/scalar_draw(random, keys->mask_scalar)/memset(keys->mask_scalar, 7, 31)/")
sabotage(half_a_mask src/privacy/mask.c sim/aggregate aggregate__masked_words_are_uniform
  BY "s/= word_at(stream, i)/= (uint32_t)word_at(stream, i)/")
sabotage(noise_repeated src/privacy/noise.c sim/aggregate aggregate__noise_has_the_variance_of_its_survivors
  BY "s/noise.j. = noise_draw(random, log2_stddev)/noise[j] = j % 8 == 7 ? noise[j - 1] : noise_draw(random, log2_stddev)/")
sabotage(thinner_noise src/privacy/noise.c sim/aggregate aggregate__noise_has_the_variance_of_its_survivors
  BY "s/return negative ? -(int64_t)size : (int64_t)size/return (negative ? -1 : 1) * (int64_t)(size - (size >> 4))/")
sabotage(everybody_served sim/queue.c sim/queue queue__waits_as_erlang_says
  BY "s/ && (double)place->served < place->servers//")
sabotage(nobody_turned_away sim/queue.c sim/queue queue__loses_as_erlang_says
  BY "s/bool turned = (double)place->here >= place->places/bool turned = false/")
sabotage(draws_of_everybody_else sim/cohort.c sim/cohort cohort__larger_ones_begin_like_small_ones
  BY "s/member->redraws = redraws_new(d->design->seed, member->patient.id)/member->redraws = redraws_new(d->design->seed, member->patient.id + d->design->patients)/")
sabotage(others_in_the_other_arm sim/trial.c sim/trial trial__arms_that_are_alike_do_not_differ
  BY "s/.parameters = run->seats.i..parameters.a./.parameters = run->seats[(i + a) % run->seated].parameters[a]/")
sabotage(seen_after_the_dose sim/visits.c sim/trial trial__a_visit_comes_before_the_dose
  BY "s/nextafter(round.time, -INFINITY)/round.time/")
sabotage(read_without_error sim/reading.c sim/trial trial__readings_have_errors
  BY "s/prediction . off/prediction/")
sabotage(normal_in_place_of_student sim/student.c sim/trial trial__cries_wolf_one_time_in_twenty
  BY "s/: incomplete_beta(dof .*(dof + square))/: erfc(fabs(t) * sqrt(0.5))/")
