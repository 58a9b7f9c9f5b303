// The contents of test messages: made from connection, number and position, so that an answer that
// is late, early, torn, shifted or another's is told from the right one.
#pragma once

#include <cstdint>
#include <span>

namespace coax::services {

void fill_message(std::span<char> message, std::uint64_t connection,
                  std::uint64_t sequence) noexcept;

}  // namespace coax::services
