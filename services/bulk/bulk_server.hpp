// The other end of a bulk transfer: a sink takes what comes and drops it (RFC 863); a source also
// sends without end, until its client ends its own side (RFC 864, without its characters).
#pragma once

#include <memory>
#include <string>

#include "services/serve/server.hpp"

namespace coax::services {

class bulk_server final : public server {
  public:
    // `sends`: a source.
    bulk_server(coax::io_context& io, const coax::tcp::endpoint& listen_at, server_limits limits,
                bool sends)
        : server(io, listen_at, limits), io_(io), sends_(sends) {}

    const char* unit() const noexcept override { return "pieces"; }

  private:
    // Both coroutines of a connection hold it.
    struct transfer {
        explicit transfer(coax::fast_socket s) : socket(std::move(s)) {}
        coax::fast_socket socket;
        bool is_over = false;
    };

    coax::awaitable<void> converse(coax::fast_socket socket) override;
    coax::awaitable<void> send(std::shared_ptr<transfer> t);

    coax::io_context& io_;
    bool sends_;
};

}  // namespace coax::services
