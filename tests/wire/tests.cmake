# wire/transport from the inside (the test includes the source), with connections that are cut, and with
# a coordinator that is away, somewhere else, or somebody else.
test_program(test_door wire/door SEES src/wire LINK floor_wire PkgConfig::ZMQ)
test_program(test_cut wire/cut LINK floor_wire Threads::Threads)
test_program(test_return wire/return LINK floor_wire PkgConfig::ZMQ Threads::Threads)
nightly(test_cut)

# Examples of the protocol, and a second implementation that reads them by docs/protocol.md.
test_program(test_vectors wire/vectors LINK floor_wire)
test_program(test_secagg wire/secagg LINK floor_wire)
python(wire/check_vectors wire/check_vectors.py $<TARGET_FILE:test_vectors>)
python(wire/check_graph wire/check_graph.py)
python(wire/check_secagg wire/check_secagg.py)

# Builds that must go red.
sabotage(two_views src/wire/quorum.c wire/quorum quorum__check_names_the_number_that_is_too_weak
  BY "s/2 . confirmed <= members + colluders/2 * confirmed <= members/")
sabotage(two_views_planned src/wire/quorum.c wire/quorum quorum__two_quorums_share_an_honest_member_in_every_set
  BY "s|.members + colluders. / 2 + 1|members / 2 + 1|")
sabotage(one_honest src/wire/quorum.c wire/quorum quorum__keeps_two_honest_inputs_in_every_sum
  BY "s/survivors < colluders + QUORUM_HONEST_MIN/0/")
sabotage(one_honest_planned src/wire/quorum.c wire/quorum quorum__keeps_two_honest_inputs_in_every_sum
  BY "s/QUORUM_HONEST_MIN/1/g")
sabotage(second_sum src/wire/quorum.c wire/quorum quorum__leaves_no_second_sum_of_a_round
  BY "s/if (!excludes_another(quorum))/if (0)/")
sabotage(second_sum_planned src/wire/quorum.c wire/quorum quorum__leaves_no_second_sum_of_a_round
  BY "s/while (!excludes_another(&chosen))/while (0)/")
sabotage(anybody_admitted src/wire/transport.c wire/transport transport__carries_a_question_and_its_answer
  BY "s/bool known = contains.&door->allowed, key./bool known = true/") # by the self-test
sabotage(anybody_admitted_untested src/wire/transport.c wire/transport transport__lets_in_nobody_it_does_not_know
  BY "s/bool known = contains.&door->allowed, key./bool known = true/"
    "s/result = prove_refusal(fresh)/result = ERR_OK/")
sabotage(struck_off_and_heard src/wire/transport.c wire/transport transport__a_key_struck_off_is_not_heard_any_more
  BY "s/return door_admits(&server->door, peer->curve)/return true/")
sabotage(multipart_accepted src/wire/transport.c wire/transport transport__drops_what_is_not_one_frame_by_an_ordinary_route
  BY "s/kept = !more && size >= 1/kept = size >= 1/")
sabotage(any_route src/wire/transport.c wire/transport transport__drops_what_is_not_one_frame_by_an_ordinary_route
  BY "s/size != ROUTE_BYTES || data.0. != 0 || //"
    "s/memcpy(peer->route, data, size)/memcpy(peer->route, data, 5)/")
sabotage(sessions_at_once src/wire/transport.c wire/transport transport__bz6_one_key_has_one_session
  BY "s/memcmp(session->route, peer->route, ROUTE_BYTES) != 0/0/")
sabotage(user_id_unread src/wire/transport.c wire/door door__gone_lets_nobody_through INCLUDED
  BY "s/ || !user ||$/ || (user \\&\\&/"
    "s/bytes_from_hex(user, peer->curve, KEY_BYTES) != ERR_OK)$/&)/"
    "s/return door_admits(&server->door, peer->curve)/return true/")
sabotage(question_sent_once src/wire/transport.c wire/cut cut__after_any_byte_the_question_is_answered
  BY "s/waiting = is_connected(client->dealer)/waiting = true/")
sabotage(prior_unsigned src/wire/envelope.c wire/chain chain__refuses_what_does_not_continue_it
  BY "s/if (identity_verify(key, tag, parts.object.data/if (0 \\&\\& identity_verify(key, tag, parts.object.data/")
sabotage(deaf_for_good src/wire/transport.c wire/return return__the_same_client_is_answered_again
  BY "s/now_ms() - alone >= TRANSPORT_HANDSHAKE_MS/0/")
sabotage(notes_of_any_size src/wire/relay.c wire/relay relay__takes_nothing_out_of_its_limits
  BY "s/if (size < 1 || size > RELAY_NOTE_MAX)/if (size < 1)/")
sabotage(parts_of_any_size src/wire/relay.c wire/relay relay__takes_nothing_out_of_its_limits
  BY "s/return is_sound(note)$/return 1/"
    "s/if (!is_sound(note))/if (0)/")
sabotage(any_neighbour src/wire/graph.c wire/graph graph__rings_are_those_of_another_implementation
  BY "s/words_next(words) & bits/words_next(words) % (max + 1ULL)/")
sabotage(adverts_withheld src/wire/graph.c wire/graph graph__parameters_hold_for_every_number_of_adverts
  BY "s/log2_tail(count - withheld,/log2_tail(count,/")
sabotage(missing_by_chance src/wire/graph.c wire/graph graph__withstands_a_coordinator_that_chooses_who_is_missing
  BY "s/graph_log2_split(count, corrupt, dropped,/graph_log2_split(count, corrupt + dropped, 0,/")
sabotage(policy_unsigned src/wire/policy.c wire/policy policy__any_changed_bit_is_noticed
  BY "s/if (identity_verify(block/if (0 \\&\\& identity_verify(block/")
sabotage(policy_of_anybody src/wire/amendment.c wire/amendment amendment__counts_the_pinned_officers_signatures
  BY "s/if (!policy_has_officer(pinned, policy_signer(after, i)))/if (0)/")
sabotage(second_officer_unasked src/wire/amendment.c wire/amendment amendment__every_line_has_its_looser_side
  BY "s/SIGNATURES_LOOSER 2/SIGNATURES_LOOSER 1/")
sabotage(floors_ignored src/wire/permit.c wire/permit permit__terms_on_every_floor
  BY "s/return number >= conf_integer(.*, name)/return true/")
sabotage(period_ignored src/wire/permit.c wire/permit permit__costs_up_to_the_caps
  BY "/^enum reason permit_period/,/^}/s/mu2 <= cap/true/")
