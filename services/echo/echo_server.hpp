// The echo protocol (RFC 862): what comes goes back, over TCP and, if asked for, over UDP.
#pragma once

#include <optional>
#include <string>

#include "services/serve/server.hpp"

namespace coax::services {

class echo_server final : public server {
  public:
    // `datagrams`: the same port answers over UDP, too.
    echo_server(coax::io_context& io, const coax::tcp::endpoint& listen_at, server_limits limits,
                bool datagrams = false);

    const char* unit() const noexcept override { return "messages"; }
    std::string kind() const override;
    std::string details() const override;

  private:
    void opening() override;
    void closing() override;
    coax::awaitable<void> converse(coax::fast_socket socket) override;
    coax::awaitable<void> answer_datagrams();

    coax::io_context& io_;
    std::optional<coax::fast_udp_socket> datagrams_;
    std::uint64_t datagrams_answered_ = 0;  // of statistics().requests
    std::uint64_t datagrams_ignored_ = 0;   // see answer_datagrams()
};

}  // namespace coax::services
