# The models that come with the program: as C, made by a program of the stages from text to
# streams (src/model/generate.h), and as texts (src/model/library_main.c).

set(stages unit token parser formula statement parse print names measure check dag derivative switching order compile sensitivity registers program listing
  generated model generate generate_main)
list(TRANSFORM stages REPLACE "(.+)" "src/model/\\1.c")
add_executable(generate ${stages})
target_include_directories(generate PRIVATE include src/model)
target_link_libraries(generate PRIVATE floor_numerics)
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/generated)

# as_c(<array> <sources> <text>...): each text as C, and the array of them; <sources> is set to
# the files.
function(as_c array sources)
  set(files ${CMAKE_BINARY_DIR}/generated/${array}.c)
  foreach(text ${ARGN})
    cmake_path(GET text STEM name)
    set(file ${CMAKE_BINARY_DIR}/generated/${name}.c)
    add_custom_command(OUTPUT ${file} COMMAND generate ${text} ${file} DEPENDS generate ${text})
    list(APPEND files ${file})
    string(APPEND declared "extern const struct generated generated_${name};\n")
    string(APPEND index "&generated_${name}, ")
  endforeach()
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/${array}.c CONTENT "#include \"generated.h\"\n
extern const struct generated *const ${array}[];
${declared}const struct generated *const ${array}[] = {${index}NULL};\n")
  set(${sources} ${files} PARENT_SCOPE)
endfunction()

file(GLOB texts CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/models/*/*.twin)
file(GLOB bench_texts CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/bench/*.twin)
as_c(generated_models GENERATED ${texts} ${bench_texts})

add_executable(shelve src/model/library_main.c)
target_include_directories(shelve PRIVATE src/model)
target_link_libraries(shelve PRIVATE floor_base)
set(shelf ${CMAKE_BINARY_DIR}/generated/library_shelf.c)
list(TRANSFORM texts REPLACE "^${CMAKE_SOURCE_DIR}/models/(.*)[.]twin$" "\\1" OUTPUT_VARIABLE names)
add_custom_command(OUTPUT ${shelf} COMMAND shelve ${shelf} ${CMAKE_SOURCE_DIR}/models ${names}
  DEPENDS shelve ${texts})
list(APPEND GENERATED ${shelf})
