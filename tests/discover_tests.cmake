# coax_discover_tests(target LABEL label): each Catch2 test case of a program becomes a ctest test
# "label: name". ctest asks the program for its names when it starts, so that a build runs nothing.
# Unlike Catch2's own module it takes every character that a name may hold, `;` included.
function(coax_discover_tests target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "LABEL" "")
  set(script "${CMAKE_CURRENT_BINARY_DIR}/${target}.ctest.cmake")
  file(GENERATE OUTPUT "${script}" CONTENT
"set(program [==[$<TARGET_FILE:${target}>]==])
set(label [==[${arg_LABEL}]==])
include([==[${PROJECT_SOURCE_DIR}/tests/list_test_cases.cmake]==])
")
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES "${script}")
endfunction()
