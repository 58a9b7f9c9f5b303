// Carries out what the impairments of the two directions say. A frame that passes is not copied.

#include "backends/faults/device.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "stack/base/payload.hpp"

namespace coax::backends {

namespace {

constexpr std::size_t ethernet_header_bytes = 14;

// The first byte that may be damaged; frame.size() if none. Ethernet's own check would find a
// damaged header and a damaged ARP packet, which nothing else protects.
std::size_t first_damageable(std::span<const std::byte> frame) noexcept {
    if (frame.size() <= ethernet_header_bytes) return frame.size();
    const auto type =
        (std::to_integer<unsigned>(frame[12]) << 8) | std::to_integer<unsigned>(frame[13]);
    const bool ip = type == 0x0800 || type == 0x86dd;
    return ip ? ethernet_header_bytes : frame.size();
}

bool damage(std::span<std::byte> frame, std::uint64_t random) noexcept {
    const std::size_t first = first_damageable(frame);
    if (first == frame.size()) return false;
    const std::uint64_t bit = random % ((frame.size() - first) * 8);
    frame[first + bit / 8] ^= std::byte{1} << (bit % 8);
    return true;
}

held_frame copy_of(frame_hold& hold, const stack::rx_frame& frame) {
    const stack::payload_view all(frame.head, frame.rest);
    held_frame copy;
    copy.bytes = hold.buffer(all.size());
    all.copy_to(copy.bytes.data());
    copy.checksum = frame.checksum;
    copy.gso_bytes = frame.gso_bytes;
    copy.segments = frame.segments;
    return copy;
}

held_frame copy_of(frame_hold& hold, const stack::tx_slot& slot) {
    held_frame copy;
    copy.bytes = hold.buffer(slot.length);
    std::memcpy(copy.bytes.data(), slot.data, slot.length);
    copy.checksum = slot.checksum;
    copy.checksum_start = slot.checksum_start;
    copy.checksum_offset = slot.checksum_offset;
    copy.gso_bytes = slot.gso_bytes;
    return copy;
}

void write(const held_frame& frame, stack::tx_slot& slot) noexcept {
    std::memcpy(slot.data, frame.bytes.data(), frame.bytes.size());
    slot.length = static_cast<std::uint32_t>(frame.bytes.size());
    slot.checksum = frame.checksum;
    slot.checksum_start = frame.checksum_start;
    slot.checksum_offset = frame.checksum_offset;
    slot.gso_bytes = frame.gso_bytes;
}

}  // namespace

faulty_device::faulty_device(stack::device& inner, const fault_options& options, clock now)
    : faulty_device(inner, options, options, std::move(now)) {}

faulty_device::faulty_device(stack::device& inner, const fault_options& receiving,
                             const fault_options& sending, clock now)
    : inner_(inner),
      capabilities_(inner.capabilities()),
      now_(std::move(now)),
      receiving_(receiving, 1),
      sending_(sending, 2) {
    // Damage is only found where sums are computed and verified.
    if (sending.corrupt > 0) {
        capabilities_.transmit_checksum = false;
        capabilities_.gso_max_bytes = 0;
    }
    // What is held back is a frame as it goes on the network.
    if (capabilities_.large_slots) {
        capabilities_.large_slots = false;
        capabilities_.gso_max_bytes = 0;
    }
    if (receiving.corrupt > 0) capabilities_.receive_checksum = stack::checksum_policy::strict;
}

// False: there was no room, the frame is lost.
bool faulty_device::keep(direction& way, held_frame frame, const verdict& what,
                         stack::instant now) {
    if (way.hold.full()) {
        ++way.counters.hold_full;
        way.hold.recycle(std::move(frame.bytes));
        return false;
    }
    frame.due = now + what.delay;
    if (what.overtaken_by != 0) {
        frame.only_when_due = false;
        frame.overtaken_by = what.overtaken_by;
        frame.due += overtaken_wait;
    }
    way.hold.keep(std::move(frame));
    return true;
}

// The second copy of a frame that passed or was kept: leaves right behind it.
void faulty_device::keep_twin(direction& way, held_frame frame, std::uint64_t number,
                              stack::instant due) {
    frame.number = number;
    ++way.counters.duplicated;
    verdict second;
    keep(way, std::move(frame), second, due);
}

stack::rx_frame faulty_device::lend(held_frame frame) {
    lent_.push_back(std::move(frame));
    const held_frame& kept = lent_.back();  // its bytes stay where they are when lent_ grows
    stack::rx_frame view;
    view.head = {kept.bytes.data(), kept.bytes.size()};
    view.checksum = kept.checksum;
    view.gso_bytes = kept.gso_bytes;
    view.segments = kept.segments;
    return view;
}

std::size_t faulty_device::give_held(std::span<stack::rx_frame> frames, stack::instant now) {
    std::size_t given = 0;
    while (given < frames.size()) {
        auto frame = receiving_.hold.take(now);
        if (!frame) break;
        receiving_.hold.on_left(frame->number);
        frames[given++] = lend(std::move(*frame));
    }
    return given;
}

// True: the frame goes on now, perhaps as a damaged copy.
bool faulty_device::let_in(stack::rx_frame& frame, stack::instant now) {
    fault_counters& counted = receiving_.counters;
    const std::uint64_t number = receiving_.next_number++;
    ++counted.frames;
    const verdict what = receiving_.faults.next();
    if (what.lost) {
        ++counted.lost;
        return false;
    }
    const bool later = what.overtaken_by != 0 || what.delay > stack::duration{0};
    if (what.duplicate)
        keep_twin(receiving_, copy_of(receiving_.hold, frame), number, now + what.delay);
    if (!what.corrupt && !later) {
        receiving_.hold.on_left(number);
        return true;
    }
    held_frame copy = copy_of(receiving_.hold, frame);
    copy.number = number;
    if (what.corrupt && damage(copy.bytes, what.corrupt_at)) {
        ++counted.corrupted;
        copy.checksum = stack::checksum_state::unknown;
    }
    if (!later) {
        receiving_.hold.on_left(number);
        frame = lend(std::move(copy));
        return true;
    }
    ++(what.overtaken_by != 0 ? counted.reordered : counted.delayed);
    keep(receiving_, std::move(copy), what, now);
    return false;
}

std::size_t faulty_device::receive(std::span<stack::rx_frame> frames) noexcept {
    const stack::instant now = now_();
    send_due();
    std::size_t given = give_held(frames, now);
    const auto fresh = frames.subspan(given);
    const std::size_t taken = fresh.empty() ? 0 : inner_.receive(fresh);
    for (stack::rx_frame& frame : fresh.first(taken))
        if (let_in(frame, now)) frames[given++] = frame;
    if (given == 0 && taken != 0) inner_.release();
    return given;
}

void faulty_device::release() noexcept {
    inner_.release();
    for (held_frame& frame : lent_) receiving_.hold.recycle(std::move(frame.bytes));
    lent_.clear();
}

std::size_t faulty_device::reserve(std::span<stack::tx_slot> slots) noexcept {
    return inner_.reserve(slots);
}

void faulty_device::cancel(std::span<const stack::tx_slot> slots) noexcept { inner_.cancel(slots); }

// True: the frame in the slot is to be sent now.
bool faulty_device::let_out(const stack::tx_slot& slot, stack::instant now) {
    fault_counters& counted = sending_.counters;
    const std::uint64_t number = sending_.next_number++;
    ++counted.frames;
    const verdict what = sending_.faults.next();
    if (what.lost) {
        ++counted.lost;
        return false;
    }
    if (what.duplicate) keep_twin(sending_, copy_of(sending_.hold, slot), number, now + what.delay);
    if (what.corrupt && damage({slot.data, slot.length}, what.corrupt_at)) ++counted.corrupted;
    if (what.overtaken_by == 0 && what.delay == stack::duration{0}) {
        sending_.hold.on_left(number);
        return true;
    }
    ++(what.overtaken_by != 0 ? counted.reordered : counted.delayed);
    held_frame copy = copy_of(sending_.hold, slot);
    copy.number = number;
    keep(sending_, std::move(copy), what, now);
    return false;
}

void faulty_device::transmit(std::span<const stack::tx_slot> slots) noexcept {
    const stack::instant now = now_();
    passing_.clear();
    returning_.clear();
    for (const stack::tx_slot& slot : slots)
        (let_out(slot, now) ? passing_ : returning_).push_back(slot);
    if (!passing_.empty()) inner_.transmit(passing_);
    if (!returning_.empty()) {
        inner_.cancel(returning_);
        room_made_ = true;
    }
    send_due();
}

bool faulty_device::send_due() noexcept {
    const stack::instant now = now_();
    bool sent = false;
    while (sending_.hold.ready(now)) {
        std::array<stack::tx_slot, 1> slot;
        if (inner_.reserve(slot) == 0) break;
        auto frame = sending_.hold.take(now);
        sending_.hold.on_left(frame->number);
        write(*frame, slot[0]);
        inner_.transmit(slot);
        sending_.hold.recycle(std::move(frame->bytes));
        sent = true;
    }
    return sent;
}

stack::instant faulty_device::next_due() const noexcept {
    return std::min(receiving_.hold.next_due(), sending_.hold.next_due());
}

std::vector<counter> faulty_device::named_counters() const {
    const fault_counters& in = receiving_.counters;
    const fault_counters& out = sending_.counters;
    return {{"faults.rx_lost", in.lost},
            {"faults.rx_duplicated", in.duplicated},
            {"faults.rx_reordered", in.reordered},
            {"faults.rx_corrupted", in.corrupted},
            {"faults.rx_delayed", in.delayed},
            {"faults.rx_hold_full", in.hold_full},
            {"faults.tx_lost", out.lost},
            {"faults.tx_duplicated", out.duplicated},
            {"faults.tx_reordered", out.reordered},
            {"faults.tx_corrupted", out.corrupted},
            {"faults.tx_delayed", out.delayed},
            {"faults.tx_hold_full", out.hold_full}};
}

}  // namespace coax::backends
