// Joining and leaving a segment, names of segments, and the addresses handed out on one. Knows
// nothing of how frames move.

#include "backends/wire/segment.hpp"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <map>
#include <utility>

#include "backends/wire/port.hpp"

namespace coax::backends::wire {

namespace {

constexpr std::uint32_t ethernet_header_bytes = 14;
constexpr std::uint32_t gso_payload_max = 65280;  // below 64 KB with all headers
constexpr std::uint32_t gso_frame_bytes = gso_payload_max + 128;

struct named_segments {
    std::mutex mutex;
    std::map<std::string, std::weak_ptr<segment>> by_name;
};

named_segments& registry() {
    static named_segments segments;
    return segments;
}

// 02: locally administered. The name's hash tells segments apart in a capture.
stack::mac_address generated_address(const std::string& name, unsigned index) noexcept {
    std::uint32_t hash = 2166136261U;  // FNV-1a
    for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
    hash ^= hash >> 16;
    return {{0x02, 0xc0, 0xa0, static_cast<std::uint8_t>(hash >> 8),
             static_cast<std::uint8_t>(hash), static_cast<std::uint8_t>(index + 1)}};
}

const char* on_off(bool on) { return on ? "on" : "off"; }

}  // namespace

segment::segment(std::string name, const segment_options& options)
    : name_(std::move(name)), options_(options) {}

std::shared_ptr<segment> segment::create(const segment_options& options) {
    return std::shared_ptr<segment>(new segment("", options));
}

std::variant<std::shared_ptr<segment>, failure> segment::named(const std::string& name,
                                                               const segment_options& options) {
    named_segments& segments = registry();
    const std::lock_guard lock(segments.mutex);
    std::weak_ptr<segment>& entry = segments.by_name[name];
    if (std::shared_ptr<segment> existing = entry.lock()) {
        if (existing->options_ == options) return existing;
        return failure{"wire segment \"" + name +
                       "\" exists with gso=" + on_off(existing->options_.gso) +
                       ",full=" + (existing->options_.drop_when_full ? "drop" : "wait") +
                       ": give the same, or another name"};
    }
    std::shared_ptr<segment> made(new segment(name, options));
    entry = made;
    std::erase_if(segments.by_name, [](const auto& named) { return named.second.expired(); });
    return made;
}

std::optional<failure> segment::settle_addresses(port_options& options) const {
    const auto taken = [this](const stack::ip_address& address) {
        return std::any_of(members_.begin(), members_.end(), [&](const member& other) {
            return std::any_of(other.addresses.begin(), other.addresses.end(),
                               [&](const auto& own) { return own.address == address; });
        });
    };
    for (const stack::ip_prefix& own : options.addresses) {
        if (!taken(own.address)) continue;
        return failure{"address " + own.address.to_string() + " is taken on wire segment \"" +
                       name_ + "\": give another ip="};
    }
    if (!options.automatic_address || !options.addresses.empty()) return std::nullopt;
    for (unsigned host = 1; host < 255; ++host) {
        const auto next = stack::ip_address::v4(198, 18, 0, static_cast<std::uint8_t>(host));
        if (taken(next)) continue;
        options.addresses.push_back({next, 24});
        return std::nullopt;
    }
    return failure{"no address of 198.18.0.0/24 is free on wire segment \"" + name_ +
                   "\": give ip="};
}

std::uint32_t segment::channel_capacity() const noexcept {
    // As many as a port has frames: then a channel can't be full, and who waits, waits for frames.
    return options_.drop_when_full ? options_.queue_frames : options_.port_frames;
}

std::variant<std::unique_ptr<port>, failure> segment::join(port_options options) {
    return join(std::move(options), nullptr);
}

std::variant<std::vector<std::unique_ptr<port>>, failure> segment::join_queues(port_options options,
                                                                               unsigned count) {
    std::vector<std::unique_ptr<port>> queues;
    while (queues.size() != count) {
        auto joined = join(options, queues.empty() ? nullptr : queues.front().get());
        if (auto* fault = std::get_if<failure>(&joined)) return std::move(*fault);
        queues.push_back(std::move(std::get<0>(joined)));
    }
    return queues;
}

std::variant<std::unique_ptr<port>, failure> segment::join(port_options options,
                                                           const port* first) {
    if (options.mtu < mtu_min || options.mtu > mtu_max)
        return failure{"wire: mtu=" + std::to_string(options.mtu) + " is not in " +
                       std::to_string(mtu_min) + ".." + std::to_string(mtu_max)};
    auto bell = std::make_shared<doorbell>();
    if (options.can_sleep && !bell->open())
        return failure{std::string("wire: no pipe to wake it: ") + std::strerror(errno) +
                       ": raise the limit of open files"};
    std::uint32_t frame_bytes = options.mtu + ethernet_header_bytes;
    if (options_.gso) frame_bytes = std::max(frame_bytes, gso_frame_bytes);
    auto frames = std::make_shared<frame_pool>(options_.port_frames, frame_bytes);

    const std::lock_guard lock(mutex_);
    const auto vacant = std::find_if(members_.begin(), members_.end(),
                                     [](const member& other) { return other.mtu == 0; });
    if (vacant == members_.end())
        return failure{"wire segment \"" + name_ + "\" has " + std::to_string(ports_max) +
                       " ports already: use another name"};
    const auto index = static_cast<unsigned>(vacant - members_.begin());
    const unsigned host = first != nullptr ? first->index_ : index;
    if (first != nullptr) {
        options.addresses = first->addresses();
        options.address = members_[host].address;
    } else if (auto fault = settle_addresses(options)) {
        return *fault;
    }
    const auto address = options.address.value_or(generated_address(name_, index));
    for (unsigned other = 0; other < ports_max; ++other) {
        if (members_[other].mtu == 0 || members_[other].host == host) continue;
        channels_[index].to[other] = std::make_shared<channel>(frames, channel_capacity());
        channels_[other].to[index] =
            std::make_shared<channel>(members_[other].frames, channel_capacity());
    }
    *vacant =
        member{address, options.mtu, host, options.spread_frames, bell, frames, options.addresses};
    changes_.fetch_add(1, std::memory_order_release);
    return std::unique_ptr<port>(
        new port(shared_from_this(), index, options, std::move(bell), std::move(frames), address));
}

std::unique_ptr<port> segment::connect(const port_options& options) {
    auto joined = join(options);
    assert(joined.index() == 0);
    return std::move(std::get<0>(joined));
}

void segment::leave(unsigned index) noexcept {
    const std::lock_guard lock(mutex_);
    members_[index] = member{};
    for (unsigned other = 0; other < ports_max; ++other) {
        channels_[index].to[other].reset();
        channels_[other].to[index].reset();
    }
    changes_.fetch_add(1, std::memory_order_release);
    // Who sleeps learns of it: frames that this port held are theirs again.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    for (const member& other : members_)
        if (other.bell) other.bell->ring(doorbell::for_frames | doorbell::for_room);
}

}  // namespace coax::backends::wire
