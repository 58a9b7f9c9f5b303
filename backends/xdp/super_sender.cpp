// Sends super-segments by a packet socket through io_uring.
#include "backends/xdp/super_sender.hpp"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <utility>

#include <linux/if_packet.h>
#include <sys/socket.h>
#include <unistd.h>

namespace coax::backends {

namespace {

// struct virtio_net_hdr: before each frame, in the byte order of this machine. <linux/virtio_net.h>
// is not C++ in all versions.
struct virtio_header {
    std::uint8_t flags;
    std::uint8_t gso_type;
    std::uint16_t header_bytes;     // which the kernel keeps together
    std::uint16_t gso_bytes;        // payload of a segment
    std::uint16_t checksum_start;   // offset in the frame where summing starts
    std::uint16_t checksum_offset;  // offset of the field from there
};
constexpr std::uint8_t needs_checksum = 1;  // VIRTIO_NET_HDR_F_NEEDS_CSUM
constexpr std::uint8_t gso_tcp_ipv4 = 1;    // VIRTIO_NET_HDR_GSO_TCPV4

// A turn that has more to send goes on in the next one.
constexpr std::uint32_t slot_count = 32;
constexpr std::uint32_t slot_bytes = 65536;
// Before a frame: the virtio header, and a cache line of its own for the headers.
constexpr std::uint32_t slot_headroom = 64;
static_assert(slot_headroom + super_sender::payload_max + 128 <= slot_bytes);
static_assert(sizeof(virtio_header) == super_sender::room_before);
// Super-segments and frames that follow them.
constexpr std::uint32_t passages_max = 512;

// What the kernel may hold of ours before it lets us wait: beyond that, memory only becomes delay.
constexpr int send_buffer_bytes = 4 << 20;

// Where the TCP header ends, whose length is in units of four bytes.
std::uint16_t header_bytes(const stack::tx_slot& slot) noexcept {
    const std::size_t offset_at = slot.checksum_start + std::size_t{12};
    assert(offset_at < slot.length);
    const auto words = std::to_integer<unsigned>(slot.data[offset_at]) >> 4;
    return static_cast<std::uint16_t>(slot.checksum_start + words * 4);
}

}  // namespace

std::size_t super_sender::slots_bytes() noexcept { return std::size_t{slot_count} * slot_bytes; }

std::variant<std::unique_ptr<super_sender>, failure> super_sender::open(unsigned interface_index) {
    const auto refused = [](const char* what) {
        return failure{std::string(what) + ": " + std::strerror(errno)};
    };
    mapping memory = mapping::anonymous(slots_bytes());
    if (!memory) return failure{"no memory"};
    // Protocol 0: it receives nothing.
    const int descriptor = ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return refused("socket");
    auto opened = std::make_unique<super_sender>(descriptor, std::move(memory));
    const int yes = 1;
    if (setsockopt(descriptor, SOL_PACKET, PACKET_VNET_HDR, &yes, sizeof yes) != 0)
        return refused("PACKET_VNET_HDR");
    // With privileges beyond the system's limit; else as far as that goes.
    if (setsockopt(descriptor, SOL_SOCKET, SO_SNDBUFFORCE, &send_buffer_bytes,
                   sizeof send_buffer_bytes) != 0)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &send_buffer_bytes, sizeof send_buffer_bytes);
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_ifindex = static_cast<int>(interface_index);
    if (bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return refused("bind");
    return opened;
}

super_sender::super_sender(int descriptor, mapping memory)
    : descriptor_(descriptor), memory_(std::move(memory)) {
    free_.reserve(slot_count);
    waiting_.reserve(passages_max);
    idle_passages_.reserve(passages_max);
    back_.reserve(passages_max);
    for (std::uint32_t i = 0; i != passages_max; ++i)
        idle_passages_.push_back(&passages_.emplace_back(*this));
    for (std::uint32_t i = slot_count; i != 0; --i) free_.push_back(i - 1);
}

super_sender::~super_sender() { close(descriptor_); }

std::size_t super_sender::reserve(std::span<stack::tx_slot> slots) noexcept {
    const std::size_t count = std::min(slots.size(), free_.size());
    for (auto& slot : slots.first(count)) {
        slot = {};
        slot.data = memory_.data() + std::size_t{free_.back()} * slot_bytes + slot_headroom;
        slot.capacity = slot_bytes - slot_headroom;
        slot.token = ours | free_.back();
        free_.pop_back();
    }
    return count;
}

void super_sender::cancel(const stack::tx_slot& slot) noexcept {
    free_.push_back(static_cast<std::uint32_t>(slot.token));
}

void super_sender::transmit(const stack::tx_slot& slot) noexcept {
    assert(slot.gso_bytes != 0 && slot.checksum == stack::checksum_state::partial);
    enqueue(slot);
}

bool super_sender::follow(const stack::tx_slot& slot) noexcept {
    // As many as there are super-segments stay for them.
    if (idle_passages_.size() <= slot_count) return false;
    enqueue(slot);
    return true;
}

bool super_sender::take_back(std::uint64_t& token) noexcept {
    if (back_.empty()) return false;
    token = back_.back();
    back_.pop_back();
    return true;
}

void super_sender::enqueue(const stack::tx_slot& slot) noexcept {
    virtio_header header{};
    if (slot.checksum == stack::checksum_state::partial) {
        header.flags = needs_checksum;
        header.checksum_start = slot.checksum_start;
        header.checksum_offset = slot.checksum_offset;
    }
    if (slot.gso_bytes != 0) {
        header.gso_type = gso_tcp_ipv4;  // the stack sends TCP over IPv4 only
        header.gso_bytes = slot.gso_bytes;
        header.header_bytes = header_bytes(slot);
    }
    std::memcpy(slot.data - sizeof header, &header, sizeof header);
    passage& next = *idle_passages_.back();
    idle_passages_.pop_back();
    next.start = slot.data - sizeof header;
    next.length = static_cast<std::uint32_t>(sizeof header) + slot.length;
    next.token = slot.token;
    waiting_.push_back(&next);
}

// Without MSG_DONTWAIT: where the send buffer is full, io_uring waits for room in our stead.
void super_sender::submit(ring& r) noexcept {
    if (ended_) return;
    for (passage* const next : waiting_) {
        next->under_way = true;
        ++under_way_;
        r.submit(next, [&](io_uring_sqe* entry) {
            io_uring_prep_send(entry, descriptor_, next->start, next->length, 0);
        });
    }
    waiting_.clear();
}

void super_sender::on_sent(passage& which, std::int32_t result) noexcept {
    which.under_way = false;
    --under_way_;
    if (result == -ECANCELED && !ended_) {  // the ring moved to another thread
        waiting_.push_back(&which);
        return;
    }
    const bool super = (which.token & ours) != 0;
    if (super) free_.push_back(static_cast<std::uint32_t>(which.token));
    else back_.push_back(which.token);
    idle_passages_.push_back(&which);
    if (result >= 0) {
        ++(super ? sent_ : followed_);
        return;
    }
    ++dropped_;
    if (result == -ENETDOWN || result == -ENXIO || result == -ENODEV) trouble_ = true;
}

bool super_sender::take_trouble() noexcept { return std::exchange(trouble_, false); }

void super_sender::shut_down(ring& r) noexcept {
    ended_ = true;
    for (passage& p : passages_)
        if (p.under_way)
            r.submit(nullptr, [&](io_uring_sqe* entry) {
                io_uring_prep_cancel(entry, static_cast<completion*>(&p), 0);
            });
}

}  // namespace coax::backends
