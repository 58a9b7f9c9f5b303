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

// The six octets that stand there as a number, from one load of eight.
std::uint64_t address_key(const std::byte* at) noexcept {
    std::uint64_t eight = 0;
    std::memcpy(&eight, at, sizeof eight);
    return std::endian::native == std::endian::little ? eight << 16 : eight >> 16;
}
std::uint64_t address_key(const stack::mac_address& address) noexcept {
    std::array<std::byte, 8> octets{};
    std::memcpy(octets.data(), address.octets.data(), address.octets.size());
    return address_key(octets.data());
}
// A generated address ends with the port's number, counted from 1.
constexpr unsigned likely_port(unsigned last_octet) noexcept {
    return (last_octet - 1) & (ports_max - 1);
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
        if (outgoing_[other]) outgoing_[other]->abandon();
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
        peers_[other].mark = bit(other);
        peers_[other].mtu = member.mtu;
    }
    synchronize_hosts();
    synchronize_incoming();
}

// Under the segment's lock. The first queue of a host stands for all of them.
void port::synchronize_hosts() noexcept {
    hosts_ = 0;
    known_hosts_.fill({});
    std::array<std::uint64_t, ports_max> queues{};
    for (std::uint64_t left = present_; left != 0; left &= left - 1) {
        const auto other = static_cast<unsigned>(std::countr_zero(left));
        peers_[other].address = no_address;
        queues[segment_->members_[other].host] |= bit(other);
    }
    for (const std::uint64_t all : queues) {
        if (all == 0) continue;
        const auto first = static_cast<unsigned>(std::countr_zero(all));
        const segment::member& member = segment_->members_[first];
        host& here = known_hosts_[first];
        here.address = address_key(member.address);
        here.spread_frames = member.spread_frames;
        if (std::has_single_bit(all)) peers_[first].address = here.address;
        else here.queues = all;
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
        if (!known) incoming_.push_back({now, other, false, bit(other)});
    }
    next_incoming_ = 0;
    find_lone_sender();
}

void port::find_lone_sender() noexcept {
    const bool lone = incoming_.size() == 1 && incoming_.front().index != ports_max;
    lone_ = lone ? &incoming_.front() : nullptr;
}

void port::harvest() noexcept {
    for (std::uint64_t left = outstanding_; left != 0; left &= left - 1) {
        const auto other = static_cast<unsigned>(std::countr_zero(left));
        channel& out = *peers_[other].out;
        out.harvest();
        if (!out.outstanding()) outstanding_ &= ~bit(other);
    }
}

