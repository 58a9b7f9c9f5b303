// The port's device calls: frames into the channels of those they are addressed to, and out of the
// channels that lead here. Knows nothing of what the frames carry behind the Ethernet header.

#include "backends/wire/port.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>
#include <utility>

namespace coax::backends::wire {

namespace {

constexpr std::uint32_t ethernet_header_bytes = 14;
constexpr std::uint32_t gso_overhead = 128;  // of stack/device.hpp: room for all headers

constexpr std::uint64_t bit(unsigned index) noexcept { return std::uint64_t{1} << index; }

// A MAC address as a number; its last octet comes back with last_octet().
std::uint64_t address_key(const stack::mac_address& address) noexcept {
    std::uint64_t key = 0;
    for (const std::uint64_t octet : address.octets) key = key << 8 | octet;
    return key;
}
unsigned last_octet(std::uint64_t key) noexcept { return static_cast<unsigned>(key & 0xff); }

// The destination of a frame, which is at least a header long: as address_key(), from one load.
std::uint64_t destination_key(const std::byte* frame) noexcept {
    std::uint64_t eight = 0;
    std::memcpy(&eight, frame, sizeof eight);
    if constexpr (std::endian::native == std::endian::little) eight = __builtin_bswap64(eight);
    return eight >> 16;
}

// How many segments a super-frame carries: its TCP payload divided by theirs.
[[gnu::noinline]] std::uint16_t segments_in(const stack::tx_slot& slot) noexcept {
    const std::size_t offset_at = slot.checksum_start + std::size_t{12};
    if (slot.checksum != stack::checksum_state::partial || offset_at >= slot.length) return 1;
    const auto tcp_bytes = (std::to_integer<std::uint32_t>(slot.data[offset_at]) >> 4) * 4;
    const std::uint32_t headers = slot.checksum_start + tcp_bytes;
    if (headers >= slot.length) return 1;
    return static_cast<std::uint16_t>((slot.length - headers + slot.gso_bytes - 1) /
                                      slot.gso_bytes);
}

}  // namespace

port::port(std::shared_ptr<segment> on, unsigned index, const port_options& options,
           std::shared_ptr<doorbell> bell, std::shared_ptr<frame_pool> frames,
           const stack::mac_address& address)
    : segment_(std::move(on)),
      index_(index),
      addresses_(options.addresses),
      bell_(std::move(bell)),
      frames_(std::move(frames)) {
    capabilities_.mtu = static_cast<std::uint16_t>(options.mtu);
    capabilities_.address = address;
    capabilities_.receive_checksum =
        options.trusted ? stack::checksum_policy::trusted : stack::checksum_policy::strict;
    // Nobody can sum a super-frame but who cuts it, and here nobody does.
    const bool gso = segment_->options().gso;
    capabilities_.transmit_checksum = options.trusted || gso;
    if (gso) capabilities_.gso_max_bytes = frames_->frame_bytes() - gso_overhead;
    incoming_.reserve(ports_max);
}

port::~port() { segment_->leave(index_); }

void port::synchronize() noexcept {
    const std::lock_guard lock(segment_->mutex_);
    changes_seen_ = segment_->changes_.load(std::memory_order_relaxed);
    for (unsigned other = 0; other < ports_max; ++other) {
        const std::shared_ptr<channel>& now = segment_->channels_[index_].to[other];
        if (outgoing_[other] == now) continue;
        // The one who held our frames has left: nobody reads them any more.
        if (outgoing_[other])
            outgoing_[other]->abandon(
                [this](std::uint32_t frame) { frames_->drop_reference(frame); });
        outgoing_[other] = now;
        outstanding_ &= ~bit(other);
        told_ &= ~bit(other);
        freed_ &= ~bit(other);
        present_ &= ~bit(other);
        bells_[other].reset();
        peers_[other] = peer{};
        if (!now) continue;
        const segment::member& member = segment_->members_[other];
        present_ |= bit(other);
        bells_[other] = member.bell;
        peers_[other].out = now.get();
        peers_[other].frame_max = member.mtu + ethernet_header_bytes;
        peers_[other].spread_frames = member.spread_frames;
    }
    synchronize_hosts();
    synchronize_incoming();
}

// Under the segment's lock. The first queue of a host stands for all of them.
void port::synchronize_hosts() noexcept {
    hosts_ = 0;
    std::array<std::uint64_t, ports_max> queues{};
    for (std::uint64_t left = present_; left != 0; left &= left - 1) {
        const auto other = static_cast<unsigned>(std::countr_zero(left));
        queues[segment_->members_[other].host] |= bit(other);
    }
    for (const std::uint64_t all : queues) {
        if (all == 0) continue;
        const auto first = static_cast<unsigned>(std::countr_zero(all));
        for (std::uint64_t left = all; left != 0; left &= left - 1)
            peers_[static_cast<unsigned>(std::countr_zero(left))].address = no_address;
        peers_[first].address = address_key(segment_->members_[first].address);
        peers_[first].queues = std::has_single_bit(all) ? 0 : all;
        hosts_ |= bit(first);
    }
}

// Under the segment's lock. A channel whose sender has left is read to its end.
void port::synchronize_incoming() {
    for (incoming& from : incoming_)
        if (from.index != ports_max && segment_->channels_[from.index].to[index_] != from.from)
            from.index = ports_max;
    std::erase_if(incoming_, [](const incoming& from) {
        return from.index == ports_max && !from.lent && !from.from->waiting();
    });
    for (unsigned other = 0; other < ports_max; ++other) {
        const std::shared_ptr<channel>& now = segment_->channels_[other].to[index_];
        if (!now) continue;
        const bool known = std::any_of(incoming_.begin(), incoming_.end(),
                                       [&now](const incoming& from) { return from.from == now; });
        if (!known) incoming_.push_back({now, other, false});
    }
    next_incoming_ = 0;
}

void port::harvest() noexcept {
    for (std::uint64_t left = outstanding_; left != 0; left &= left - 1) {
        const auto other = static_cast<unsigned>(std::countr_zero(left));
        channel& out = *peers_[other].out;
        out.harvest([this](std::uint32_t frame) { frames_->drop_reference(frame); });
        if (!out.outstanding()) outstanding_ &= ~bit(other);
    }
}

std::size_t port::reserve(std::span<stack::tx_slot> slots) noexcept {
    follow_changes();
    harvest();
    const std::size_t count = std::min(slots.size(), frames_->free_count());
    for (stack::tx_slot& slot : slots.first(count)) {
        const std::uint32_t frame = frames_->allocate();
        slot = stack::tx_slot{};
        slot.data = frames_->data(frame);
        slot.capacity = frames_->frame_bytes();
        slot.token = frame;
    }
    starved_ = count < slots.size();
    return count;
}

void port::cancel(std::span<const stack::tx_slot> slots) noexcept {
    if (slots.empty()) return;
    // Backwards, so that the next reserve() gives them in the same order.
    for (std::size_t i = slots.size(); i-- > 0;)
        frames_->drop_reference(static_cast<std::uint32_t>(slots[i].token));
    starved_ = false;  // there were more than enough
}

unsigned port::search(std::uint64_t address) const noexcept {
    for (std::uint64_t left = hosts_; left != 0; left &= left - 1) {
        const auto other = static_cast<unsigned>(std::countr_zero(left));
        if (peers_[other].address == address) return other;
    }
    return ports_max;
}

// The channel is full, perhaps only because reserve() was not called for long.
descriptor* port::next_after_harvest(const peer& other) noexcept {
    other.out->harvest([this](std::uint32_t frame) { frames_->drop_reference(frame); });
    descriptor* const entry = other.out->next();
    if (entry == nullptr) ++counters_.dropped_queue_full;
    return entry;
}

// Takes over one reference of the frame if it answers true.
inline bool port::put(const peer& other, const stack::tx_slot& slot) noexcept {
    if (slot.length > other.frame_max && slot.gso_bytes == 0) [[unlikely]] {
        ++counters_.dropped_oversize;
        return false;
    }
    descriptor* entry = other.out->next();
    if (entry == nullptr) [[unlikely]] {
        entry = next_after_harvest(other);
        if (entry == nullptr) return false;
    }
    entry->frame = static_cast<std::uint32_t>(slot.token);
    entry->length = slot.length;
    entry->gso_bytes = slot.gso_bytes;
    entry->segments = 1;
    entry->checksum = slot.checksum;
    if (slot.gso_bytes != 0) [[unlikely]]
        entry->segments = segments_in(slot);
    other.out->put();
    ++counters_.delivered;
    return true;
}

// As a network card: ARP comes by the first queue, IPv4 by what its addresses and, where it has
// them, its ports say; or each frame by the next queue.
unsigned port::choose_queue(const peer& host, const stack::tx_slot& slot) noexcept {
    std::uint64_t number = 0;
    if (host.spread_frames) {
        number = turns_++;
    } else if (slot.length >= 38 && slot.data[12] == std::byte{0x08} &&
               slot.data[13] == std::byte{0}) {
        std::uint64_t addresses = 0;
        std::memcpy(&addresses, slot.data + 26, sizeof addresses);
        std::uint32_t ports = 0;
        const bool is_fragment =
            (slot.data[20] & std::byte{0x3f}) != std::byte{0} || slot.data[21] != std::byte{0};
        if (!is_fragment && slot.data[14] == std::byte{0x45})
            std::memcpy(&ports, slot.data + 34, sizeof ports);
        number = (addresses ^ ports * 0x9e37'79b9'7f4a'7c15U) * 0xff51'afd7'ed55'8ccdU >> 32;
    }
    std::uint64_t queues = host.queues;
    for (number %= static_cast<unsigned>(std::popcount(queues)); number != 0; --number)
        queues &= queues - 1;
    return static_cast<unsigned>(std::countr_zero(queues));
}

// To each host once; answers to which ports.
std::uint64_t port::flood(const stack::tx_slot& slot) noexcept {
    const auto frame = static_cast<std::uint32_t>(slot.token);
    std::uint64_t touched = 0;
    ++counters_.flooded;
    for (std::uint64_t left = hosts_; left != 0; left &= left - 1) {
        auto to = static_cast<unsigned>(std::countr_zero(left));
        if (peers_[to].queues != 0) to = choose_queue(peers_[to], slot);
        frames_->add_reference(frame);
        if (!put(peers_[to], slot)) frames_->drop_reference(frame);
        touched |= bit(to);
    }
    frames_->drop_reference(frame);
    return touched;
}

// True: the frame is on its way. `touched`: the peers whose channels have something to publish.
inline bool port::forward(const stack::tx_slot& slot, std::uint64_t& touched) noexcept {
    const std::uint64_t destination = destination_key(slot.data);
    // A generated address ends with the port's number; any other is looked for.
    const unsigned guess = (last_octet(destination) - 1) & (ports_max - 1);
    const peer& likely = peers_[guess];
    if (likely.address != destination || likely.queues != 0) [[unlikely]]  // no port: no address
        return forward_elsewhere(slot, touched);
    touched |= bit(guess);
    return put(likely, slot);
}

bool port::forward_elsewhere(const stack::tx_slot& slot, std::uint64_t& touched) noexcept {
    const std::uint64_t destination = destination_key(slot.data);
    if ((destination >> 40 & 1) != 0) {
        touched |= flood(slot);
        return true;
    }
    unsigned to = search(destination);
    if (to == ports_max) {
        ++counters_.dropped_unknown_destination;
        return false;
    }
    if (peers_[to].queues != 0) to = choose_queue(peers_[to], slot);
    touched |= bit(to);
    return put(peers_[to], slot);
}

void port::transmit(std::span<const stack::tx_slot> slots) noexcept {
    follow_changes();
    std::uint64_t touched = 0;
    std::uint64_t bytes = 0;
    for (const stack::tx_slot& slot : slots) {
        assert(slot.length <= slot.capacity);
        bytes += slot.length;
        if (slot.length < ethernet_header_bytes) [[unlikely]]
            ++counters_.dropped_runt;
        else if (forward(slot, touched)) continue;
        frames_->drop_reference(static_cast<std::uint32_t>(slot.token));
    }
    counters_.sent += slots.size();
    counters_.sent_bytes += bytes;
    told_ |= touched;
    outstanding_ |= touched;
    for (; touched != 0; touched &= touched - 1)
        peers_[static_cast<unsigned>(std::countr_zero(touched))].out->publish();
}

inline std::size_t port::take(incoming& from, std::span<stack::rx_frame> frames) noexcept {
    const frame_pool& pool = from.from->frames();
    stack::rx_frame* next = frames.data();
    std::uint64_t bytes = 0;
    const std::size_t count = from.from->take(frames.size(), [&](const descriptor& entry) noexcept {
        *next++ = {{pool.data(entry.frame), entry.length},
                   {},
                   entry.checksum,
                   entry.gso_bytes,
                   entry.segments};
        bytes += entry.length;
    });
    if (count == 0) return 0;
    from.lent = true;
    burst_lent_ = true;
    counters_.received += count;
    counters_.received_bytes += bytes;
    return count;
}

// From each channel in turn; after a full burst the next one starts behind the one that filled it.
[[gnu::noinline]] std::size_t port::take_in_turn(std::span<stack::rx_frame> frames) noexcept {
    std::size_t taken = 0;
    const std::size_t channels = incoming_.size();
    std::size_t at = next_incoming_;
    for (std::size_t i = 0; i < channels && taken < frames.size(); ++i) {
        taken += take(incoming_[at], frames.subspan(taken));
        if (++at == channels) at = 0;
    }
    next_incoming_ = at;
    return taken;
}

std::size_t port::receive(std::span<stack::rx_frame> frames) noexcept {
    assert(!burst_lent_);
    if (waiting_) {
        waiting_ = false;
        bell_->awake();
    }
    follow_changes();
    return incoming_.size() == 1 ? take(incoming_.front(), frames) : take_in_turn(frames);
}

void port::release() noexcept {
    if (!burst_lent_) return;
    burst_lent_ = false;
    if (incoming_.size() == 1 && incoming_.front().index != ports_max) [[likely]] {
        incoming& from = incoming_.front();
        from.lent = false;
        from.from->give_back();
        freed_ |= bit(from.index);
        return;
    }
    release_each();
}

[[gnu::noinline]] void port::release_each() noexcept {
    bool drained = false;
    for (incoming& from : incoming_) {
        if (!from.lent) continue;
        from.lent = false;
        from.from->give_back();
        if (from.index != ports_max) freed_ |= bit(from.index);
        else drained = true;
    }
    if (drained) forget_drained();
}

// Channels whose sender has left end when they are read to their end.
void port::forget_drained() noexcept {
    std::erase_if(incoming_, [](const incoming& from) {
        return from.index == ports_max && !from.from->waiting();
    });
    next_incoming_ = 0;
}

bool port::frames_waiting() noexcept {
    follow_changes();
    for (const incoming& from : incoming_)  // mostly one: a loop of std::any_of costs twice as much
        if (from.from->waiting()) return true;
    return false;
}

void port::ring_doorbells() noexcept {
    std::uint64_t left = told_ | freed_;
    if (left == 0) return;
    std::atomic_thread_fence(std::memory_order_seq_cst);
    for (; left != 0; left &= left - 1) {
        const auto other = static_cast<unsigned>(std::countr_zero(left));
        const std::uint32_t frames = (told_ & bit(other)) != 0 ? doorbell::for_frames : 0;
        const std::uint32_t room = (freed_ & bit(other)) != 0 ? doorbell::for_room : 0;
        bells_[other]->ring(frames | room);
    }
    told_ = 0;
    freed_ = 0;
}

bool port::prepare_to_wait() noexcept {
    assert(bell_->descriptor() >= 0);
    ring_doorbells();
    waiting_ = true;
    bell_->wait_for(doorbell::for_frames | (starved_ ? doorbell::for_room : 0));
    const bool changed = segment_->changes_.load(std::memory_order_acquire) != changes_seen_;
    bool come = frames_waiting() || changed;
    if (starved_) {
        harvest();
        come = come || frames_->free_count() != 0;
    }
    if (!come) return true;
    waiting_ = false;
    bell_->awake();
    return false;
}

std::size_t port::frames_in_use() noexcept {
    follow_changes();
    harvest();
    return frames_->size() - frames_->free_count();
}

std::vector<counter> port::named_counters() const {
    const port_counters& c = counters_;
    return {{"wire.sent", c.sent},
            {"wire.sent_bytes", c.sent_bytes},
            {"wire.delivered", c.delivered},
            {"wire.received", c.received},
            {"wire.received_bytes", c.received_bytes},
            {"wire.flooded", c.flooded},
            {"wire.dropped_queue_full", c.dropped_queue_full},
            {"wire.dropped_unknown_destination", c.dropped_unknown_destination},
            {"wire.dropped_oversize", c.dropped_oversize},
            {"wire.dropped_runt", c.dropped_runt}};
}

}  // namespace coax::backends::wire
