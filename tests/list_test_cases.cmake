# Read by ctest, once for each test program: `program` is its path, `label` its area.
# A program that is missing, or cannot tell its names, becomes one test that fails.
set(names "")
set(status "not built")
if(EXISTS "${program}")
  # The exit status is the number of test cases, or 255 for an error.
  execute_process(COMMAND "${program}" --list-test-names-only
    OUTPUT_VARIABLE names RESULT_VARIABLE status ERROR_VARIABLE message)
endif()
if(names STREQUAL "" OR NOT status MATCHES "^[0-9]+$")
  add_test("${label}: the test program lists its cases" "${program}" --list-test-names-only)
  set_tests_properties("${label}: the test program lists its cases" PROPERTIES
    PASS_REGULAR_EXPRESSION "a line that no program prints" LABELS "${label}")
endif()

while(NOT names STREQUAL "")
  string(FIND "${names}" "\n" end)
  if(end EQUAL -1)
    string(LENGTH "${names}" end)
  endif()
  string(SUBSTRING "${names}" 0 ${end} name)
  math(EXPR end "${end} + 1")
  string(LENGTH "${names}" length)
  if(end GREATER length)
    set(end ${length})
  endif()
  string(SUBSTRING "${names}" ${end} -1 names)
  if(NOT name STREQUAL "")
    # Letters that mean something in a pattern of Catch2.
    string(REGEX REPLACE "([][,\\\\*\"])" "\\\\\\1" pattern "${name}")
    # NoTests: a name that Catch2 takes for a pattern and does not find must fail, not pass.
    add_test("${label}: ${name}" "${program}" "${pattern}" --warn NoTests)
    set_tests_properties("${label}: ${name}" PROPERTIES TIMEOUT 120 LABELS "${label}")
  endif()
endwhile()
