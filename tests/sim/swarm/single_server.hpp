// The server of a simulation with few connections: whatever comes to its port belongs to one
// dialogue. Knows no scenario.
#pragma once

#include <deque>

#include "tests/sim/swarm/session.hpp"

namespace coax::sim {

class single_server final : public socket_user {
  public:
    // The references must outlive it. The port is that of the dialogue's server.
    single_server(host& at, dialogue& of, fault_list& faults)
        : host_(at), dialogue_(of), faults_(faults) {}
    void listen() {
        stack::ip_stack& s = host_.stack();
        socket_ = *s.tcp_open(static_cast<socket_user*>(this));
        (void)s.tcp_bind(socket_, {stack::ip_address::any_v4(), dialogue_.server.port}, false);
        (void)s.tcp_listen(socket_, 1);
    }
    void on_ready(host& at, const stack::tcp::readiness&) override {
        while (const auto came = at.stack().tcp_accept(socket_))
            sessions_.emplace_back(at, dialogue_, false, faults_).adopt(came->socket);
    }
    // Of the latest connection; there must have been one.
    stack::tcp_socket socket() const { return sessions_.back().socket(); }
    std::size_t accepted() const noexcept { return sessions_.size(); }

  private:
    host& host_;
    dialogue& dialogue_;
    fault_list& faults_;
    stack::tcp_socket socket_;
    std::deque<session> sessions_;
};

}  // namespace coax::sim
