# The tests beyond one a noun (floor() and roof() in CMakeLists.txt), and the functions that the
# tests.cmake of each folder is written in: there stand its further tests, and its spoilt builds.

find_program(PYTHON3 NAMES python3 PATHS /usr/bin NO_DEFAULT_PATH)
if(NOT PYTHON3)
  message(STATUS "no python3: the protocol's second implementations are not run")
endif()

# script(<test> <command>...): a test that is a script of tests/, and its arguments.
function(script name file)
  add_test(NAME ${name} COMMAND ${CMAKE_SOURCE_DIR}/tests/${file} ${ARGN})
  set_tests_properties(${name} PROPERTIES TIMEOUT 300)
endfunction()

# python(<test> <command>...): the same in Python, where there is one.
function(python name file)
  if(PYTHON3)
    add_test(NAME ${name} COMMAND ${PYTHON3} ${CMAKE_SOURCE_DIR}/tests/${file} ${ARGN})
    set_tests_properties(${name} PROPERTIES TIMEOUT 300)
  endif()
endfunction()

# nightly(<target>...): the long form of tests: test.sh --nightly, or ctest -L nightly.
function(nightly)
  foreach(target ${ARGN})
    string(REGEX REPLACE "^test_" "" name ${target})
    add_test(NAME nightly/${name} COMMAND ${target} nightly)
    set_tests_properties(nightly/${name} PROPERTIES TIMEOUT 20000 LABELS nightly)
  endforeach()
endfunction()

# fuzz(<name> COUNT <mutations> [SEEDS <folder>] LINK <library>...)
#
# What reads bytes from outside, with arbitrary ones: with FUZZ under a fuzzer, for as long as
# somebody lets it run; without, as a test, with so many mutations of its seeds.
function(fuzz name)
  cmake_parse_arguments(F "" "COUNT;SEEDS" "LINK" ${ARGN})
  add_executable(fuzz_${name} tests/fuzz/fuzz_${name}.c)
  target_link_libraries(fuzz_${name} PRIVATE ${F_LINK})
  if(FUZZ)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  else()
    target_sources(fuzz_${name} PRIVATE tests/fuzz/driver.c)
    add_test(NAME fuzz/${name} COMMAND fuzz_${name} ${F_COUNT} ${F_SEEDS})
    set_tests_properties(fuzz/${name} PROPERTIES TIMEOUT 300)
  endif()
endfunction()

# sabotage(<name> <source> <test> <function> [INCLUDED] BY <sed expression>...)
#
# A build that must go red: the test's program with a spoilt copy of the source, passing when
# the named function (or what looks after it) fails, or the program ends in it (cmocka exits at
# an assertion in a thread of the test's; after one in the test a thread may crash before it is
# reported). No other test is run. INCLUDED: the test includes the source itself, by the name SPOILT where that is
# defined.
function(sabotage name source test function)
  cmake_parse_arguments(S "INCLUDED" "" "BY" ${ARGN})
  set(spoilt ${CMAKE_BINARY_DIR}/sabotage/${name}.c)
  add_custom_command(OUTPUT ${spoilt} VERBATIM
    COMMAND tests/sabotage.sh ${source} ${spoilt} ${S_BY}
    DEPENDS ${source} tests/sabotage.sh WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  string(REPLACE "/" ";" of_test ${test})
  list(GET of_test 0 folder)
  list(GET of_test 1 noun)
  set(program test_${folder}_${noun})
  if(NOT TARGET ${program})
    set(program test_${noun})
  endif()
  if(S_INCLUDED)
    add_executable(sabotage_${name} tests/${folder}/test_${noun}.c)
    target_sources(sabotage_${name} PRIVATE ${spoilt})
    set_source_files_properties(${spoilt} PROPERTIES HEADER_FILE_ONLY TRUE)
    target_compile_definitions(sabotage_${name} PRIVATE SPOILT="${spoilt}")
    target_include_directories(sabotage_${name} PRIVATE tests/support)
  else()
    add_executable(sabotage_${name} ${spoilt} $<TARGET_OBJECTS:${program}>)
  endif()
  # The spoilt object comes before the libraries, so that they are not asked for the sound one.
  get_target_property(linked ${program} LINK_LIBRARIES)
  string(REGEX REPLACE "[$]<LINK_LIBRARY:WHOLE_ARCHIVE,([a-z_]+)>" "\\1" linked "${linked}")
  get_filename_component(place ${source} DIRECTORY)
  get_filename_component(library ${place} NAME)
  if(TARGET roof_${library})
    set(library roof_${library})
  else()
    set(library floor_${library})
  endif()
  get_target_property(beneath ${library} LINK_LIBRARIES)
  target_link_libraries(sabotage_${name} PRIVATE ${linked} ${library} ${beneath})
  target_include_directories(sabotage_${name} PRIVATE ${place})
  target_compile_options(sabotage_${name} PRIVATE -w)
  target_link_options(sabotage_${name} PRIVATE -Wl,--strip-debug) # two hundred programs of 10 MB
  # Through a shell, for which a program that crashes is one that ends.
  add_test(NAME sabotage/${name} COMMAND sh -c "\"$0\" \"$1\"; exit $?"
    $<TARGET_FILE:sabotage_${name}> ${function})
  set_tests_properties(sabotage/${name} PROPERTIES TIMEOUT 300
    PASS_REGULAR_EXPRESSION "FAILED  . ${function};ERROR   . ${function};RUN      . ${function}[\n]+.  ERROR;RUN      . ${function}[\n]*(Segmentation fault[^\n]*[\n]*)?$")
  if(SANITIZE) # they say nothing of the sources, and take 20 GB
    set_target_properties(sabotage_${name} PROPERTIES EXCLUDE_FROM_ALL TRUE)
    set_tests_properties(sabotage/${name} PROPERTIES DISABLED TRUE)
  endif()
endfunction()
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/sabotage)

foreach(folder base model models privacy wire node coordinator sim spin fuzz cli)
  include(tests/${folder}/tests.cmake)
endforeach()
include(tests/house.cmake) # last: it asks for the names of all tests
