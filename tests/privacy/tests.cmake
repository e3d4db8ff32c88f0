# The ledger beside an accountant of its own, and with pages of its store put back.
test_program(test_schedules privacy/schedules LINK floor_privacy)
test_program(test_splices privacy/splices LINK floor_privacy)
nightly(test_splices)

# What a secret decides, under valgrind where there is one; it skips itself, saying so.
test_program(test_secrecy privacy/secrecy LINK floor_privacy)
set_tests_properties(privacy/secrecy PROPERTIES SKIP_RETURN_CODE 77)

python(privacy/check_claims privacy/check_claims.py $<TARGET_FILE:gemel-node>
  ${CMAKE_SOURCE_DIR}/docs/privacy.md ${CMAKE_SOURCE_DIR}/tests/golden)

# Builds that must go red.
sabotage(no_noise src/privacy/noise.c privacy/noise noise__has_the_variance_it_states
  BY "s/noise.j. = noise_draw(random, log2_stddev)/noise[j] = 0/")
sabotage(half_noise src/privacy/noise.c privacy/noise noise__has_the_variance_it_states
  BY "s|noise.j. = noise_draw(random, log2_stddev)|& / 2|")
sabotage(same_noise_every_block src/privacy/random.c privacy/random random__blocks_are_chained_as_described
  BY "s/memcpy(random->seed, random->block, RANDOM_SEED_BYTES)//")
sabotage(clip_off src/privacy/clip.c privacy/clip clip__an_extreme_patient_counts_like_any_other
  BY "s/if (squares > bound)/if (0)/"
    "s/finite && largest . step <= (double)norm_max/finite/")
sabotage(clip_per_number src/privacy/clip.c privacy/clip clip__no_record_exceeds_the_bound
  BY "s/if (squares > bound)/if (0)/")
sabotage(cap_off src/privacy/ledger.c privacy/ledger ledger__refuses_at_the_cap_and_changes_nothing
  BY "s/accountant_sum(spent_by.* <= mu2_cap/1/")
sabotage(chain_unread src/privacy/ledger.c privacy/ledger ledger__notices_every_change
  BY "s/memcmp(hash, line->hash, HASH_BYTES) != 0/0/")
sabotage(record_unread src/privacy/audit.c privacy/audit audit__notices_every_change
  BY "s/memcmp(hash, row->hash, HASH_BYTES) != 0/0/")
sabotage(flood_unbounded src/privacy/audit.c privacy/audit audit__a_flood_of_refusals_is_bounded
  BY "s/today < AUDIT_REFUSALS_A_DAY/1/")
sabotage(any_signature src/privacy/identity.c privacy/identity identity__any_changed_bit_is_noticed
  BY "s/if (!code && crypto_sign_verify_detached.signature, message.data, message.size, key))/if (0)/")
sabotage(many_unread src/privacy/identity.c privacy/identity identity__many_hold_together_when_each_holds
  BY "s/return edwards_cancel(terms, 2 . count + 1)/return true/")
sabotage(plain_sum_of_many src/privacy/identity.c privacy/identity identity__many_do_not_make_up_for_each_other
  BY "s/randombytes_buf(factors, sizeof factors)/memset(factors, 1, sizeof factors)/")
sabotage(any_scalar_of_many src/privacy/identity.c privacy/identity identity__many_refuse_what_one_refuses
  BY "s/return bytes_equal(scalar, padded, EDWARDS_BYTES)/return true/")
sabotage(small_order_of_many src/privacy/edwards.c privacy/edwards edwards__refuses_small_order_and_ignores_it_in_a_sum
  BY "s/return !is_small(p)/return true/")
sabotage(points_not_canonical src/privacy/edwards.c privacy/edwards edwards__takes_the_points_that_libsodium_takes
  BY "s/memcmp(&canonical, &p->y, sizeof canonical) != 0/0/")
sabotage(self_mask_of_any_plan src/privacy/pairkey.c privacy/pairkey pairkey__a_self_seed_is_bound_to_its_place
  BY "/SA1.self/,/fields_end/s/fields_add(&state, place->context, HASH_BYTES)//")
sabotage(pair_mask_of_any_adverts src/privacy/pairkey.c privacy/pairkey pairkey__a_seed_is_bound_to_its_place_and_keys
  BY "/SA1.pair/,/fields_end/s/fields_add(&state, place->bundle, HASH_BYTES)//")
sabotage(one_share_too_few src/privacy/share.c privacy/share share__fewer_than_threshold_say_nothing
  BY "s/i < threshold/i + 1 < threshold/")
sabotage(short_mask_seed src/privacy/mask.c privacy/mask mask__every_bit_of_the_seed_matters
  BY "s/^  *seed)/(uint8_t[32]){seed[0], seed[1], seed[2], seed[3]})/")

find_program(VALGRIND valgrind)
find_path(MEMCHECK_H valgrind/memcheck.h)
if(VALGRIND AND MEMCHECK_H)
  sabotage(told_by_comparing src/base/bytes.c privacy/secrecy secrecy__comparing_tells_nothing_but_the_result
    BY "s/return sodium_memcmp(a, b, size) == 0/return size == 0 || (*(uint8_t *)a == *(uint8_t *)b \\&\\& bytes_equal((uint8_t *)a + 1, (uint8_t *)b + 1, size - 1))/")
  sabotage(told_by_splitting src/privacy/share.c privacy/secrecy secrecy__splitting_and_joining_do_the_same_for_all_secrets
    BY "s/if (k % STEPS_MAX == 0)/if (k % STEPS_MAX == 0 || wide[0] == 0)/")
  sabotage(told_by_masking src/privacy/mask.c privacy/secrecy secrecy__masks_and_sums_do_the_same_for_all_numbers
    BY "s/vector.at + i. += word_at/if (vector[at + i] > 1) &/")
  sabotage(told_by_a_parcel src/privacy/pairkey.c privacy/secrecy secrecy__keys_seeds_and_parcels_do_the_same_for_all_secrets
    BY "s/plain.0. = (uint8_t)parcel->point/plain[0] = parcel->self_share[0] ? (uint8_t)parcel->point : (uint8_t)randombytes_random()/")
endif()
