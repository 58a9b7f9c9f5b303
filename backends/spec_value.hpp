// The values of a specification string: numbers, shares, durations, switches, addresses. Knows
// neither keys nor kinds; each reader answers an empty text or what would have been right.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "stack/base/address.hpp"
#include "stack/base/time.hpp"

namespace coax::backends {

// "" when `text` was read into `target`; else a phrase to stand behind `key=value: `.
std::string read_number(std::string_view text, std::uint64_t least, std::uint64_t most,
                        std::uint64_t& target);
std::string read_number(std::string_view text, unsigned least, unsigned most, unsigned& target);
// A share, 0..1.
std::string read_share(std::string_view text, double& target);
// Any decimal fraction of at least `least`.
std::string read_factor(std::string_view text, double least, double& target);
// A number with its unit: ns, us, ms or s. At most one hour.
std::string read_duration(std::string_view text, stack::duration& target);
std::string read_switch(std::string_view text, bool& target);  // on, off
// A host's address with the length of its network's prefix: "198.18.0.2/24".
std::string read_host_prefix(std::string_view text, stack::ip_prefix& target);
// A host's address.
std::string read_host(std::string_view text, stack::ip_address& target);
// The same with a port, or without one: "198.18.0.1", "198.18.0.1:53", "[fd00::1]:53".
std::string read_host_endpoint(std::string_view text, std::uint16_t default_port,
                               stack::endpoint& target);
// Labels of letters, digits, '-' and '_' between dots, 253 bytes at most.
bool is_domain(std::string_view text);

// One word of a list.
template <class Value, std::size_t Size>
std::string read_word(std::string_view text,
                      const std::array<std::pair<std::string_view, Value>, Size>& words,
                      Value& target) {
    std::string expected = "must be ";
    for (std::size_t i = 0; i != Size; ++i) {
        if (words[i].first == text) {
            target = words[i].second;
            return {};
        }
        if (i != 0) expected += i + 1 == Size ? " or " : ", ";
        expected += words[i].first;
    }
    return expected;
}

}  // namespace coax::backends
