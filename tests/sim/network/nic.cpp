// Two rings and what a card does to a frame between them and the wire.
#include "tests/sim/network/nic.hpp"

#include <algorithm>
#include <cassert>

#include "tests/sim/network/segmentation.hpp"

namespace coax::sim {

namespace {

constexpr std::size_t ethernet_header = 14;
constexpr std::size_t gso_overhead = 128;  // device.hpp: room for all headers
constexpr std::size_t head_bytes = 128;    // device.hpp: headers lie in the first piece

}  // namespace

nic::nic(schedule& time, frame_pool& frames, const nic_options& options,
         const stack::mac_address& address)
    : time_(time), frames_(frames), options_(options) {
    capabilities_.mtu = options.mtu;
    capabilities_.address = address;
    capabilities_.transmit_checksum = options.transmit_checksum || options.gso_max_bytes != 0;
    capabilities_.gso_max_bytes = options.gso_max_bytes;
}

void nic::on_frame(frame_ptr arrived) {
    if (waiting_.size() >= options_.receive_ring) {
        ++count_.overrun;
        return;
    }
    waiting_.push_back(std::move(arrived));
    on_arrival_();
}

std::size_t nic::receive(std::span<stack::rx_frame> frames) noexcept {
    assert(in_hand_.empty());
    const std::size_t count = std::min(frames.size(), waiting_.size());
    in_hand_.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
        in_hand_[i].whole = std::move(waiting_.front());
        waiting_.pop_front();
        frames[i] = cut(in_hand_[i]);
        if (observer_ != nullptr) observer_->on_taken(*this, *in_hand_[i].whole);
    }
    count_.delivered += count;
    return count;
}

void nic::release() noexcept { in_hand_.clear(); }

stack::rx_frame nic::cut(taken_frame& taken) const {
    stack::rx_frame out;
    const stack::const_bytes all = taken.whole->bytes();
    if (options_.receive_checksum && !taken.whole->damaged)
        out.checksum = stack::checksum_state::verified;
    if (options_.piece_bytes == 0 || all.size() <= head_bytes) {
        out.head = all;
        return out;
    }
    out.head = all.first(head_bytes);
    for (std::size_t at = head_bytes; at < all.size(); at += options_.piece_bytes)
        taken.rest.push_back(
            all.subspan(at, std::min<std::size_t>(options_.piece_bytes, all.size() - at)));
    out.rest = taken.rest;
    return out;
}

void nic::forget_departed() {
    while (!departures_.empty() && departures_.front() <= time_.now()) departures_.pop_front();
}

stack::instant nic::next_room() {
    forget_departed();
    if (departures_.empty() || lent() + departures_.size() < options_.transmit_ring)
        return time_.now();
    return departures_.front();
}

std::size_t nic::reserve(std::span<stack::tx_slot> slots) noexcept {
    forget_departed();
    const std::size_t used = lent() + departures_.size();
    const std::size_t room = used < options_.transmit_ring ? options_.transmit_ring - used : 0;
    const std::size_t count = std::min(slots.size(), room);
    const std::size_t capacity =
        std::max(options_.mtu + ethernet_header,
                 options_.gso_max_bytes == 0 ? 0 : options_.gso_max_bytes + gso_overhead);
    for (std::size_t i = 0; i < count; ++i) {
        std::uint32_t token = 0;
        if (free_slots_.empty()) {
            token = static_cast<std::uint32_t>(lent_.size());
            lent_.emplace_back();
        } else {
            token = free_slots_.back();
            free_slots_.pop_back();
        }
        lent_[token] = frames_.take(capacity);
        slots[i] = {};
        slots[i].data = lent_[token]->data();
        slots[i].capacity = static_cast<std::uint32_t>(capacity);
        slots[i].token = token;
    }
    return count;
}

frame_ptr nic::take_back(const stack::tx_slot& slot) {
    frame_ptr f = std::move(lent_[slot.token]);
    assert(f != nullptr && f->data() == slot.data);
    free_slots_.push_back(static_cast<std::uint32_t>(slot.token));
    return f;
}

void nic::put_on_wire(frame_ptr sent) {
    if (observer_ != nullptr) observer_->on_sent(*this, *sent);
    ++count_.sent;
    departures_.push_back(out_->send(std::move(sent)));
}

void nic::transmit(std::span<const stack::tx_slot> slots) noexcept {
    for (const stack::tx_slot& slot : slots) {
        ++count_.taken;
        frame_ptr sent = take_back(slot);
        sent->length = slot.length;
        if (slot.gso_bytes != 0) {
            for (frame_ptr& piece : cut_segments(frames_, *sent, slot.gso_bytes))
                put_on_wire(std::move(piece));
            continue;
        }
        if (slot.checksum == stack::checksum_state::partial)
            finish_partial_checksum(*sent, slot.checksum_start, slot.checksum_offset);
        put_on_wire(std::move(sent));
    }
}

void nic::cancel(std::span<const stack::tx_slot> slots) noexcept {
    for (const stack::tx_slot& slot : slots) take_back(slot);
}

}  // namespace coax::sim
