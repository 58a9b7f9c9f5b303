// DNS messages (RFC 1035 4): a question becomes bytes, bytes become what they say to it. The
// parsing of records and compressed names is libresolv's (<arpa/nameser.h>); what may be believed
// of them is decided here. Knows no socket and no time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "framework/resolver/question.hpp"

namespace coax::detail::dns {

// Asks a recursive server. Empty: the name has no form in DNS.
std::vector<std::byte> make_query(const question& asked, std::uint16_t id);

struct reply {
    enum class kind : std::uint8_t {
        foreign,    // not to this question (another identifier, name or type): no reply at all
        truncated,  // the whole must be asked for by TCP
        broken,     // of the right server, but nothing can be made of it
        failure,    // the server cannot say: SERVFAIL, or it does not care for the name
        refusal,    // the server does not want to: REFUSED, FORMERR, NOTIMP
        answer,     // `content`: found, no_name or no_data
    };
    kind what = kind::foreign;
    answer content;
};

// Reads what came for a question. Only records on the way from the name asked for, over aliases, to
// the data are looked at (at most 16 aliases, 64 addresses); others may say what they want.
reply read_reply(std::span<const std::byte> message, const question& asked, std::uint16_t id);

}  // namespace coax::detail::dns
