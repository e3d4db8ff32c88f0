# Models that nobody wrote; the first of them as C, too.
set(RANDOM_COMPILED 8)
add_executable(random_texts tests/model/random_texts.c)
target_link_libraries(random_texts PRIVATE floor_base)
math(EXPR last "${RANDOM_COMPILED} - 1")
set(texts "")
foreach(seed RANGE ${last})
  set(text ${CMAKE_BINARY_DIR}/generated/random${seed}.twin)
  add_custom_command(OUTPUT ${text} COMMAND random_texts ${seed} ${text} DEPENDS random_texts)
  list(APPEND texts ${text})
endforeach()
as_c(random_models random ${texts})
set_source_files_properties(${random} PROPERTIES COMPILE_OPTIONS "${AS_GENERATED}")
test_program(test_grammar model/grammar SEES src/model LINK floor_model)
target_sources(test_grammar PRIVATE ${random})
target_compile_definitions(test_grammar PRIVATE RANDOM_COMPILED=${RANDOM_COMPILED})
# What is predicted of readings that look back, from text to twin.
test_program(test_readings model/readings SEES src/model LINK floor_model)
nightly(test_grammar test_fit test_track)

# Builds that must go red.
sabotage(turn_before_its_time src/model/evaluator.c model/evaluator evaluator__keeps_the_branch_before_an_early_turn
  BY "s/size = fmax(size, most_added(evaluator))/(void)most_added(evaluator)/")
sabotage(powers_of_rounding src/numerics/series.c numerics/series series__goes_on_well_after_a_short_piece
  BY "s/lanes->h.l. = INFINITY/lanes->h[l] = 1e-9/")
sabotage(powers_of_nothing src/numerics/series.c numerics/series series__is_not_taken_in_by_powers_of_nothing
  BY "s/elementary_if(near < far, near, far)/far/")
sabotage(product_of_states_as_affine src/model/affine.c model/affine affine__is_nothing_else
  BY "s/more_of(a, b) : BENDS/more_of(a, b) : AFFINE/")
sabotage(courses_without_curves src/model/twin.c model/outcome outcome__the_peak_lies_between_steps
  BY "s/request->scan ? KIND_MILD : mover->plain/mover->plain/")
sabotage(fitted_to_rounding src/model/fit.c model/resolution resolution__refuses_readings_of_rounding
  BY "s/return read && engine_adapts/return !read \\&\\& engine_adapts/")
sabotage(followed_to_rounding src/model/track.c model/track track__readings_of_rounding_teach_nothing
  BY "s/ \\&\\& !(off <= SHARE_OF_VARIANCE . out->variance)/ \\&\\& 0/" "s/!can_tell(filter, belief, reading, observation, out)/0/")
sabotage(followed_from_before_the_first_period src/model/track.c model/track track__begins_where_a_course_repeats_itself
  BY "s/known || run.start < first/known/")
sabotage(followed_by_noisy_variance src/model/track.c model/track track__variances_of_rounding_teach_nothing
  BY "s/ \\&\\& !(off <= SHARE_OF_VARIANCE . out->variance)/ \\&\\& 0/")
sabotage(difference_of_products_fused src/model/dag.c model/dag dag__fuses_sums_but_no_difference_of_two_products
  BY "s/ \\&\\& !(left \\&\\& right \\&\\& i < formulas)//")
sabotage(runs_before_its_arguments src/model/order.c model/registers registers__are_written_before_they_are_read
  BY "s/+= pass == 0/+= pass == 0 \\&\\& k == 0/")
sabotage(nothing_of_no_likelihood_beside_another src/model/serial.c model/serial serial__nothing_is_surely_below_a_limit
  BY "s/if (observe_surely_below.residual, value, censoring, prediction../if (0)/")
sabotage(nothing_of_no_likelihood src/model/observe.c model/fit fit__before_a_dose_there_is_nothing
  BY "s/limit > 0 && no_error/limit < 0 \\&\\& no_error/")
sabotage(level_of_another_kind src/model/model.c model/twin twin__refuses_what_would_be_another_patient
  BY "s/bool admits = covariate->level_count == 0/bool admits = true/")
