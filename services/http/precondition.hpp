// Conditional requests (RFC 9110 13): compares what the client has with what we have.
#pragma once

#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>

namespace coax::services {

// Both identify one state of a file.
struct validators {
    std::string etag;          // strong, with its quotes
    std::time_t modified = 0;  // whole seconds, as Last-Modified says it
};

// Values of the fields; empty: absent.
struct condition_fields {
    std::string_view if_match = {};
    std::string_view if_none_match = {};
    std::string_view if_modified_since = {};
    std::string_view if_unmodified_since = {};
    std::string_view if_range = {};
};

enum class precondition : std::uint8_t {
    proceed,
    not_modified,  // status 304
    failed,        // status 412
};

// For GET and HEAD of an existing representation, in the order of RFC 9110 13.2.2.
precondition evaluate(const condition_fields& fields, const validators& ours, std::time_t now);

// False: the Range field is to be ignored, as the client's part is of another state.
bool range_applies(const condition_fields& fields, const validators& ours, std::time_t now);

}  // namespace coax::services
