# Runs `bpftool gen skeleton` with its output in a file; an error leaves no half-written header.
execute_process(COMMAND "${BPFTOOL}" gen skeleton "${OBJECT}" name "${NAME}"
  OUTPUT_FILE "${HEADER}.part" RESULT_VARIABLE status ERROR_VARIABLE message)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "bpftool gen skeleton ${OBJECT}: ${message}")
endif()
file(RENAME "${HEADER}.part" "${HEADER}")
