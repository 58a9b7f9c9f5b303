// Texts of the error codes.
#include "stack/base/result.hpp"

namespace coax::stack {

std::string_view to_string(error code) noexcept {
    switch (code) {
        case error::none: return "success";
        case error::would_block: return "operation would block";
        case error::end_of_stream: return "end of stream";
        case error::not_connected: return "not connected";
        case error::already_connected: return "already connected";
        case error::connection_refused: return "connection refused";
        case error::connection_reset: return "connection reset by peer";
        case error::connection_aborted: return "connection aborted";
        case error::broken_pipe: return "broken pipe";
        case error::timed_out: return "timed out";
        case error::host_unreachable: return "host unreachable";
        case error::network_unreachable: return "network unreachable";
        case error::address_in_use: return "address in use";
        case error::address_not_available: return "address not available";
        case error::address_family_not_supported: return "address family not supported";
        case error::invalid_argument: return "invalid argument";
        case error::bad_handle: return "bad socket handle";
        case error::no_buffer_space: return "no buffer space";
        case error::message_too_long: return "message too long";
        case error::operation_not_supported: return "operation not supported";
        case error::access_denied: return "access denied";
    }
    return "unknown error";
}

}  // namespace coax::stack
