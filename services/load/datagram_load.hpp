// Datagrams that a server of echo sends back, over as many sockets as asked for. Each carries its
// number, so that answers may come in any order, late, twice or never.
#pragma once

#include <memory>
#include <vector>

#include "services/load/load_part.hpp"
#include "services/load/probe.hpp"

namespace coax::services {

class datagram_load final : public load_part {
  public:
    datagram_load(coax::io_context& io, const load_options& options, share mine);
    ~datagram_load() override;

  private:
    class caller;

    coax::task<error_code> connect(std::size_t index) override;
    coax::task<void> exchange(std::size_t index) override;
    void look_after(time_point now) override;
    void abandon() override;
    void count_unsent() override;

    probe probe_;
    std::vector<std::unique_ptr<caller>> callers_;
};

}  // namespace coax::services
