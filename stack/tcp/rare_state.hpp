// What few connections have: options that the user set to other values than the configured ones,
// and what they bring with them. A connection without any owns no such block. Data only.
#pragma once

#include <cstdint>

#include "stack/base/time.hpp"
#include "stack/tcp/record_ends.hpp"
#include "stack/tcp/sequence.hpp"

namespace coax::stack::tcp {

struct core;
struct connection;

struct rare_state {
    explicit rare_state(std::uint32_t pool_index) noexcept : index(pool_index) {}

    std::uint32_t index;
    // --- set by the user; a listener's are those of its connections
    std::uint32_t user_timeout = 0;      // milliseconds; 0: as configured
    duration linger{};                   // zero: as long as it takes
    duration keep_alive_idle{};          // zero: as configured
    duration keep_alive_interval{};      // zero: as configured
    std::uint8_t keep_alive_probes = 0;  // 0: as configured
    std::uint8_t hops = 0;               // time to live of what is sent; 0: as configured
    std::uint16_t mss_limit = 0;         // largest segment, either way; 0: as the path permits
    bool corked = false;                 // only full segments go, until cork_max has passed
    bool urgent_inline = false;          // the urgent octet stays in the stream
    // --- of this connection alone
    // The path's MTU (mtu_search.hpp), bytes of IP packet.
    std::uint16_t mtu_limit = 0;    // what passes; 0: whatever the route says
    std::uint16_t mtu_ceiling = 0;  // the search ends here; 0: none
    std::uint16_t mtu_probe = 0;    // in flight; 0: none
    bool mtu_failed = false;        // a probe was lost in this search
    std::uint32_t mtu_since = 0;    // seconds, when the limit was last changed or confirmed
    bool mtu_resent = false;        // something was sent again since the probe was sent
    seq mtu_probe_end;
    bool more = false;      // the last send() promised more: held back as by the cork
    bool push_due = false;  // what is held back goes nevertheless
    bool expired = false;   // ... because the cork's time is over
    seq more_since;         // SND.UNA at that promise: what acknowledges more ends the wait
    record_ends records;    // of what is not sent yet
    // Urgent data (urgent.hpp). Sent: up to this one, not acknowledged. Received: the mark, at the
    // octet before it.
    enum class urgent_octet : std::uint8_t { none, here, taken };
    bool urgent_sent = false;
    urgent_octet urgent = urgent_octet::none;
    seq urgent_end;
    seq urgent_at;
};

// The block of `c`, made when it has none. nullptr: no memory (counted).
rare_state* rare_of(core& k, connection& c) noexcept;
// A connection of a listener begins with the listener's options.
void inherit_options(core& k, connection& c, const connection& listener) noexcept;

}  // namespace coax::stack::tcp
