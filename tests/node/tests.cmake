# A hospital's part in an attempt, beside the coordinator's state machine and other hospitals'.
foreach(noun part sums faults filter)
  target_link_libraries(test_node_${noun} PRIVATE roof_sim)
endforeach()
target_link_libraries(test_node_newest PRIVATE roof_coordinator)
# A disk that forgets is a VFS of SQLite's.
target_link_libraries(test_node_power PRIVATE PkgConfig::SQLCIPHER)
nightly(test_node_power test_node_faults)

# What an export is checked with by others, and every byte of one changed.
python(node/check_evidence node/check_evidence.py $<TARGET_FILE:test_node_evidence>)
python(node/check_account node/check_account.py $<TARGET_FILE:test_node_account>)

# Builds that must go red.
sabotage(sum_without_noise node/contribute.c node/contribute contribute__one_in_the_sum_is_told_no_better_than_claimed
  BY "s/fixedpoint_add(sum, noise, dimension)/(void)sum/")
sabotage(noise_after_the_records node/contribute.c node/contribute contribute__draws_noise_before_a_record_is_asked_for
  BY "s/enum err err = draw_noise(task, statistic.dimension, sum)/enum err err = contribute_add(\\&coarse, \\&statistic, clipped, \\&limits, sum, report)/"
    "s/return contribute_add(&coarse, &statistic, clipped, &limits, sum, report)/return draw_noise(task, statistic.dimension, sum)/")
sabotage(sent_when_ready node/part.c node/part part__leaves_at_slots_of_the_clock
  BY "s|return (wall / slot + 1) . slot|return wall|")
sabotage(patient_in_the_log node/crowd.c node/part part__logs_nothing_of_a_patient
  BY "s|^#include .base/memory.h.|&\\n#include \"base/log.h\"|"
    "s|patients_record(node,|log_event(LOG_LEVEL_DEBUG, \"fit\", \"patient=%s\", crowd->patients[crowd->paying[index]].name), &|")
sabotage(declined_in_silence node/part.c node/part part__tells_why_it_does_not_enter
  BY "s/result == ERR_OK ? REASON_NONE : p->refused/REASON_NONE/")
sabotage(charge_after_send node/part.c node/part part__leaves_only_when_the_charge_is_on_the_disk
  BY "s/result = store_commit(part->node->store)/result = ERR_OK/")
sabotage(release_unrecorded node/part.c node/part part__is_in_the_sum_and_charged_to_everybody_once
  BY "s/result = note_release(part, masked)/(void)note_release/")
sabotage(refusal_unrecorded node/part.c node/part part__refuses_a_plan_at_every_step
  BY "s/return node_refuse(part->node, &entry)/return err_code()/")
sabotage(slowness_unsaid node/part.c node/part part__computing_longer_than_a_slot_is_an_alarm
  BY "s/clock_steady_ms(part->clock) - began/0/")
sabotage(entered_anew node/part.c node/part part__never_enters_an_attempt_twice
  BY "s/part->refused = plan_check(plan,/context.last_round = 0, &/")
sabotage(any_plan node/part.c node/part part__refuses_a_plan_at_every_step
  BY "s/part->refused = plan_check(plan, .context)/part->refused = REASON_NONE/")
sabotage(withdrawal_too_late node/part.c node/part part__who_has_withdrawn_by_then_is_not_in_the_sum
  BY "/^static enum err input/,/^}/s/if (choose_crowd(part) != ERR_OK)/if (0)/")
sabotage(anchor_left_behind node/part.c node/faults faults__at_every_call_of_a_round
  BY "s/return newest_advance(part->node)/return ERR_OK/")
sabotage(spent_and_used_again node/crowd.c node/filter filter__leaves_out_who_has_spent_and_goes_on
  BY "s/if (affordable.i.)/if (1)/")
sabotage(changed_record_opens node/node.c node/node node__an_entry_that_was_changed_stops_it
  BY "s/if (audit_open(node->store, node->conf, 0, head) != ERR_OK)/if (0)/")
sabotage(roster_of_keys_not_kept node/node.c node/node node__a_disk_that_refuses_leaves_one_set_of_keys
  BY "/^enum err node_adopt/,/^}/s/if (node->consortium.roster != before)/if (0)/")
sabotage(heads_uncompared node/heads.c node/heads heads__twenty_stories_are_found_out
  BY "s/if (memcmp(own, heads->chain_head, HASH_BYTES) == 0)/if (1)/")
sabotage(withheld_unnoticed node/heads.c node/heads heads__twenty_stories_are_found_out
  BY "s/if (more_links)/if (1)/")
sabotage(reminders_ignored node/heads.c node/heads heads__remember_the_longest_ledger
  BY "s/return ledger_accounts(/return true || ledger_accounts(/")
sabotage(heads_of_anybody node/heads.c node/heads heads__nobody_can_sign_for_another
  BY "s/if (heads_verify(&heads, study->terms.study) != ERR_OK)/if (0)/")
sabotage(anchor_ignored node/newest.c node/newest newest__a_restored_store_is_refused
  BY "s/return anchor_path(node) ? check_anchor(node, anchor_path(node)) : ERR_OK/return ERR_OK/")
sabotage(offers_without_end node/studies.c node/studies studies__offers_fill_no_disk
  BY "s/query_get_int(query, 0) < STUDIES_OFFERED_MAX/true/")