sabotage(mode_of_coarse_answers src/model/search.c model/search search__approaches_by_coarse_answers
  BY "s/    if (search->way->coarse)/    if (0)/")
sabotage(secants_that_mislead src/model/search.c model/search search__follows_secants_where_they_foresee
  BY "s/by.1. < by.0./true/")
sabotage(secants_not_followed src/model/search.c model/search search__follows_secants_where_they_foresee
  BY "s/by.1. < by.0./false/")
sabotage(values_of_any_error src/model/tally.c model/tally tally__of_values_alone_is_that_of_measurements
  BY "s/subject->values \\&\\& tally->errors.lane.->ordinary/subject->values/")
sabotage(jump_without_chain_rule src/model/evaluator.c model/twin twin__doses_that_move_what_is_there
  BY "/^int evaluator_jump/,/^}/s/set_sensitivities(evaluator, s)/(void)s/")
sabotage(lead_that_does_not_move src/model/flow.c model/twin twin__periodic_courses_begin_where_they_repeat
  BY "s/run->after.i. . d_lead.k./0/")
sabotage(steady_where_nothing_leads src/model/evaluator.c model/twin twin__steady_starts_are_where_rates_lead
  BY "s/linalg_determinant_sign(n, matrix) > 0/linalg_determinant_sign(n, matrix) > -2/")
sabotage(turn_without_a_jump src/model/flow.c model/crossing crossing__of_a_threshold_jumps_derivatives
  BY "s/(run->before.i. - run->after.i.) . slopes.k. . speed/0/")
sabotage(turns_at_anothers_time src/model/flow.c model/crossing crossing__of_three_at_once_moves_by_all
  BY "s/evaluator_tolerate(evaluator, mode, gaps)/(void)0/")
sabotage(stays_where_it_is_looked_at src/model/crossing.c model/crossing crossing__is_excluded_by_proof
  BY "s/coefficient(gaps, stride, [012])/gaps[2 * stride] + 0 * &/" "s/near = missed/near = 0 * missed/")
sabotage(quotient_by_nothing src/model/switching.c model/switching switching__takes_no_quotient_by_nothing_for_nothing
  BY "s/made->op == OP_NUMBER && .isfinite(made->number)/0/")
sabotage(excursions_between_samples src/model/sight.c model/outcome outcome__of_formulas_of_time
  BY "s/know_dips(sight, functional, &known)/if (0) know_dips(sight, functional, \\&known)/")
sabotage(extremes_at_samples src/model/sight.c model/outcome outcome__the_peak_lies_between_steps
  BY "s/if (bottom && may/if (0 \\&\\& bottom \\&\\& may/")
sabotage(jumps_seen_from_one_side src/model/scan.c model/outcome outcome__of_a_course_that_jumps
  BY "s/span->start = span->shift = sight_value(sight, functional, 0)/span->start = span->shift = sight_value(sight, functional, SIGHT_SAMPLES - 1)/")
sabotage(pieces_that_are_rough src/model/scan.c model/outcome outcome__of_formulas_of_time
  BY "s/bool smooth = resolved(scan, sight)/bool smooth = resolved(scan, sight) || true/")
sabotage(extremes_of_a_window_that_stays src/model/scan.c model/readings readings__of_formulas_are_their_closed_forms
  BY "s/add(scan, span->trend, span->d_from, span->slopes)/(void)0/")
sabotage(noise_taken_for_readings src/model/weigh.c model/weigh weigh__what_nobody_measures_stays
  BY "s/told > MEASURED . sqrt(weight)/true/")
sabotage(kinks_from_one_side src/model/scan.c model/readings readings__move_where_two_curves_meet
  BY "s/sign . before < 0 && sign . after > 0/0/")
sabotage(peaks_at_doses_that_stay src/model/scan.c model/readings readings__have_the_derivatives_that_differences_show
  BY "s/add(scan, span->trend, d_t, span->slopes)/(void)0/")
sabotage(integrals_without_moving_jumps src/model/scan.c model/readings readings__of_formulas_are_their_closed_forms
  BY "s/before.f. - after.f./0 * (before[f] - after[f])/")
