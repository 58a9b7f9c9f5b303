// UDP beside the streams of a simulation: datagrams up to the largest, sent in fragments and cut
// again on the way; and somebody who forges fragments among them. Knows no TCP.
#pragma once

#include <vector>

#include "tests/sim/network/network.hpp"
#include "tests/sim/swarm/datagram_plan.hpp"
#include "tests/sim/swarm/fault.hpp"

namespace coax::sim {

// Of all hosts: one socket each, that sends what is planned, and checks what comes.
class datagram_user final : public udp_user, public actor {
  public:
    static constexpr std::uint16_t port = 5000;

    datagram_user(host& at, fault_list& faults) : host_(at), faults_(faults) {}
    datagram_user(const datagram_user&) = delete;
    datagram_user& operator=(const datagram_user&) = delete;

    void open();
    // `to` has a user of its own, open by the time it comes. Once for each flow.
    void plan(const planned_datagrams& flow, const host& to);
    void send(const stack::ip_address& to, std::uint32_t size);
    void close();
    std::uint64_t received() const noexcept { return received_; }

    void on_datagrams(host& at, const stack::udp::readiness& ready) override;
    void on_moment(std::uint64_t what) override;

  private:
    void judge(const stack::udp::received& got, stack::const_bytes bytes);

    struct send_plan {
        planned_datagrams flow;
        stack::ip_address to;
        std::size_t done = 0;
    };
    host& host_;
    fault_list& faults_;
    stack::udp_socket socket_;
    std::vector<send_plan> plans_;
    std::uint32_t sent_ = 0;  // the number of the next datagram
    std::uint64_t received_ = 0;
};

// Sees the fragments that hosts send, and sends others of the same datagrams: copies, late copies,
// such as overlap, tiny ones, such as end beyond the largest packet, and beginnings of what never
// ends; all of one kind for one datagram, so that none can complete it with bytes that were not
// sent.
class fragment_forger final : public frame_observer, public actor {
  public:
    // `next` sees all that this one sees.
    fragment_forger(network& net, frame_observer& next, const datagram_plan& plan)
        : net_(net), next_(next), share_(plan.forged), seed_(plan.seed), random_(plan.seed) {}
    void stop() noexcept { share_ = 0; }

    void on_sent(nic& by, const frame& sent) override;
    void on_taken(nic& by, const frame& taken) override { next_.on_taken(by, taken); }
    void on_moment(std::uint64_t what) override;

  private:
    frame_ptr forge(const frame& sent, const stack::wire::ipv4_header& header);

    struct waiting {
        const host* at;
        frame_ptr made;
    };
    network& net_;
    frame_observer& next_;
    per_million share_;
    std::uint64_t seed_;
    seeded_random random_;
    std::vector<waiting> waiting_;  // by the number in the schedule; empty once sent
};

}  // namespace coax::sim
