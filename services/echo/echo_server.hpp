// The echo protocol (RFC 862): what comes goes back.
#pragma once

#include "services/serve/server.hpp"

namespace coax::services {

class echo_server final : public server {
  public:
    using server::server;

    const char* unit() const noexcept override { return "messages"; }

  private:
    coax::awaitable<void> converse(coax::fast_socket socket) override;
};

}  // namespace coax::services
