// The scoreboard (RFC 6675 3, RFC 2018 5): marks on the transmissions of a connection, and what one
// acknowledgment said about them. Knows which are sacked, lost, sent again; decides nothing.
#pragma once

#include <optional>

#include "stack/tcp/core.hpp"

namespace coax::stack::tcp {

// What one acknowledgment told.
struct delivery {
    instant now;
    seq una_before;
    std::uint32_t in_flight_before = 0;  // bytes
    std::uint32_t acked = 0;             // bytes by which SND.UNA moves
    std::uint32_t delivered = 0;         // bytes told to have arrived for the first time
    std::uint32_t sacked = 0;            // of these, by SACK blocks
    std::uint32_t lost = 0;              // bytes found lost with it
    duration wait{};                     // until more may be found lost; zero: nothing waits
    instant sent_at{};                   // of the newest segment it delivered that was sent once
    seq fack_before;
    transmission newest{};      // with samples_rate: sent last of those it delivered
    bool original = false;      // delivered what was sent once, before recovery began (RFC 5682)
    bool duplicate = false;     // RFC 5681 2, or RFC 6675 2: SACK blocks with news
    bool dsack = false;         // RFC 2883
    bool resent_acked = false;  // SND.UNA moves over something sent again
    bool reordered = false;     // something sent once arrived behind what was sent later
    seq dsack_left, dsack_right;

    bool has_sample() const noexcept { return sent_at != instant{}; }
};

// Changes to a record's marks go through here: the sums follow.
class remark {
  public:
    remark(recovery_state& r, transmission& t) noexcept : r_(r), t_(t) {
        weigh(r, t, t.size(), -1);
    }
    ~remark() { weigh(r_, t_, t_.size(), 1); }
    remark(const remark&) = delete;
    remark& operator=(const remark&) = delete;
    static void weigh(recovery_state& r, const transmission& t, std::uint32_t bytes,
                      int sign) noexcept {
        const std::uint32_t n = sign < 0 ? 0U - bytes : bytes;
        if (t.sacked) {
            r.sacked += n;
            return;
        }
        if (t.lost) {
            r.lost += n;
            if (!t.again) r.due += n;
        }
        if (t.again) r.again += n;
    }

  private:
    recovery_state& r_;
    transmission& t_;
};

// Takes what the segment says: D-SACK, SACK blocks, and the acknowledgment of everything below
// `ack`, which leaves the flight. SND.UNA is the caller's to move. c.recovery is there.
delivery scoreboard_take(core& k, connection& c, const incoming& in, seq ack) noexcept;

void scoreboard_mark_lost(core& k, connection& c, transmission& t, delivery& d) noexcept;
// All that is not sacked is lost, retransmissions too.
void scoreboard_lose_all(connection& c) noexcept;
// What was thought lost is not.
void scoreboard_forgive(connection& c) noexcept;
// The receiver reneged (RFC 2018 8): nothing is sacked.
void scoreboard_forget_sacks(connection& c) noexcept;
// Cuts the record so that it ends at `at`, if it goes further; false: no memory.
bool scoreboard_cut(core& k, connection& c, flight::position& p, seq at) noexcept;
// Takes what follows and is due too into the record, until it has `size` bytes, or more.
void scoreboard_join_due(connection& c, flight::position p, std::uint32_t size) noexcept;
// It was sent again, now.
void scoreboard_mark_resent(connection& c, flight::position p, instant now) noexcept;
// The first record that is due; none.
flight::position scoreboard_first_due(connection& c) noexcept;
// RFC 6675 4 (NextSeg), rule (3): the first that is neither lost nor sent again, below a SACK.
flight::position scoreboard_first_doubtful(connection& c) noexcept;

}  // namespace coax::stack::tcp
