// What DNS is asked and what it says, as values. Knows no bytes and no sockets.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <boost/asio/ip/address.hpp>

namespace coax::detail::dns {

// RFC 1035 3.2.2, RFC 3596 2.1: those that are asked for.
enum class record_type : std::uint16_t { a = 1, ptr = 12, aaaa = 28 };

struct question {
    std::string name;  // lower case, without the dot at its end (host_name.hpp)
    record_type type = record_type::a;

    friend bool operator==(const question&, const question&) = default;
};

struct question_hash {
    std::size_t operator()(const question& q) const noexcept {
        return std::hash<std::string>()(q.name) * 31 + static_cast<std::size_t>(q.type);
    }
};

struct answer {
    enum class kind : std::uint8_t {
        found,
        no_name,      // NXDOMAIN
        no_data,      // the name has nothing of this type
        unavailable,  // no server could say
        refused,      // the servers do not want to say
    };
    kind what = kind::unavailable;
    std::vector<boost::asio::ip::address> addresses;  // A, AAAA
    // A, AAAA: the canonical name, at the end of the aliases. PTR: the name of the address.
    std::string name;
    std::chrono::seconds lifetime{0};  // 0: not to be kept
};

}  // namespace coax::detail::dns
