// What a congestion control decides, and what it may know. Loss is detected elsewhere (recovery);
// an algorithm answers with a window and, if it has one, a pacing rate. Its state stands in the
// connection (congestion_state::own) or, where that is too small, in a block of its own pool.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "stack/base/time.hpp"
#include "stack/config.hpp"
#include "stack/tcp/congestion/rate_sampler.hpp"
#include "stack/tcp/sequence.hpp"

namespace coax::stack::tcp {

// A congestion window that was clamped to at least one full segment and at most 1 GiB, the largest
// window TCP can express (RFC 7323 2.2). Bytes. Can't be made otherwise.
class congestion_window {
  public:
    static congestion_window clamped(std::uint64_t bytes, std::uint32_t mss) noexcept {
        return congestion_window(static_cast<std::uint32_t>(
            std::clamp<std::uint64_t>(bytes, std::max(mss, 1U), 1U << 30)));
    }
    std::uint32_t bytes() const noexcept { return bytes_; }

  private:
    explicit congestion_window(std::uint32_t bytes) noexcept : bytes_(bytes) {}
    std::uint32_t bytes_;
};

// ssthresh before the first sign of congestion; RFC 5681 3.1: arbitrarily high.
inline constexpr std::uint32_t unlimited_threshold = 0xffffffffU;

// One connection's. A copy taken before a reduction is what on_undo() restores.
struct congestion_state {
    congestion_window window = congestion_window::clamped(1, 1);
    std::uint32_t slow_start_threshold = unlimited_threshold;  // bytes
    std::uint16_t mss = 536;                                   // bytes of a full segment
    congestion_algorithm algorithm : 2 = congestion_algorithm::cubic;
    // The algorithm wants acknowledged::rate, on_lost() and on_restart(), and to be paced; nobody
    // else pays for them.
    bool samples_rate : 1 = false;
    bool after_timeout : 1 = false;         // slow start follows a timeout (RFC 3465 2.3)
    bool wants_pacing : 1 = false;          // once it is established
    ecn_use ecn_choice : 2 = ecn_use::off;  // how it takes part in the handshake
    bool ecn : 1 = false;                   // negotiated (RFC 3168)
    bool ecn_echo : 1 = false;              // CE came: ECE goes on every segment until CWR comes
    bool ecn_reduced : 1 = false;           // CWR is to go with the next new data
    bool ecn_holding : 1 = false;           // ECE reduced the window: no growth up to the guard
    bool flight_filled : 1 = false;         // in the round up to flight_end, the window was full
    idle_window idle : 2 = idle_window::decay;
    bool validating : 1 = false;         // it has a validation_state (RFC 7661)
    seq ecn_guard{};                     // ECE up to here reduces nothing any more
    seq flight_end{};                    // end of the round that flight_max is of
    std::uint32_t flight_max = 0;        // bytes, the largest flight of that round
    std::uint32_t pacing = 0;            // its pacing block, index + 1; 0: not paced
    std::array<std::uint32_t, 7> own{};  // belongs to the algorithm

    void set_window(std::uint64_t bytes) noexcept {
        window = congestion_window::clamped(bytes, mss);
    }
    // All that it sends is paced, not only what a window that is not validated lets go.
    bool is_always_paced() const noexcept { return pacing != 0 && (wants_pacing || !validating); }
    bool in_slow_start() const noexcept { return window.bytes() < slow_start_threshold; }
};

// Delivery rate over one flight (draft-ietf-ccwg-bbr 4.1: "delivery rate samples"), for the segment
// sent last of those that an acknowledgment delivered. Bytes; totals count modulo 2^32.
struct rate_sample {
    std::uint32_t delivered = 0;        // between sending of that segment and now; 0: no sample
    duration interval{};                // the longer of send and acknowledgment phase; 0: no sample
    std::uint32_t delivered_total = 0;  // C.delivered: of the connection, this one included
    std::uint32_t prior_delivered = 0;  // C.delivered when that segment was sent
    std::uint32_t sent_in_flight = 0;   // in flight when it was sent, itself included
    std::uint32_t lost = 0;             // marked lost since it was sent
    bool app_limited = false;           // the sample says what was offered, not what could be had
};

// A segment that was marked lost (only told with samples_rate).
struct lost_segment {
    std::uint32_t bytes = 0;
    std::uint32_t sent_in_flight = 0;   // in flight when it was sent, itself included
    std::uint32_t lost = 0;             // marked lost since it was sent, itself included
    bool app_limited = false;           // when it was sent
    std::uint32_t delivered_total = 0;  // C.delivered, what the same acknowledgment told included
};

// An acknowledgment of new data. Outside recovery; with owns_recovery() each one, and in recovery
// those too that move nothing but SACK blocks.
struct acknowledged {
    instant now;
    std::uint32_t bytes = 0;      // by which SND.UNA moved, less what SACK had told before
    std::uint32_t in_flight = 0;  // bytes, before this acknowledgment
    duration round_trip{};        // smoothed; zero: not measured yet
    // The window was in use in this round trip: RFC 5681 3.1 lets it grow only then (RFC 7661).
    bool window_limited = false;

