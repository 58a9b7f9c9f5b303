// Keys and values over TCP, in the protocol of Redis: RESP2 and RESP3. In memory only.
#pragma once

#include <memory>
#include <string>

#include "services/kv/conversation.hpp"
#include "services/serve/server.hpp"

namespace coax::services {

class kv_server final : public server {
  public:
    kv_server(coax::io_context& io, const coax::tcp::endpoint& listen_at, server_limits limits,
              kv::store_limits store);

    const char* unit() const noexcept override { return "commands"; }
    std::string kind() const override;

  private:
    class session;
    struct shared_state;

    coax::awaitable<void> converse(coax::fast_socket socket) override;
    coax::awaitable<void> speak(std::shared_ptr<session> s);
    // While there are connections: removes what has expired, closes who takes no answers.
    static coax::awaitable<void> keep_time(std::shared_ptr<shared_state> shared);

    coax::io_context& io_;
    std::shared_ptr<shared_state> shared_;
};

}  // namespace coax::services
