// Between a shard's stack, its own queue and the others.
#include "backends/shards/device.hpp"

#include <atomic>
#include <bit>
#include <utility>

namespace coax::backends::shards {

namespace {

constexpr stack::siblings::set bit(unsigned shard) noexcept {
    return stack::siblings::set{1} << shard;
}

}  // namespace

shard_device::shard_device(stack::device& inner, std::shared_ptr<exchange> all, unsigned shard)
    : inner_(inner),
      all_(std::move(all)),
      shard_(shard),
      others_((everybody >> (shards_max - all_->shards())) & ~bit(shard)) {}

// --- frames

std::size_t shard_device::take_handed_over(std::span<stack::rx_frame> frames) noexcept {
    std::size_t count = 0;
    const unsigned shards = all_->shards();
    for (unsigned i = 0; i != shards && count != frames.size(); ++i) {
        const unsigned from = (next_way_ + i) % shards;
        if (from != shard_) count += all_->way(from, shard_).take(frames.subspan(count));
    }
    next_way_ = (next_way_ + 1) % shards;
    taken_over_ += count;
    return count;
}

// Neither side starves the other: half of a burst each, and what the other does not need.
std::size_t shard_device::receive(std::span<stack::rx_frame> frames) noexcept {
    if (std::exchange(waiting_, false)) all_->bell(shard_).awake();
    std::size_t count = take_handed_over(frames.first((frames.size() + 1) / 2));
    count += inner_.receive(frames.subspan(count));
    if (count != frames.size()) count += take_handed_over(frames.subspan(count));
    return count;
}

void shard_device::release() noexcept {
    in_hand_ = nullptr;
    inner_.release();
    for (unsigned from = 0; from != all_->shards(); ++from)
        if (from != shard_) all_->way(from, shard_).give_back();
}

// --- what the others have

shard_device::claim shard_device::claim_flow(const stack::flow& ends) noexcept {
    const claim result = all_->where().claim_flow(ends, shard_);
    flows_contested_ += result == claim::taken ? 1 : 0;
    flows_without_place_ += result == claim::full ? 1 : 0;
    return result;
}

void shard_device::release_flow(const stack::flow& ends) noexcept {
    all_->where().release_flow(ends, shard_);
}

shard_device::set shard_device::owner_of(const stack::flow& ends) noexcept {
    return others(all_->where().owner_of(ends));
}

void shard_device::set_listening(std::uint16_t port, bool yes) noexcept {
    all_->where().listeners.change(port, shard_, yes);
}

shard_device::set shard_device::listeners_on(std::uint16_t port) noexcept {
    return others(all_->where().listeners.at(port));
}

shard_device::set shard_device::set_hearing(std::uint16_t port, bool yes) noexcept {
    return others(all_->where().hearers.change(port, shard_, yes));
}

shard_device::set shard_device::hearers_on(std::uint16_t port) noexcept {
    return others(all_->where().hearers.at(port));
}

void shard_device::set_cookies_until(stack::instant when) noexcept {
    all_->where().set_cookies_until(shard_, when);
}

shard_device::set shard_device::cookie_senders(stack::instant now) noexcept {
    return others(all_->where().cookie_senders(now));
}

// --- giving away

unsigned shard_device::next_of(set candidates) const noexcept {
    const auto turned = std::rotr(candidates, static_cast<int>(shard_));
    return (static_cast<unsigned>(std::countr_zero(turned)) + shard_) % shards_max;
}

// What finds no room is lost, as on a network whose queue is full.
void shard_device::give(unsigned to, set left) noexcept {
    if (all_->way(shard_, to).push(*in_hand_, left)) told_ |= bit(to);
    else ++dropped_ring_full_;
}

bool shard_device::offer(set candidates) noexcept {
    if (in_hand_ == nullptr) return false;
    candidates = others(candidates);
    // Nobody is asked twice, so nothing goes in circles.
    if (in_hand_->handed_over) candidates &= frame_note::of(in_hand_->head).left;
    if (candidates == 0) return false;
    const unsigned to = next_of(candidates);
    ++handed_over_;
    give(to, candidates & ~bit(to));
    return true;
}

void shard_device::copy_to(set whom) noexcept {
    if (in_hand_ == nullptr || in_hand_->handed_over) return;
    for (set left = others(whom); left != 0; left &= left - 1) {
        ++copied_;
        give(static_cast<unsigned>(std::countr_zero(left)), 0);
    }
}

bool shard_device::pass_fragment(const stack::ip_address& source,
                                 const stack::ip_address& destination, std::uint16_t identification,
                                 std::uint8_t protocol) noexcept {
    if (in_hand_ == nullptr || in_hand_->handed_over) return false;
    const unsigned to =
        all_->where().assembler_of(source, destination, identification, protocol, all_->shards());
    if (others(bit(to)) == 0) return false;
    ++handed_over_;
    give(to, 0);
    return true;
}

// --- sleeping and waking

bool shard_device::handed_over_waiting() const noexcept {
    for (unsigned from = 0; from != all_->shards(); ++from)
        if (from != shard_ && all_->way(from, shard_).waiting()) return true;
    return false;
}

void shard_device::ring_bells() noexcept {
    if (told_ == 0) return;
    std::atomic_thread_fence(std::memory_order_seq_cst);
    for (set left = std::exchange(told_, 0); left != 0; left &= left - 1)
        all_->bell(static_cast<unsigned>(std::countr_zero(left))).ring(wire::doorbell::for_frames);
}

bool shard_device::prepare_to_wait() noexcept {
    ring_bells();
    waiting_ = true;
    all_->bell(shard_).wait_for(wire::doorbell::for_frames);
    if (!handed_over_waiting()) return true;
    waiting_ = false;
    all_->bell(shard_).awake();
    return false;
}

std::vector<counter> shard_device::counters() const {
    return {{"shards.handed_over", handed_over_},
            {"shards.copied", copied_},
            {"shards.taken_over", taken_over_},
            {"shards.dropped_ring_full", dropped_ring_full_},
            {"shards.flows_contested", flows_contested_},
            {"shards.flows_without_place", flows_without_place_}};
}

}  // namespace coax::backends::shards