    duration newest_round_trip{};       // measured by this acknowledgment; zero: not (Karn)
    seq una{};                          // SND.UNA, moved
    seq nxt{};                          // SND.NXT
    std::uint32_t delivered = 0;        // bytes acknowledged or SACKed for the first time
    std::uint32_t lost = 0;             // bytes marked lost with this acknowledgment
    std::uint32_t in_flight_after = 0;  // bytes, after both
    bool in_recovery = false;
    const rate_sample* rate = nullptr;  // only with samples_rate
};

// What tells of congestion.
enum class congestion_sign : std::uint8_t {
    loss,  // duplicate acknowledgments, SACK or RACK; once per recovery
    ecn,   // ECE on an acknowledgment (RFC 3168 6.1.2); once per window
};

struct congestion_event {
    instant now;
    congestion_sign sign = congestion_sign::loss;
    std::uint32_t in_flight = 0;  // FlightSize, bytes
};

struct recovered {
    instant now;
    std::uint32_t in_flight = 0;  // bytes
    // Proportional rate reduction brought the window to the threshold already: no burst can follow.
    bool proportional = false;
};

class congestion_control {
  public:
    virtual std::string_view name() const noexcept = 0;
    // True: the window is the algorithm's in recovery also (no PRR, no inflation), and
    // on_acknowledged() is called for every acknowledgment.
    virtual bool owns_recovery() const noexcept { return false; }
    // It answers a mark (ECE) as it answers a loss (RFC 3168 6.1.2). False: its data leaves without
    // ECT, so that routers drop it where they would mark others'.
    virtual bool obeys_marks() const noexcept { return true; }
    // Takes over a connection: window and threshold are set and stay, `own` becomes the
    // algorithm's. False: no memory for its state; nothing changed.
    virtual bool start(congestion_state& s, duration round_trip, instant now) const noexcept = 0;
    // Gives back what start() took.
    virtual void stop(congestion_state&) const noexcept {}
    virtual void on_acknowledged(congestion_state& s, const acknowledged& a) const noexcept = 0;
    // Sets the threshold; and the window, which proportional rate reduction may then approach from
    // above while `own` belongs to the smaller one.
    virtual void on_congestion(congestion_state& s, const congestion_event& e) const noexcept = 0;
    // Everything outstanding at the time of the loss is acknowledged; with owns_recovery() also
    // after a timeout, and when there was neither loss nor timeout that it heard of.
    virtual void on_recovered(congestion_state& s, const recovered& r) const noexcept;
    // The retransmission timer expired. `again`: for the same data (RFC 5681 3.1 keeps ssthresh).
    virtual void on_timeout(congestion_state& s, std::uint32_t in_flight, bool again,
                            instant now) const noexcept = 0;
    // The last on_congestion() or on_timeout() was a mistake: nothing was lost (RFC 3522, RFC 5682,
    // D-SACK). `before`: the state as it was then.
    virtual void on_undo(congestion_state& s, const congestion_state& before,
                         instant now) const noexcept;
    // About to send after nothing was sent for `idle`, longer than a retransmission timeout.
    // The window was cut as congestion_state::idle says, unless owns_recovery().
    virtual void on_idle(congestion_state&, duration /*idle*/) const noexcept {}
    // With samples_rate: about to send with nothing in flight.
    virtual void on_restart(congestion_state&, bool /*app_limited*/, instant) const noexcept {}
    virtual void on_lost(congestion_state&, const lost_segment&, instant) const noexcept {}
    // With samples_rate, in its own block: what the samples are made of. nullptr: not started.
    virtual rate_sampler* sampler_of(const congestion_state&) const noexcept { return nullptr; }
    // Bytes per second that it must be paced at; 0: none of its own. With samples_rate always.
    virtual std::uint64_t pacing_rate(const congestion_state&) const noexcept { return 0; }

  protected:
    ~congestion_control() = default;
};

// RFC 6928 2: min(10 * MSS, max(2 * MSS, 14600)), with `segments` in place of 10.
std::uint32_t initial_window(std::uint32_t mss, std::uint8_t segments) noexcept;

}  // namespace coax::stack::tcp