std::size_t port::reserve(std::span<stack::tx_slot> slots) noexcept {
    follow_changes();
    harvest();
    frame_pool& frames = *frames_;
    const std::size_t count = std::min(slots.size(), frames.free_count());
    const std::uint32_t capacity = frames.frame_bytes();
    stack::tx_slot* next = slots.data();
    frames.allocate(count, [&next, capacity](std::uint32_t frame, std::byte* data) noexcept {
        stack::tx_slot& slot = *next++;
        slot = {};
        slot.data = data;
        slot.capacity = capacity;
        slot.token = frame;
    });
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

// --- sending

// The usual frames at once: as many from `slot` on as are whole frames for the neighbour of the
// first one and find room. Answers the first that is not; that one is for transmit_one().
inline const stack::tx_slot* port::transmit_row(const stack::tx_slot* slot,
                                                const stack::tx_slot* end) noexcept {
    const std::uint64_t destination = address_key(slot->data);
    peer& there = peers_[likely_port(std::to_integer<unsigned>(slot->data[5]))];
    if (there.address != destination) [[unlikely]]  // or no port there: no address
        return slot;
    channel& out = *there.out;
    const stack::tx_slot* next = slot;
    do {
        if (next->length - ethernet_header_bytes > there.mtu || next->gso_bytes != 0 || out.full())
            [[unlikely]]
            break;
        out.put({.frame = static_cast<std::uint32_t>(next->token),
                 .length = next->length,
                 .checksum = next->checksum});
        ++counters_.delivered;
        counters_.sent_bytes += next->length;
        ++next;
    } while (next != end && address_key(next->data) == destination);
    out.publish();  // if it was none, who sleeps there is woken in vain
    told_ |= there.mark;
    outstanding_ |= there.mark;
    return next;
}

void port::transmit(std::span<const stack::tx_slot> slots) noexcept {
    counters_.sent += slots.size();
    const stack::tx_slot* next = slots.data();
    const stack::tx_slot* const end = next + slots.size();
    if (!has_changed() && next != end) [[likely]]
        next = transmit_row(next, end);
    if (next != end) [[unlikely]]
        transmit_mixed(next, end);
}

void port::transmit_mixed(const stack::tx_slot* slot, const stack::tx_slot* end) noexcept {
    follow_changes();
    while (slot != end) {
        const stack::tx_slot* const next = transmit_row(slot, end);
        if (next == slot) transmit_one(*slot++);
        else slot = next;
    }
}

// Whatever frame it is, wherever it goes.
void port::transmit_one(const stack::tx_slot& slot) noexcept {
    assert(slot.length <= slot.capacity);
    counters_.sent_bytes += slot.length;
    if (slot.length < ethernet_header_bytes) ++counters_.dropped_runt;
    else if (forward(slot)) return;
    frames_->drop_reference(static_cast<std::uint32_t>(slot.token));
}

// True: the frame is on its way.
bool port::forward(const stack::tx_slot& slot) noexcept {
    if ((slot.data[0] & std::byte{1}) != std::byte{0}) {  // IEEE 802: a group address
        flood(slot);
        return true;
    }
    const unsigned first = search(address_key(slot.data));
    if (first == ports_max) {
        ++counters_.dropped_unknown_destination;
        return false;
    }
    const host& to = known_hosts_[first];
    return put(to.queues != 0 ? choose_queue(to, slot) : first, slot);
}

// To each host once.
void port::flood(const stack::tx_slot& slot) noexcept {
    const auto frame = static_cast<std::uint32_t>(slot.token);
    ++counters_.flooded;
    for (std::uint64_t left = hosts_; left != 0; left &= left - 1) {
        const auto first = static_cast<unsigned>(std::countr_zero(left));
        const host& to = known_hosts_[first];
        frames_->add_reference(frame);
        if (!put(to.queues != 0 ? choose_queue(to, slot) : first, slot))
            frames_->drop_reference(frame);
    }
    frames_->drop_reference(frame);
}

// Takes over one reference of the frame if it answers true.
bool port::put(unsigned to, const stack::tx_slot& slot) noexcept {
    const peer& there = peers_[to];
    if (slot.length > there.mtu + ethernet_header_bytes && slot.gso_bytes == 0) {
        ++counters_.dropped_oversize;
        return false;
    }
    if (there.out->full()) there.out->harvest();  // reserve() was perhaps not called for long
    if (there.out->full()) {
        ++counters_.dropped_queue_full;
        return false;
    }
    there.out->put({.frame = static_cast<std::uint32_t>(slot.token),
                    .length = slot.length,
                    .gso_bytes = slot.gso_bytes,
                    .segments = slot.gso_bytes != 0 ? segments_in(slot) : std::uint16_t{1},
                    .checksum = slot.checksum});
    ++counters_.delivered;
    there.out->publish();
    told_ |= there.mark;
    outstanding_ |= there.mark;
    return true;
}

unsigned port::search(std::uint64_t address) const noexcept {
    for (std::uint64_t left = hosts_; left != 0; left &= left - 1) {
        const auto other = static_cast<unsigned>(std::countr_zero(left));
        if (known_hosts_[other].address == address) return other;
    }
    return ports_max;
}

// As a network card: ARP comes by the first queue, IPv4 by what its addresses and, where it has
// them, its ports say; or each frame by the next queue.
unsigned port::choose_queue(const host& to, const stack::tx_slot& slot) noexcept {
    std::uint64_t number = 0;
    if (to.spread_frames) {
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
    std::uint64_t queues = to.queues;
    for (number %= static_cast<unsigned>(std::popcount(queues)); number != 0; --number)
        queues &= queues - 1;
    return static_cast<unsigned>(std::countr_zero(queues));
}

// --- receiving

inline std::size_t port::take(incoming& from, std::span<stack::rx_frame> frames) noexcept {
    channel& channel = *from.from;
    const std::size_t count = std::min<std::size_t>(channel.ready(), frames.size());
    if (count == 0) return 0;
    from.lent = true;
    burst_lent_ = true;
    counters_.received += count;
    frames.front() = channel.take();
    counters_.received_bytes += frames.front().head.size();
    // Mostly it was the only one: who is polled as often as frames come pays for no loop.
    return count == 1 ? 1 : 1 + take_further(channel, frames.subspan(1, count - 1));
}

std::size_t port::take_further(channel& from, std::span<stack::rx_frame> frames) noexcept {
    for (stack::rx_frame& frame : frames) {
        frame = from.take();
        counters_.received_bytes += frame.head.size();
    }
    return frames.size();
}

// From each channel in turn; after a full burst the next one starts behind the one that filled it.
std::size_t port::take_in_turn(std::span<stack::rx_frame> frames) noexcept {
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
    if (waiting_ || has_changed() || lone_ == nullptr) [[unlikely]]
        return receive_mixed(frames);
    return take(*lone_, frames);
}

std::size_t port::receive_mixed(std::span<stack::rx_frame> frames) noexcept {
    if (waiting_) {
        waiting_ = false;
        bell_->awake();
    }
    follow_changes();
    return take_in_turn(frames);
}

void port::release() noexcept {
    if (!burst_lent_) return;
    burst_lent_ = false;
    if (lone_ == nullptr) return release_each();
    incoming& from = *lone_;
    from.lent = false;
    freed_ |= from.mark;
    from.from->give_back();
}

void port::release_each() noexcept {
    bool drained = false;
    for (incoming& from : incoming_) {
        if (!from.lent) continue;
        from.lent = false;
        from.from->give_back();
        if (from.index != ports_max) freed_ |= from.mark;
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
    find_lone_sender();
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
    const bool changed = has_changed();
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