sabotage(thresholds_between_samples src/model/switching.c model/readings readings__move_with_thresholds
  BY "s/return freezing->rate_count/return 0 * freezing->rate_count/")
sabotage(covariates_between_samples src/model/switching.c model/readings readings__move_with_covariates
  BY "s/ || is_plain(/ || 0 * is_plain(/")
sabotage(turns_of_solvers_alone src/model/crossing.c model/readings readings__move_with_covariates
  BY "s/watch->turns = crossing_find/watch->turns = watch->ode \\&\\& crossing_find/")
sabotage(hidden_at_an_end src/model/sight.c model/sight sight__rules_integrate
  BY "s/= gap \\* (fabs(first/= 0 * gap * (fabs(first/")
sabotage(kinks_between_samples src/model/scan.c model/readings readings__move_with_thresholds
  BY "s/^#define SLOPES_TOLERANCE 1e-10/#define SLOPES_TOLERANCE 1e10/")
sabotage(peaks_at_turns_that_stay src/model/flow.c model/readings readings__peak_where_rates_turn
  BY "s/run->d_turn.k. = speed != 0 . -slopes.k. . speed : 0/run->d_turn[k] = 0/")
sabotage(windows_of_the_beginning src/model/feed.c model/readings readings__look_back_as_covariates_were
  BY "s/run_look_forward(run, run->reads.i., &change)/(void)change/")
sabotage(a_neighbours_step src/model/feed.c model/feed feed__courses_do_not_feel_each_other_or_the_machine
  BY "s/feed->taken.spot->lane./feed->taken[0]/")
sabotage(generated_of_another_program src/model/generated.c model/generated generated__is_not_run_for_another_program
  BY "s/memcmp((.among)->program, hash, HASH_BYTES) != 0/0/")
sabotage(reach_too_long src/model/statistic.c model/statistic statistic__scores_of_z_fill_their_room_and_no_more
  BY "s/length = fmin(REACH_MOST, sqrt(r2))/length = fmin(REACH_MOST, 1.02 * sqrt(r2))/")
sabotage(kappa_of_nobody src/model/statistic.c model/statistic statistic__kappa_is_what_shortening_leaves
  BY "s/double m = mean + 2 . known.a., v = square + 2 . known/double m = mean + 0 * known[a], v = square + 0 * known/")
sabotage(modes_from_one_place src/model/posterior.c model/posterior posterior__finds_what_is_not_normal
  BY "s/e->start_count < STARTS/0/")
sabotage(normal_whatever_it_is src/model/scatter.c model/posterior posterior__finds_what_is_not_normal
  BY "s/shared += fmin(weights.i., scatter->weights.i.)/shared += weights[i]/")
sabotage(weighed_as_of_the_prior src/model/scatter.c model/scatter scatter__weighs_as_the_integral_says
  BY "s/.double.scatter->drawn.k. \\/ .double.count/k == 0/")
sabotage(draws_of_any_place src/model/scatter.c model/scatter scatter__draws_have_the_shape_of_the_posterior
  BY "s/until < at && from + 1 < scatter->count/from < i/")
sabotage(drawn_twice_counted_twice src/model/scatter.c model/scatter scatter__draws_have_the_shape_of_the_posterior
  BY "s/squares += 2 . times++ + 1/squares += 1 + 0 * times++/")
sabotage(nearly_normal_stands src/model/posterior.c model/posterior posterior__nearly_normal_is_not_normal
  BY "s/out->shared < POSTERIOR_SHARED_ENOUGH/out->shared < 0.90/")
sabotage(few_places_stand src/model/posterior.c model/posterior posterior__is_tempered_where_few_places_count
  BY "s/out->effective >= WORTH_LEAST . .double.wanted/out->effective > 0/")
sabotage(moved_without_metropolis src/model/temper.c model/temper temper__draws_have_the_shape_of_the_posterior
  BY "s/        if (!(log(proposal_uniform.*/        if (0)/")
sabotage(nobody_drawn_by_weight src/model/temper.c model/temper temper__few_draws_are_not_off
  BY "s/until < at && from + 1 < c->count/from < i/")
