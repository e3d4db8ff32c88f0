# Performance, beside what a user would pick instead; built with everything, run by hand.
add_executable(bench_privacy bench/privacy.c)
target_link_libraries(bench_privacy PRIVATE floor_privacy)
set_target_properties(bench_privacy PROPERTIES OUTPUT_NAME privacy
  RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
add_executable(bench_secagg bench/secagg.c bench/measure.c bench/partners.c)
target_link_libraries(bench_secagg PRIVATE roof_sim PkgConfig::SODIUM)
set_target_properties(bench_secagg PROPERTIES OUTPUT_NAME secagg
  RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
add_executable(bench_engine bench/engine.c bench/peak.c bench/population.c)
set_source_files_properties(bench/peak.c PROPERTIES COMPILE_OPTIONS -ffp-contract=fast)
target_include_directories(bench_engine PRIVATE ${CMAKE_SOURCE_DIR} tests/support)
target_link_libraries(bench_engine PRIVATE roof_sim)
target_compile_definitions(bench_engine PRIVATE SOURCE_DIR="${CMAKE_SOURCE_DIR}")
set_target_properties(bench_engine PROPERTIES OUTPUT_NAME engine
  RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
# The same peers by CVODES as its manual has it, instead of numerics/ode.
add_executable(bench_engine_ordinary bench/engine.c bench/ordinary.c bench/peak.c bench/population.c)
target_include_directories(bench_engine_ordinary PRIVATE ${CMAKE_SOURCE_DIR} tests/support)
target_link_libraries(bench_engine_ordinary PRIVATE roof_sim SUNDIALS::cvodes)
target_compile_definitions(bench_engine_ordinary PRIVATE SOURCE_DIR="${CMAKE_SOURCE_DIR}"
  ORDINARY="$<TARGET_FILE:bench_engine_ordinary>")
set_target_properties(bench_engine_ordinary PROPERTIES OUTPUT_NAME engine_ordinary
  RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
target_compile_definitions(bench_engine PRIVATE ORDINARY="$<TARGET_FILE:bench_engine_ordinary>")
add_dependencies(bench_engine bench_engine_ordinary)
# And with CVODES of its own, for this processor: cmake -D SUNDIALS_SOURCE=<unpacked source>.
set(SUNDIALS_SOURCE "" CACHE PATH "source of SUNDIALS, for bench/engine_rebuilt")
if(SUNDIALS_SOURCE)
  foreach(part cvodes sundials nvector/serial sunmatrix/dense sunmatrix/band sunlinsol/dense
      sunlinsol/band sunnonlinsol/newton sunnonlinsol/fixedpoint)
    file(GLOB files ${SUNDIALS_SOURCE}/src/${part}/*.c)
    list(APPEND sundials_files ${files})
  endforeach()
  list(FILTER sundials_files EXCLUDE REGEX "xbraid|/fsun[a-z]*_|/fnvector_|futils")
  # As the package is configured, but for MPI.
  find_file(SUNDIALS_CONFIG_HEADER sundials/sundials_config.h REQUIRED)
  file(READ ${SUNDIALS_CONFIG_HEADER} config)
  string(REGEX REPLACE "#define SUNDIALS_MPI_ENABLED[^\n]*" "" config "${config}")
  file(WRITE ${CMAKE_BINARY_DIR}/sundials/sundials/sundials_config.h "${config}")
  add_library(sundials_rebuilt STATIC ${sundials_files})
  target_include_directories(sundials_rebuilt PRIVATE ${CMAKE_BINARY_DIR}/sundials
    ${SUNDIALS_SOURCE}/include ${SUNDIALS_SOURCE}/src/sundials
    ${SUNDIALS_SOURCE}/src/cvodes)
  target_link_libraries(sundials_rebuilt PRIVATE SUNDIALS::cvodes)
  target_compile_options(sundials_rebuilt PRIVATE -w -O3 -march=native
    -ffp-contract=fast)
  add_executable(bench_engine_rebuilt bench/engine.c bench/peak.c bench/population.c)
  target_include_directories(bench_engine_rebuilt PRIVATE ${CMAKE_SOURCE_DIR} tests/support)
  target_link_libraries(bench_engine_rebuilt PRIVATE
    "$<LINK_LIBRARY:WHOLE_ARCHIVE,sundials_rebuilt>" roof_sim)
  target_compile_definitions(bench_engine_rebuilt PRIVATE SOURCE_DIR="${CMAKE_SOURCE_DIR}"
    ORDINARY="$<TARGET_FILE:bench_engine_ordinary>")
  set_target_properties(bench_engine_rebuilt PROPERTIES OUTPUT_NAME engine_rebuilt
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
  target_compile_definitions(bench_engine PRIVATE REBUILT="$<TARGET_FILE:bench_engine_rebuilt>")
  add_dependencies(bench_engine bench_engine_rebuilt)
endif()
add_executable(bench_store bench/store.c)
target_link_libraries(bench_store PRIVATE roof_node)
target_compile_definitions(bench_store PRIVATE SOURCE_DIR="${CMAKE_SOURCE_DIR}")
set_target_properties(bench_store PROPERTIES OUTPUT_NAME store
  RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
add_executable(bench_streams bench/streams.c)
target_include_directories(bench_streams PRIVATE src/model)
target_link_libraries(bench_streams PRIVATE floor_model)
target_compile_definitions(bench_streams PRIVATE SOURCE_DIR="${CMAKE_SOURCE_DIR}")
set_target_properties(bench_streams PROPERTIES OUTPUT_NAME streams
  RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
add_executable(bench_utility bench/utility.c)
target_link_libraries(bench_utility PRIVATE floor_model floor_privacy)
set_target_properties(bench_utility PROPERTIES OUTPUT_NAME utility
  RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
