# The models of the house, a test for each folder of them: against what is published about
# them, differences in extended precision, and CVODES alone.
add_library(models_machinery STATIC tests/models/figures.c tests/models/courses.c
  tests/models/folder.c tests/models/spreads.c)
target_include_directories(models_machinery PRIVATE src/model tests/support tests/model)
target_compile_definitions(models_machinery PRIVATE SOURCE_DIR="${CMAKE_SOURCE_DIR}")
target_link_libraries(models_machinery PUBLIC floor_model SUNDIALS::cvodes PkgConfig::CMOCKA)
file(GLOB texts CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/models/*/*.twin)
list(TRANSFORM texts REPLACE "^.*/models/(.*)/.*$" "\\1" OUTPUT_VARIABLE fields)
list(REMOVE_DUPLICATES fields)
foreach(field ${fields})
  test_program(test_models_${field} models/${field} SEES src/model tests/model LINK models_machinery)
endforeach()

# What each of them says of itself.
test_program(test_models_library models/library SEES src/model tests/model LINK floor_model)
# What may be tried, at its ends.
test_program(test_models_extremes models/extremes SEES src/model tests/model LINK floor_model)
# What goes in is there, or has left.
test_program(test_models_balance models/balance SEES src/model tests/model LINK floor_model)

script(models/fits models/fits.sh ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})

# Every model that comes with the program is sound.
foreach(text ${texts})
  cmake_path(GET text STEM name)
  add_test(NAME models/${name} COMMAND gemel-node model check ${text})
endforeach()
