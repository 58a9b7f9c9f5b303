// Digest and capture.
#include "tests/sim/swarm/witness.hpp"

#include "stack/wire/bytes.hpp"

namespace coax::sim {

// Words in little-endian order whatever the machine.
void witness::add(stack::const_bytes bytes) noexcept {
    const std::byte* at = bytes.data();
    std::size_t left = bytes.size();
    for (; left >= 8; left -= 8, at += 8) {
        auto word = stack::wire::load_native<std::uint64_t>(at);
        if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
        add(word);
    }
    std::uint64_t rest = left;
    while (left-- != 0) rest = rest << 8 | std::to_integer<std::uint64_t>(at[left]);
    add(rest);
}

// A capture of virtual time begins on the first of January 2000.
std::uint64_t witness::wall_time() const noexcept {
    constexpr std::uint64_t year_2000 = 946'684'800'000'000'000U;
    return year_2000 + static_cast<std::uint64_t>((time_.now() - schedule::beginning).count());
}

bool witness::capture(const std::string& path, const nic& of) {
    file_ = std::make_unique<backends::pcapng_writer>();
    captured_ = &of;
    return !file_->open(path, "sim");
}

void witness::on_sent(nic& by, const frame& sent) {
    ++frames_;
    add(static_cast<std::uint64_t>(time_.now().time_since_epoch().count()));
    add(sent.bytes());
    if (&by == captured_)
        file_->write(backends::capture_direction::outbound, wall_time(), sent.bytes());
    flows_.on_sent(by, sent);
}

void witness::on_taken(nic& by, const frame& taken) {
    if (&by == captured_)
        file_->write(backends::capture_direction::inbound, wall_time(), taken.bytes());
    flows_.on_taken(by, taken);
}

}  // namespace coax::sim
