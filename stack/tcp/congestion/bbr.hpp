// BBR version 3 (draft-ietf-ccwg-bbr-04): a model of the path, its bandwidth and its shortest round
// trip, says how fast to send and how much may be in flight. Integers only. Sections cited as "BBR
// 5.3.1" are the draft's.
#pragma once

#include "stack/tcp/congestion/bbr_state.hpp"
#include "stack/tcp/congestion/congestion.hpp"
#include "stack/tcp/pool.hpp"

namespace coax::stack::tcp {

class bbr final : public congestion_control {
  public:
    // At most so many connections at a time.
    explicit bbr(std::uint32_t connections_max) noexcept : states_(connections_max) {}

    std::string_view name() const noexcept override { return "bbr"; }
    bool owns_recovery() const noexcept override { return true; }
    // The draft leaves open what a mark means (BBR 3.7).
    bool obeys_marks() const noexcept override { return false; }
    bool start(congestion_state& s, duration round_trip, instant now) const noexcept override;
    void stop(congestion_state& s) const noexcept override;
    void on_acknowledged(congestion_state& s, const acknowledged& a) const noexcept override;
    void on_congestion(congestion_state& s, const congestion_event& e) const noexcept override;
    void on_recovered(congestion_state& s, const recovered& r) const noexcept override;
    void on_timeout(congestion_state& s, std::uint32_t in_flight, bool again,
                    instant now) const noexcept override;
    void on_undo(congestion_state& s, const congestion_state& before,
                 instant now) const noexcept override;
    void on_restart(congestion_state& s, bool app_limited, instant now) const noexcept override;
    void on_lost(congestion_state& s, const lost_segment& l, instant now) const noexcept override;
    rate_sampler* sampler_of(const congestion_state& s) const noexcept override;
    std::uint64_t pacing_rate(const congestion_state& s) const noexcept override;

    // For observation and tests; only of a connection that has this algorithm.
    const bbr_state* model_of(const congestion_state& s) const noexcept;
    std::uint32_t connections() const noexcept { return states_.size(); }

  private:
    mutable pool<bbr_state, 64> states_;
};

}  // namespace coax::stack::tcp
