# XDP programs: compiled by clang for the BPF machine at build time, and embedded in the library as
# a skeleton header, so that the program carries them and needs no file at run time.
# backends/xdp/steer.bpf.c becomes  #include "backends/xdp/steer.skel.h"  with `struct steer` and
# steer__open(), steer__load(), steer__destroy().

# coax_add_bpf_skeletons(target source...): the sources' skeletons become includable in `target`.
function(coax_add_bpf_skeletons target)
  if(NOT ARGN)
    return()
  endif()
  find_program(COAX_BPF_CLANG NAMES clang-19 clang REQUIRED)
  find_program(COAX_BPFTOOL bpftool PATHS /usr/sbin /sbin REQUIRED)
  # The multiarch directory holds <asm/types.h>, which no search path of the BPF target contains.
  set(multiarch "")
  if(CMAKE_LIBRARY_ARCHITECTURE)
    set(multiarch -idirafter "/usr/include/${CMAKE_LIBRARY_ARCHITECTURE}")
  endif()
  set(generated_root "${CMAKE_BINARY_DIR}/generated")
  set(headers "")
  foreach(source IN LISTS ARGN)
    cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}" NORMALIZE)
    cmake_path(RELATIVE_PATH source BASE_DIRECTORY "${PROJECT_SOURCE_DIR}" OUTPUT_VARIABLE relative)
    string(REGEX REPLACE "\\.bpf\\.c$" "" stem "${relative}")
    cmake_path(GET stem FILENAME name)
    cmake_path(GET stem PARENT_PATH directory)
    set(object "${generated_root}/${stem}.bpf.o")
    set(header "${generated_root}/${stem}.skel.h")
    file(MAKE_DIRECTORY "${generated_root}/${directory}")
    # -g is needed: the map definitions are read from BTF.
    add_custom_command(OUTPUT "${object}"
      COMMAND "${COAX_BPF_CLANG}" -target bpf -O2 -g -Wall -Wextra -Werror ${multiarch}
              -I "${PROJECT_SOURCE_DIR}" -MD -MF "${object}.d" -MT "${object}"
              -c "${source}" -o "${object}"
      DEPENDS "${source}" DEPFILE "${object}.d"
      COMMENT "BPF ${relative}" VERBATIM)
    add_custom_command(OUTPUT "${header}"
      COMMAND "${CMAKE_COMMAND}" -DBPFTOOL=${COAX_BPFTOOL} -DOBJECT=${object} -DNAME=${name}
              -DHEADER=${header} -P "${PROJECT_SOURCE_DIR}/backends/xdp/write_skeleton.cmake"
      DEPENDS "${object}" "${PROJECT_SOURCE_DIR}/backends/xdp/write_skeleton.cmake"
      COMMENT "BPF skeleton ${stem}.skel.h" VERBATIM)
    list(APPEND headers "${header}")
  endforeach()
  add_custom_target(${target}_skeletons DEPENDS ${headers})
  add_dependencies(${target} ${target}_skeletons)
  if(TARGET coax_generated)
    add_dependencies(coax_generated ${target}_skeletons)
  endif()
  # SYSTEM: generated text is not held to our warnings.
  target_include_directories(${target} SYSTEM PRIVATE "${generated_root}")
endfunction()
