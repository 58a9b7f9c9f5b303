// How a broken invariant ends the program, so that libFuzzer keeps the input.
#include <cinttypes>
#include <cstdio>
#include <cstdlib>

#include "tests/fuzz/target.hpp"

namespace coax::fuzz {

void expect(bool holds, const char* what, std::source_location where) {
    if (holds) return;
    std::fprintf(stderr, "%s:%" PRIuLEAST32 ": broken: %s\n", where.file_name(), where.line(),
                 what);
    std::fflush(stderr);
    std::abort();
}

bool is_tracing() {
    static const bool on = std::getenv("COAX_FUZZ_TRACE") != nullptr;
    return on;
}

}  // namespace coax::fuzz
