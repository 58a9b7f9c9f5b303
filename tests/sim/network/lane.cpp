// What happens to a frame on its way. The order is that of a real path: the queue of the
// transmitter, the time on the wire, then what noise and other routers do.
#include "tests/sim/network/lane.hpp"

#include <algorithm>

#include "stack/wire/checksum.hpp"
#include "stack/wire/ethernet.hpp"
#include "stack/wire/ipv4.hpp"

namespace coax::sim {

namespace {

namespace wire = stack::wire;

bool is_ipv4(const frame& f) noexcept {
    return f.length >= wire::ethernet_header_size + wire::ipv4_header_size &&
           wire::load_16(f.room.data() + 12) == wire::ethernet_type_ipv4;
}

bool is_arp(const frame& f) noexcept {
    return f.length >= wire::ethernet_header_size &&
           wire::load_16(f.room.data() + 12) == wire::ethernet_type_arp;
}

bool is_fragment(const frame& f) noexcept {
    constexpr std::uint16_t offset_and_more = 0x3fff;
    return is_ipv4(f) &&
           (wire::load_16(f.room.data() + wire::ethernet_header_size + 6) & offset_and_more) != 0;
}

// Time that `bytes` take at this speed.
stack::duration time_on_wire(std::uint64_t bytes, std::uint64_t bits_per_second) noexcept {
    if (bits_per_second == 0) return stack::duration{0};
    return stack::duration(
        static_cast<stack::duration::rep>(bytes * 8 * 1'000'000'000U / bits_per_second));
}

std::uint64_t bytes_in(stack::duration time, std::uint64_t bits_per_second) noexcept {
    // Whole microseconds: the product stays below 2^64.
    return static_cast<std::uint64_t>(time.count() / 1000) * (bits_per_second / 8) / 1'000'000U;
}

}  // namespace

bool lane::is_down() const noexcept {
    return std::any_of(options_.outages.begin(), options_.outages.end(), [this](const auto& gap) {
        return gap.from <= time_.now() && time_.now() < gap.until;
    });
}

bool lane::is_lost(const frame& sent) {
    // Every frame takes the same draws, so that one option changed leaves the others' faults.
    const bool by_chance = random_.chance(options_.loss);
    in_burst_ =
        in_burst_ ? !random_.chance(options_.burst_leave) : random_.chance(options_.burst_enter);
    const bool by_burst = random_.chance(options_.burst_loss) && in_burst_;
    if (is_down()) return ++count_.lost_down, true;
    if (options_.mtu != 0 && sent.length > options_.mtu + wire::ethernet_header_size)
        return ++count_.lost_too_big, true;
    if (options_.lose_if && options_.lose_if(sent.bytes())) return ++count_.lost_by_rule, true;
    if (by_chance) return ++count_.lost_by_chance, true;
    if (by_burst) return ++count_.lost_in_burst, true;
    return false;
}

void lane::damage(frame& sent) {
    const std::uint64_t bit = random_.below(std::uint64_t{sent.length} * 8);
    sent.data()[bit / 8] ^= std::byte{1} << (bit % 8);
    sent.damaged = true;
    ++count_.damaged;
}

// RFC 3168 5: CE instead of a loss, on packets of transports that understand it.
void lane::mark(frame& sent) {
    if (!is_ipv4(sent)) return;
    std::byte* const packet = sent.data() + wire::ethernet_header_size;
    const std::uint8_t before = wire::load_8(packet + 1);
    if ((before & 3U) == 0 || (before & 3U) == 3) return;
    const auto word_before = wire::load_native<std::uint16_t>(packet);
    wire::store_8(packet + 1, before | 3U);
    const auto word_after = wire::load_native<std::uint16_t>(packet);
    const auto sum = wire::load_native<std::uint16_t>(packet + 10);
    wire::store_native(packet + 10, wire::update_checksum(sum, word_before, word_after));
    ++count_.marked;
}

stack::instant lane::send(frame_ptr sent) {
    ++count_.taken;
    const stack::instant now = time_.now();
    const stack::instant start = std::max(now, idle_from_);
    const std::uint64_t waiting = bytes_in(start - now, options_.bits_per_second);
    if (options_.queue_bytes != 0 && waiting + sent->length > options_.queue_bytes) {
        ++count_.lost_queue_full;
        return now;
    }
    if (options_.mark_bytes != 0 && waiting >= options_.mark_bytes) mark(*sent);
    idle_from_ = start + time_on_wire(sent->length, options_.bits_per_second);
    stack::instant arrival = idle_from_ + options_.delay;
    if (options_.jitter > stack::duration{0})
        arrival += random_.between(stack::duration{0}, options_.jitter);
    const bool late = random_.chance(options_.reorder);
    const bool twice = random_.chance(options_.duplicate);
    const bool flipped = random_.chance(options_.damage);
    const stack::instant left = idle_from_;
    if (is_lost(*sent)) return left;
    if (flipped) {
        if (sent->damaged || is_arp(*sent) || is_fragment(*sent))
            return ++count_.lost_damaged, left;
        damage(*sent);
    }
    if (options_.keeps_order) last_ = arrival = std::max(arrival, last_);
    if (late) {
        ++count_.reordered;
        arrival += options_.reorder_by;
    }
    if (twice) {
        ++count_.duplicated;
        deliver_at(arrival, frames_.copy(*sent));
    }
    deliver_at(arrival, std::move(sent));
    return left;
}

void lane::deliver_at(stack::instant when, frame_ptr sent) {
    std::uint32_t place = 0;
    if (free_places_.empty()) {
        place = static_cast<std::uint32_t>(places_.size());
        places_.emplace_back();
    } else {
        place = free_places_.back();
        free_places_.pop_back();
    }
    places_[place] = std::move(sent);
    ++on_the_way_;
    time_.at(when, *this, place);
}

void lane::on_moment(std::uint64_t what) {
    frame_ptr arrived = std::move(places_[what]);
    free_places_.push_back(static_cast<std::uint32_t>(what));
    --on_the_way_;
    ++count_.delivered;
    end_->on_frame(std::move(arrived));
}

}  // namespace coax::sim
