// The user of a socket: does at one end of a dialogue what the script says, checks every byte it
// reads, and writes down what became of it. Written against the calls and events of the stack, as
// an application is.
#pragma once

#include <vector>

#include "tests/sim/network/host.hpp"
#include "tests/sim/swarm/dialogue.hpp"
#include "tests/sim/swarm/fault.hpp"

namespace coax::sim {

class session final : public socket_user, public actor {
  public:
    session(host& at, dialogue& of, bool is_client, fault_list& faults);
    session(const session&) = delete;
    session& operator=(const session&) = delete;

    // Connects to the peer, as the dialogue names it; own port 0: an ephemeral one.
    void open(const stack::endpoint& peer, std::uint16_t own_port);
    void adopt(stack::tcp_socket socket);

    bool over() const noexcept { return mine_.over; }
    stack::tcp_socket socket() const noexcept { return socket_; }
    const script& plan() const noexcept { return plan_; }

    void on_ready(host& at, const stack::tcp::readiness& ready) override;
    void on_moment(std::uint64_t what) override;

  private:
    enum moment : std::uint64_t { proceed, look };

    void set_options();
    void work();
    void write();
    void change_congestion();
    void read();
    bool read_once();
    void end_sending();
    void end_if_done();
    void fail(stack::error why);
    void leave_by_reset();
    void close();
    void look_after_progress();
    void judge_standstill(const stack::tcp::connection_info& info, stack::duration idle);
    void again_at(stack::instant when);
    stack::duration patience() const;
    std::uint64_t target() const;
    bool sends_more() const;

    host& host_;
    dialogue& dialogue_;
    const script plan_;
    end_state& mine_;
    end_state& peer_;
    const stream_pattern& outgoing_;
    const stream_pattern& incoming_;
    fault_list& faults_;
    stack::tcp_socket socket_;
    bool connected_ = false;
    bool congestion_changed_ = false;
    bool all_acknowledged_ = false;  // the stack's `closed` event came
    stack::instant write_due_{};
    stack::instant read_due_{};
    stack::instant again_ = stack::never;
    stack::instant progressed_{};
    std::uint64_t progress_ = 0;
};

}  // namespace coax::sim