sabotage(any_sum_again node/sums.c node/sums sums__of_a_round_are_of_the_same_hospitals
  BY "s/left_out + beside > 0 ? left_out + beside : 1/0/")
sabotage(sums_forgotten node/sums.c node/sums sums__do_not_grow_by_one
  BY "s/query_blob(query, 1, keys.data, keys.size)/query_blob(query, 1, keys.data, 0)/")
sabotage(damage_unread node/packed.c node/packed packed__is_refused_with_any_bit_changed
  BY "s/if (checksum_of(key, packed, cursor.size) != .*/if (0)/")
sabotage(nearly_packed node/packed.c node/packed packed__gives_every_bit_back
  BY "s/return memcmp(&back, &value, sizeof value) == 0/return fabs(back - value) < 1e-12/")
sabotage(missing_signals_unread node/signals.c node/signals signals__that_are_damaged_are_refused
  BY "s/if (sum != person->sum)/if (false)/")
sabotage(days_cut_at_zero node/signals.c node/signals signals__begin_their_days_at_midnight
  BY "s/double day = floor(time/double day = trunc(time/")
sabotage(days_by_multiplication node/signals.c node/signals signals__know_the_day_of_every_midnight
  BY "s|person->day / 1000|0|")
sabotage(runs_left_as_they_were node/signals.c node/signals signals__share_a_blob_when_they_are_few
  BY "s/days.last < DAY_LAST && !is_closed(&packing, days)/0/")
sabotage(old_store_unpacked node/signals.c node/signals signals__are_packed_when_an_old_store_is_opened
  BY "s/return version == PACKED_VERSION ? ERR_OK/return version != 77 ? ERR_OK/")
sabotage(rows_alone node/patients.c node/patients patients__overlapping_files_give_their_union
  BY "s/return signals_follow(node, patient, rows.spans)/return ERR_OK/")
sabotage(rows_past_a_record node/rows.c node/patients patients__more_rows_than_a_record_holds_are_refused
  BY "s/if (result != ERR_OK || !over)/if (true)/")
sabotage(erasure_leaves_signals node/patients.c node/consent consent__erasing_leaves_nothing_in_the_pages
  BY "s/.signals., //")
sabotage(withdrawal_ignored node/patients.c node/consent consent__who_has_withdrawn_is_used_for_nothing
  BY "s/ WHERE \" CONSENT_GIVEN \"//")
sabotage(erased_person_taken_again node/patients.c node/consent consent__the_erased_come_back_only_when_they_agree
  BY "s/person.state != CONSENT_IN/0/")
sabotage(erasure_leaves_rows node/consent.c node/consent consent__erasing_leaves_nothing_in_the_pages
  BY "s/DELETE FROM %s WHERE patient = ?/UPDATE %s SET patient = 1 WHERE patient = ?/")
sabotage(erasure_leaves_remains src/base/store.c node/consent consent__erasing_leaves_nothing_in_the_pages
  BY "s/secure_delete = ON/secure_delete = OFF/"
    "s/PRAGMA secure_delete\", \"1\"/PRAGMA secure_delete\", \"0\"/")
sabotage(plan_unpermitted node/part.c node/policies policies__lies_about_a_round_cost_nobody_anything
  BY "s/part->refused = permit_plan(node->policy, plan)/(void)0/")
sabotage(study_unpermitted node/part.c node/policies policies__lies_about_the_study_cost_nobody_anything
  BY "s/part->refused = node_studies_permit(node, study, clock_wall(part->clock))/(void)0/")
sabotage(clock_set_back node/policies.c node/policies policies__time_does_not_go_back
  BY "s/wall > kept ? wall : kept/wall/")
sabotage(anybody_is_an_officer node/control.c node/control control__every_role_and_every_verb
  BY "s/(verbs.i..roles | CONTROL_OWNER) & roles/roles/")
sabotage(backup_in_the_clear src/privacy/seal.c node/backup backup__nothing_of_it_is_in_the_clear
  BY "s/sealed->size += size + SEAL_TAG/memcpy(sealed->data + sealed->size, data, size), &/")
sabotage(restored_as_if_never_gone node/part.c node/backup backup__a_restored_node_enters_nothing_before_it_was_compared
  BY "s/because(part, REASON_BUSY, check_proven(node)) != ERR_OK/0/")
sabotage(no_sync src/base/store.c node/power power__lost_at_any_call_loses_nothing_acknowledged
  BY "s/synchronous = EXTRA/synchronous = OFF/"
    "s/synchronous., .3./synchronous\", \"0\"/")
sabotage(directory_unsynced src/base/store.c node/power power__lost_at_any_call_loses_nothing_acknowledged
  BY "s/synchronous = EXTRA/synchronous = FULL/"
    "s/synchronous., .3./synchronous\", \"2\"/"
    "s/locking_mode = EXCLUSIVE/locking_mode = NORMAL/"
    "s/.exclusive.}/\"normal\"}/")
sabotage(ledger_unasked node/exchange.c node/exchange exchange__a_ledger_that_was_longer_stops_everything
  BY "s/if (reply->ledger_length == 0)/if (1)/")
sabotage(half_a_reply node/exchange.c node/exchange exchange__what_comes_with_a_refused_part_is_not_taken
  BY "s/store_rollback(node->store)/store_commit(node->store)/")
