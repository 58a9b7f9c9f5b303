// Times and ranges as commands take them: rules that several commands share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "services/kv/command.hpp"

namespace coax::services::kv {

struct expiry_form {
    std::int64_t milliseconds;  // of a unit: 1000 for seconds
    bool absolute;              // Unix time; else from now on
    bool positive;              // zero and less are an error; else in the past
};

// Unix time in milliseconds of the argument; nothing: an error has been answered.
std::optional<std::int64_t> expiry_argument(call& c, std::size_t at, expiry_form form);

struct index_range {
    std::size_t first;
    std::size_t count;  // 0: nothing is meant
};

// What "first last", both included and from the end if negative, mean of `size` elements.
index_range clamp_range(std::int64_t first, std::int64_t last, std::size_t size) noexcept;

}  // namespace coax::services::kv
