// What rare state changes about the new data that may go: ends of records, urgent data, and what
// was held back. Nothing of it is asked of a connection without such state.
#pragma once

#include "stack/tcp/core.hpp"

namespace coax::stack::tcp {

struct new_data_limits {
    std::uint32_t unsent = 0;  // bytes up to the end of a record, or all
    bool ends_record = false;
    bool in_one_piece = false;  // no super-segment: each segment tells its own urgent pointer
};

// Of `unsent` bytes; what lies behind the end of a record waits for a segment of its own.
[[gnu::noinline]] new_data_limits limit_new_data(core& k, connection& c,
                                                 std::uint32_t unsent) noexcept;
// Does a small segment not wait? Records that have ended, urgent data (as Linux), and what was held
// back long enough.
[[gnu::noinline]] bool is_pressing(connection& c, bool ends_record) noexcept;
// New data is in `out`; `all`: up to the end of a record, or all there is.
[[gnu::noinline]] void finish_rare_data(connection& c, bool all, bool ends_record,
                                        transmission& record, segment& out) noexcept;

}  // namespace coax::stack::tcp
