# The house itself: its rules, its pages, and what a run of the tests leaves.

# The rules, and a tree of planted offences that they must notice.
add_executable(tidy tests/tidy.c)
target_link_libraries(tidy PRIVATE floor_base)
add_test(NAME house/tidy COMMAND tidy ${CMAKE_SOURCE_DIR})
add_executable(test_tidy tests/test_tidy.c)
target_include_directories(test_tidy PRIVATE tests/support)
target_compile_definitions(test_tidy PRIVATE TIDY="$<TARGET_FILE:tidy>")
target_link_libraries(test_tidy PRIVATE floor_base PkgConfig::CMOCKA)
add_dependencies(test_tidy tidy)
add_test(NAME house/tidy_notices COMMAND test_tidy)
find_program(SHELLCHECK shellcheck)
if(SHELLCHECK)
  file(GLOB scripts CONFIGURE_DEPENDS *.sh certs/*.sh tests/suite.sh tests/sim/*.sh tests/spin/*.sh .ci/run)
  add_test(NAME house/shellcheck COMMAND ${SHELLCHECK} -x ${scripts}
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
endif()

# All headers of node/ and coordinator/ in one source and all their functions in one program,
# so that a name both sides use is an error of the compiler or the linker.
file(GLOB headers CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR} node/*.h coordinator/*.h)
list(TRANSFORM headers REPLACE "(.+)" "#include \"\\1\"\n")
list(JOIN headers "" headers)
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/roofs/roofs.h CONTENT "${headers}")
add_executable(test_roofs tests/test_roofs.c)
target_include_directories(test_roofs PRIVATE tests/support ${CMAKE_BINARY_DIR}/roofs)
target_link_libraries(test_roofs PRIVATE "$<LINK_LIBRARY:WHOLE_ARCHIVE,roof_node>"
  "$<LINK_LIBRARY:WHOLE_ARCHIVE,roof_coordinator>" PkgConfig::CMOCKA)
add_test(NAME house/roofs COMMAND test_roofs)

# The pages of docs/models are those of the models as they are.
add_test(NAME house/pages COMMAND ${CMAKE_SOURCE_DIR}/tests/pages.sh ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})

# What takes long begins first, so that nothing is left to one processor at the end.
set_tests_properties(sim/studies sim/consortium coordinator/porter PROPERTIES COST 3)
set_tests_properties(sim/storm sim/canary wire/transport PROPERTIES COST 2)
set_tests_properties(sim/reference_long cli/examples node/faults sim/rehearsal privacy/schedules PROPERTIES COST 1)

# No patient's field in whatever the tests leave: looked for when the last one has ended.
add_executable(marks tests/marks.c)
target_include_directories(marks PRIVATE tests/support)
string(SHA256 suite ${CMAKE_BINARY_DIR})
string(SUBSTRING ${suite} 0 8 suite)
execute_process(COMMAND ${CMAKE_SOURCE_DIR}/tests/suite.sh where OUTPUT_VARIABLE suite_folder
  OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
string(APPEND suite_folder /gemel-suite-${suite})
get_property(every_test DIRECTORY PROPERTY TESTS)
set_property(TEST ${every_test} APPEND PROPERTY ENVIRONMENT TMPDIR=${suite_folder})
set_property(TEST ${every_test} APPEND PROPERTY FIXTURES_REQUIRED suite)
add_test(NAME house/suite_begin COMMAND ${CMAKE_SOURCE_DIR}/tests/suite.sh begin
  $<TARGET_FILE:marks> ${CMAKE_BINARY_DIR} ${suite_folder})
add_test(NAME house/canaries COMMAND ${CMAKE_SOURCE_DIR}/tests/suite.sh end
  $<TARGET_FILE:marks> ${CMAKE_BINARY_DIR} ${suite_folder})
set_tests_properties(house/suite_begin PROPERTIES FIXTURES_SETUP suite)
set_tests_properties(house/canaries PROPERTIES FIXTURES_CLEANUP suite)

# What the pages name as evidence exists: every test registered above, every command.
get_property(every_test DIRECTORY PROPERTY TESTS)
list(JOIN every_test "\n" every_test)
file(WRITE ${CMAKE_BINARY_DIR}/tests/names.txt "${every_test}\nhouse/evidence\n")
file(GLOB compliance CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/docs/compliance/*.md)
add_test(NAME house/evidence COMMAND ${CMAKE_SOURCE_DIR}/tests/evidence.sh ${CMAKE_BINARY_DIR}
  ${CMAKE_BINARY_DIR}/tests/names.txt ${CMAKE_SOURCE_DIR}/docs/threats.md ${CMAKE_SOURCE_DIR}/tests/sabotage.md
  ${CMAKE_SOURCE_DIR}/docs/privacy.md ${compliance}
  ${CMAKE_SOURCE_DIR}/node/questions.c)
add_test(NAME house/evidence_notices COMMAND ${CMAKE_SOURCE_DIR}/tests/evidence.sh
  ${CMAKE_BINARY_DIR} ${CMAKE_BINARY_DIR}/tests/names.txt
  ${CMAKE_SOURCE_DIR}/tests/evidence_lost.md)
set_tests_properties(house/evidence_notices PROPERTIES PASS_REGULAR_EXPRESSION
  "lost.md: base/nowhere does.*lost.md: docs/nothing.md does.*lost.md: gemel-node study fry NAME does.*lost.md: log__lies does")
