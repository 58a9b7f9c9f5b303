// What a fuzz target is: one input in, nothing out. The same functions serve libFuzzer's programs
// and the test program that replays seeds and found inputs. Knows no protocol.
#pragma once

#include <cstddef>
#include <cstdint>
#include <source_location>
#include <span>
#include <string_view>
#include <vector>

namespace coax::fuzz {

using bytes = std::vector<std::byte>;
using const_bytes = std::span<const std::byte>;

// `run` must come back from any input, and does the same with it every time. `seeds` are inputs
// that reach far: what a fuzzer starts from.
struct target {
    std::string_view name;
    void (*run)(const_bytes input);
    std::vector<bytes> (*seeds)();
};

extern const target wire_target;
extern const target text_target;
extern const target names_target;
extern const target connection_target;
extern const target door_target;
extern const target stack_target;

// Ends the program, telling what did not hold and where. Not an assertion: release builds check
// too.
void expect(bool holds, const char* what,
            std::source_location where = std::source_location::current());

// With COAX_FUZZ_TRACE set: what an input does, on standard error, when it is replayed.
bool is_tracing();

}  // namespace coax::fuzz
