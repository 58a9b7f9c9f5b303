# Language level, output places, sanitizers and warnings for every target of coax.
# coax_warnings is linked PRIVATE by our own targets; third-party objects do not get it.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

if(PROJECT_IS_TOP_LEVEL)
  set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
  set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib")
  if(NOT CMAKE_CXX_COMPILER_LAUNCHER)
    find_program(COAX_CCACHE ccache)
    if(COAX_CCACHE)
      set(CMAKE_CXX_COMPILER_LAUNCHER "${COAX_CCACHE}")
    endif()
  endif()
endif()

if(COAX_SANITIZE)
  add_compile_options(-fsanitize=${COAX_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${COAX_SANITIZE})
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Our functions are not replaced at load time: calls between them may be inlined (clang's rule).
  add_compile_options(-fdiagnostics-color=auto -fno-semantic-interposition)
endif()

add_library(coax_warnings INTERFACE)
target_compile_options(coax_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast
  -Wnon-virtual-dtor -Woverloaded-virtual -Wcast-align -Wformat=2 -Wunused
  -Wimplicit-fallthrough -Wextra-semi -Wundef
  $<$<CXX_COMPILER_ID:GNU>:-Wduplicated-cond -Wduplicated-branches -Wlogical-op -Wuseless-cast>
  # An executor's operator== is asked for by a concept and may never be called: clang's
  # -Wunneeded-internal-declaration reports that for executors of an unnamed namespace.
  $<$<CXX_COMPILER_ID:Clang>:-Wno-unneeded-internal-declaration>
  # -Wrestrict of gcc 12 reports every `"text" + std::string` (gcc bug 105651, mended in 13).
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
  $<$<BOOL:${COAX_WERROR}>:-Werror>)
