// One direction of a link: frames go in at one end and come out at the other, later, in another
// order, twice, damaged or never. A link is two lanes, which may differ. Knows frames only as
// bytes, but for the two bits of ECN and what a rule of the user looks at.
#pragma once

#include <functional>
#include <vector>

#include "tests/sim/network/frame.hpp"
#include "tests/sim/network/random.hpp"
#include "tests/sim/network/schedule.hpp"

namespace coax::sim {

// Nothing of it is floating point: the same options give the same frames on every machine.
struct lane_options {
    stack::duration delay{0};   // of every frame
    stack::duration jitter{0};  // 0..jitter more, drawn for each frame
    bool keeps_order = true;    // jitter lets no frame overtake another
    per_million reorder = 0;    // share of frames that come `reorder_by` later than they should
    stack::duration reorder_by{0};
    per_million duplicate = 0;  // share of frames that come twice
    per_million damage = 0;     // share of frames with one bit flipped (ARP and
                                // fragments, of which two could mend each other: lost, as by the
                                // FCS)

    per_million loss = 0;  // share of frames lost, each for itself
    // Gilbert and Elliott: a bad state, entered and left by chance at each frame, with a loss of
    // its own.
    per_million burst_enter = 0;
    per_million burst_leave = 1'000'000;
    per_million burst_loss = 1'000'000;
    std::function<bool(stack::const_bytes)> lose_if;  // a rule: true for a frame that is lost

    std::uint64_t bits_per_second = 0;  // 0: a frame takes no time
    std::uint32_t queue_bytes = 0;      // waiting for their turn; more are lost. 0: no limit
    std::uint32_t mark_bytes =
        0;                  // queue from which CE is set (RFC 3168) on those that can. 0: never
    std::uint16_t mtu = 0;  // larger IP packets vanish: a black hole. 0: none

    struct outage {
        stack::instant from;
        stack::instant until;
    };
    std::vector<outage> outages;  // all that enters then is lost
};

struct lane_counters {
    std::uint64_t taken = 0;
    std::uint64_t delivered = 0;
    std::uint64_t duplicated = 0;
    std::uint64_t reordered = 0;
    std::uint64_t damaged = 0;
    std::uint64_t marked = 0;
    std::uint64_t lost_by_chance = 0;
    std::uint64_t lost_in_burst = 0;
    std::uint64_t lost_by_rule = 0;
    std::uint64_t lost_down = 0;
    std::uint64_t lost_queue_full = 0;
    std::uint64_t lost_too_big = 0;
    std::uint64_t lost_damaged = 0;  // a second damage could hide the first from the checksum

    std::uint64_t lost() const noexcept {
        return lost_by_chance + lost_in_burst + lost_by_rule + lost_down + lost_queue_full +
               lost_too_big + lost_damaged;
    }
    // Every frame that went in has come out, was lost, or is on its way.
    bool balanced(std::size_t on_the_way) const noexcept {
        return taken + duplicated == delivered + lost() + on_the_way;
    }
};

class lane final : public actor {
  public:
    // All must outlive the lane.
    lane(schedule& time, frame_pool& frames, const lane_options& options, std::uint64_t seed)
        : time_(time), frames_(frames), options_(options), random_(seed) {}

    // Before the first frame.
    void lead_to(receiver& end) noexcept { end_ = &end; }
    // Returns when the frame has left the sender, which may then send the next one.
    stack::instant send(frame_ptr sent);

    lane_options& options() noexcept { return options_; }  // may be changed at any time
    const lane_counters& counters() const noexcept { return count_; }
    std::size_t on_the_way() const noexcept { return on_the_way_; }

    void on_moment(std::uint64_t what) override;

  private:
    bool is_lost(const frame& sent);
    bool is_down() const noexcept;
    void damage(frame& sent);
    void mark(frame& sent);
    void deliver_at(stack::instant when, frame_ptr sent);

    schedule& time_;
    frame_pool& frames_;
    lane_options options_;
    seeded_random random_;
    receiver* end_ = nullptr;
    lane_counters count_;
    bool in_burst_ = false;
    stack::instant idle_from_{};  // the transmitter has nothing to send from then on
    stack::instant last_{};       // latest arrival so far, for keeps_order
    std::size_t on_the_way_ = 0;
    std::vector<frame_ptr> places_;  // by the number in the schedule
    std::vector<std::uint32_t> free_places_;
};

}  // namespace coax::sim
