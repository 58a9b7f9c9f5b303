// A load of requests and replies on connections that stay: echo, raw exchanges, HTTP.
#pragma once

#include <deque>
#include <string>

#include "services/load/connection.hpp"
#include "services/load/load_part.hpp"

namespace coax::services {

class dialogue_load final : public load_part, private connection::listener {
  public:
    dialogue_load(coax::io_context& io, const load_options& options, share mine);

  private:
    coax::task<error_code> connect(std::size_t index) override;
    coax::task<void> exchange(std::size_t index) override;
    void look_after(time_point now) override;
    void abandon() override;
    void count_unsent() override;

    void on_sent(time_point now, std::size_t bytes) override { count_sent(now, bytes); }
    void on_received(time_point now, std::size_t bytes) override { count_received(now, bytes); }
    void on_reply(time_point now, std::chrono::nanoseconds latency, const reply& r) override;
    void on_reconnect() override { ++tally().reconnects; }
    void on_lost(const error_code& error) override { tally().fail(error); }
    void on_lost(const std::string& problem) override { tally().fail(problem); }
    time_point stop() const override { return plan().stop; }

    std::deque<connection> connections_;  // they stay where they are
};

}  // namespace coax::services
