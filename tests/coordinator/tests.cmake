target_link_libraries(test_coordinator_porter PRIVATE PkgConfig::ZMQ Threads::Threads)
nightly(test_coordinator_porter)
# It holds the porter to seconds of the clock's, which are the machine's own when it has others to serve.
set_tests_properties(nightly/coordinator_porter PROPERTIES RUN_SERIAL TRUE)

# Builds that must go red.
sabotage(answer_before_keep coordinator/collection.c coordinator/exchange exchange__an_answer_exists_only_for_what_is_kept
  BY "s/if (reason == REASON_NONE && !c->restoring && c->world.keep)/if (0)/")
sabotage(counted_anew coordinator/collection.c coordinator/exchange exchange__the_same_message_again_gets_the_same_answer
  BY "/^static enum reason known/,/^}/s/if (member->came.phase.)/if (0)/")
sabotage(any_message coordinator/exchange.c coordinator/exchange exchange__messages_of_a_phase_are_refused_at_every_step
  BY "s/reason = collection_take(/(void)collection_take(/")
sabotage(any_attempt coordinator/exchange.c coordinator/exchange exchange__messages_are_of_the_attempt_in_progress
  BY "s/.reason = plan_concerns(/(void)plan_concerns(/")
sabotage(closed_in_memory_only coordinator/collection.c coordinator/rounds rounds__survive_a_restart_between_any_two_messages
  BY "s/if (!c->restoring && c->world.close)/if (0)/")
sabotage(sums_of_too_few coordinator/collection.c coordinator/rounds rounds__phases_end_by_time
  BY "s/c->received >= least(c)/true/")
sabotage(decliners_waited_for coordinator/exchange.c coordinator/rounds rounds__go_on_at_once_without_who_declines
  BY "s/collection_leave(attempt->collection, question->sender, outcome->gave_up)/(void)0/")
sabotage(decliners_offered_the_plan coordinator/exchange.c coordinator/rounds rounds__go_on_at_once_without_who_declines
  BY "s/!collection_has_left(attempt->collection, question->sender)/!entered/")
sabotage(decliners_called_at_once coordinator/rounds.c coordinator/rounds rounds__say_who_declined_and_do_without
  BY "s/if (others.size . KEY_BYTES >= study->terms.hospitals_min)/if (0)/")
sabotage(members_of_a_sum_left_out coordinator/rounds.c coordinator/rounds rounds__do_not_do_without_who_is_in_a_sum
  BY "s/result == ERR_OK && summed.size == 0/result == ERR_OK/")
sabotage(full_noise_each coordinator/rounds.c coordinator/rounds rounds__noise_is_sized_for_all_who_stay
  BY "s/noise_norm_max(plan->noise_multiplier, plan_shares(plan),/noise_norm_max(plan->noise_multiplier, 1,/")
sabotage(half_a_round coordinator/rounds.c coordinator/rounds rounds__publish_all_or_nothing
  BY "s/enum err result = store_begin(c->store)/enum err result = ERR_OK/"
    "s/store_commit(c->store)/ERR_OK/")
sabotage(messages_left_behind coordinator/attempts.c coordinator/attempts attempts__that_have_ended_are_forgotten
  BY "s/DELETE FROM collected WHERE plan = ?/DELETE FROM collected WHERE phase = ?/")
sabotage(study_out_of_date coordinator/studies.c coordinator/studies studies__kept_open_are_never_out_of_date
  BY "s/study->outdated = true/(void)study/")
sabotage(answers_of_another_life coordinator/porter.c coordinator/porter porter__answers_do_not_outlive_it
  BY "s/ || peer->life != porter->life//")
sabotage(porter_without_a_limit coordinator/porter.c coordinator/porter porter__has_no_file_and_no_signing_key
  BY "s/limit(RLIMIT_DATA, porter->memory_max)/(void)0/")
sabotage(porter_with_a_file coordinator/porter.c coordinator/porter porter__has_no_file_and_no_signing_key
  BY "s|open(./dev/null., O_RDWR)|open(porter->program, O_RDONLY)|")
