// Hierarchical timer wheel (Varghese, Lauck 1987): arming, disarming and firing cost the same with
// one timer as with a million. Knows nothing of what a timer means.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "stack/base/time.hpp"

namespace coax::stack::tcp {

// Stands in its owner, which must disarm it before it ends.
struct timer_node {
    enum class owner : std::uint8_t { connection, half_open, time_wait, pacing };

    explicit timer_node(owner o) noexcept : owned_by(o) {}
    timer_node(const timer_node&) = delete;
    timer_node& operator=(const timer_node&) = delete;
    bool armed() const noexcept { return previous != nullptr; }

    timer_node* next = nullptr;
    timer_node** previous = nullptr;  // what points at this; nullptr: not armed
    instant due = never;
    owner owned_by;
    std::uint8_t level = 0;
    std::uint8_t position = 0;
};

// Times are rounded up to ticks of 2^14 ns (16.4 us): a timer never fires early.
class wheel {
  public:
    static constexpr int tick_bits = 14;

    // (Re)arms for `due`.
    void arm(timer_node& node, instant due) noexcept {
        if (node.armed()) disarm(node);
        node.due = due;
        std::uint64_t tick = tick_of(due);
        if (tick <= current_) tick = current_ + 1;
        place(node, tick);
    }
    void disarm(timer_node& node) noexcept {
        if (!node.armed()) return;
        *node.previous = node.next;
        if (node.next != nullptr) node.next->previous = node.previous;
        node.previous = nullptr;
        if (slots_[node.level][node.position] == nullptr) {
            occupied_[node.level] &= ~(std::uint64_t{1} << node.position);
            stale_ = true;
        }
    }
    // One timer that is due at `now`, disarmed; nullptr when there is no more. Call until nullptr.
    timer_node* take_expired(instant now) noexcept {
        const std::uint64_t target =
            static_cast<std::uint64_t>(now.time_since_epoch().count()) >> tick_bits;
        for (;;) {
            if (target < bound_) {
                if (target > current_) current_ = target;
                return nullptr;
            }
            const found f = refresh();
            if (f.level < 0 || f.tick > target) continue;
            current_ = f.tick;
            timer_node* node = slots_[static_cast<std::size_t>(f.level)][f.position];
            if (f.level == 0) {
                disarm(*node);
                return node;
            }
            cascade(*node);
        }
    }
    // No timer fires before. At most `levels` wake-ups happen for one timer.
    instant next_deadline() noexcept {
        if (stale_) (void)refresh();
        if (bound_ == no_tick) return never;
        return instant(duration(static_cast<std::int64_t>(bound_ << tick_bits)));
    }
    // Timers armed. Walks all slots: for tests and reports.
    std::size_t size() const noexcept {
        std::size_t count = 0;
        for (const auto& level : slots_)
            for (const timer_node* node : level)
                for (; node != nullptr; node = node->next) ++count;
        return count;
    }

  private:
    static constexpr std::uint64_t no_tick = ~std::uint64_t{0};
    static constexpr int level_bits = 6;
    static constexpr std::size_t levels = 9;  // 54 bits of ticks: every instant has its place
    struct found {
        int level = -1;
        std::uint8_t position = 0;
        std::uint64_t tick = 0;
    };

    static std::uint64_t tick_of(instant due) noexcept {
        const auto ns = static_cast<std::uint64_t>(due.time_since_epoch().count());
        return (ns + ((1U << tick_bits) - 1)) >> tick_bits;
    }
    void place(timer_node& node, std::uint64_t tick) noexcept {
        const int highest = 63 - std::countl_zero((tick ^ current_) | 1);
        const auto level = static_cast<std::size_t>(highest / level_bits);
        const std::size_t position = (tick >> (static_cast<int>(level) * level_bits)) & 63;
        node.level = static_cast<std::uint8_t>(level);
        node.position = static_cast<std::uint8_t>(position);
        timer_node*& slot = slots_[level][position];
        node.next = slot;
        if (slot != nullptr) slot->previous = &node.next;
        node.previous = &slot;
        slot = &node;
        occupied_[level] |= std::uint64_t{1} << position;
        const int shift = static_cast<int>(level) * level_bits;
        bound_ = std::min(bound_, tick >> shift << shift);
    }
    found refresh() noexcept {
        const found f = earliest();
        bound_ = f.level < 0 ? no_tick : f.tick;
        stale_ = false;
        return f;
    }
    // Time has come to where this coarse slot begins: its timers move to finer ones.
    void cascade(timer_node& first) noexcept {
        timer_node* node = &first;
        while (node != nullptr) {
            timer_node* next = node->next;
            disarm(*node);
            const std::uint64_t tick = tick_of(node->due);
            place(*node, tick > current_ ? tick : current_);
            node = next;
        }
    }
    // All timers of a level come before those of the next level.
    found earliest() const noexcept {
        for (std::size_t level = 0; level < levels; ++level) {
            const int shift = static_cast<int>(level) * level_bits;
            const auto here = static_cast<int>((current_ >> shift) & 63);
            std::uint64_t ahead = ~std::uint64_t{0} << here;
            if (level != 0) ahead &= ~(std::uint64_t{1} << here);
            const std::uint64_t candidates = occupied_[level] & ahead;
            if (candidates == 0) continue;
            const int position = std::countr_zero(candidates);
            const std::uint64_t base = current_ >> (shift + level_bits) << (shift + level_bits);
            return {static_cast<int>(level), static_cast<std::uint8_t>(position),
                    base | (static_cast<std::uint64_t>(position) << shift)};
        }
        return {};
    }

    std::uint64_t current_ = 0;      // tick: everything before has fired
    std::uint64_t bound_ = no_tick;  // no slot with timers begins before this tick
    bool stale_ = false;             // a slot became empty: bound_ may be too early
    std::array<std::uint64_t, levels> occupied_{};
    std::array<std::array<timer_node*, 64>, levels> slots_{};
};

}  // namespace coax::stack::tcp
