// Bulk: connections on which bytes go as fast as they will, one way or both. Nothing is compared.
#pragma once

#include <deque>
#include <vector>

#include "services/load/load_part.hpp"

namespace coax::services {

class stream_load final : public load_part {
  public:
    stream_load(coax::io_context& io, const load_options& options, share mine);

  private:
    struct stream {
        explicit stream(coax::io_context& io) : socket(io) {}
        coax::fast_socket socket;
        time_point moved{};  // when bytes last did
        time_point ended{};  // when our end has been sent
        bool started = false;
        bool writing = false;
        bool finished = false;  // our end has been sent: the peer's is awaited
        bool silent = false;    // ended because nothing moved
        bool over = false;
    };

    coax::task<error_code> connect(std::size_t index) override;
    coax::task<void> exchange(std::size_t index) override;
    void look_after(time_point now) override;
    void abandon() override;

    void write(stream& s);
    void finish(stream& s);
    void give_up(stream& s);
    bool is_over(time_point now) const noexcept { return now >= plan().stop; }
    bool sends() const noexcept { return options().direction != stream_direction::receive; }

    std::vector<char> block_;  // what every connection sends
    std::vector<char> drain_;  // where every connection's bytes go
    std::deque<stream> streams_;
};

}  // namespace coax::services
