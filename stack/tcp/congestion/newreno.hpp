// Slow start and congestion avoidance (RFC 9293 3.8.2, MUST-19: RFC 5681) with appropriate byte
// counting (RFC 3465) and the window rules of NewReno (RFC 6582).
#pragma once

#include "stack/tcp/congestion/congestion.hpp"

namespace coax::stack::tcp {

class newreno final : public congestion_control {
  public:
    std::string_view name() const noexcept override { return "newreno"; }
    bool start(congestion_state& s, duration round_trip, instant now) const noexcept override;
    void on_acknowledged(congestion_state& s, const acknowledged& a) const noexcept override;
    void on_congestion(congestion_state& s, const congestion_event& e) const noexcept override;
    void on_timeout(congestion_state& s, std::uint32_t in_flight, bool again,
                    instant now) const noexcept override;
};

}  // namespace coax::stack::tcp
