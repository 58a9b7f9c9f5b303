// Connections that live for one request and its reply, one after the other in each of
// options.connections places. Latency counts from before the connection to the whole reply.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "services/load/dialogue.hpp"
#include "services/load/load_part.hpp"
#include "services/load/probe.hpp"

namespace coax::services {

class churn_load final : public load_part {
  public:
    churn_load(coax::io_context& io, const load_options& options, share mine);

  private:
    struct place {
        place(coax::io_context& io, const load_options& options, std::size_t index);
        coax::fast_socket socket;
        coax::fast_timer timer;
        send_gate gate;
        std::unique_ptr<dialogue> talk;
        std::vector<char> incoming;
        time_point since{};  // of the connection
        bool open = false;   // there is one, or there will be
        bool started = false;
        bool silent = false;  // ended because it took too long
    };

    coax::task<error_code> connect(std::size_t index) override;
    coax::task<void> exchange(std::size_t index) override;
    void look_after(time_point now) override;
    void abandon() override;
    void count_unsent() override;

    coax::task<void> one_connection(place& p);
    coax::task<bool> ask(place& p);
    void end(place& p);
    void lose(place& p, const error_code& error);

    std::deque<place> places_;
    probe probe_;
};

}  // namespace coax::services
