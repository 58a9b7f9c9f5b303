// Hand-made frames for the tests of the media: sending one through a device, and what arrives.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <catch2/catch.hpp>

#include "stack/base/payload.hpp"
#include "stack/device.hpp"

namespace wire_test {

// An IPv4-typed frame whose body is `text`.
inline std::vector<std::byte> make_frame(const coax::stack::mac_address& to,
                                         const coax::stack::mac_address& from,
                                         std::string_view text) {
    std::vector<std::byte> frame;
    frame.reserve(14 + text.size());
    for (const auto octet : to.octets) frame.push_back(std::byte{octet});
    for (const auto octet : from.octets) frame.push_back(std::byte{octet});
    frame.push_back(std::byte{0x08});
    frame.push_back(std::byte{0x00});
    for (const char c : text) frame.push_back(static_cast<std::byte>(c));
    return frame;
}

// False: the device lent no slot.
inline bool send(coax::stack::device& device, const std::vector<std::byte>& frame) {
    std::array<coax::stack::tx_slot, 1> slot;
    if (device.reserve(slot) == 0) return false;
    REQUIRE(slot[0].capacity >= frame.size());
    std::memcpy(slot[0].data, frame.data(), frame.size());
    slot[0].length = static_cast<std::uint32_t>(frame.size());
    device.transmit(slot);
    return true;
}

inline bool send(coax::stack::device& device, const coax::stack::mac_address& to,
                 std::string_view text) {
    return send(device, make_frame(to, device.capabilities().address, text));
}

// The bodies of one burst of at most `most` frames.
inline std::vector<std::string> receive(coax::stack::device& device, std::size_t most = 64) {
    std::vector<coax::stack::rx_frame> frames(most);
    const std::size_t count = device.receive(frames);
    std::vector<std::string> bodies;
    for (std::size_t i = 0; i < count; ++i) {
        std::string body(frames[i].head.size() - 14, '\0');
        std::memcpy(body.data(), frames[i].head.data() + 14, body.size());
        bodies.push_back(std::move(body));
    }
    device.release();
    return bodies;
}

}  // namespace wire_test
