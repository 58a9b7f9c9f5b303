// A TCP relay: each client's connection gets one to the upstream, which may be on another backend.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <set>
#include <string>
#include <thread>

#include <boost/asio/executor_work_guard.hpp>

#include "services/program/options.hpp"
#include "services/proxy/relay.hpp"
#include "services/serve/server.hpp"

namespace coax::services {

class proxy_server final : public server {
  public:
    // `upstream`: the context for connections to the upstream, which gets a thread of its own;
    // none: they are on `io` as well. An exception that ends that thread is thrown on io's.
    proxy_server(coax::io_context& io, const coax::tcp::endpoint& listen_at, server_limits limits,
                 const upstream_target& target, std::unique_ptr<coax::io_context> upstream = {});
    // Calls finish().
    ~proxy_server() override;

    // Resets what is still open, on this thread, so that nothing of one context is left in the
    // other. To be called when nobody runs `io` any more.
    void finish() noexcept;

    const char* unit() const noexcept override { return "ended in order"; }
    std::string kind() const override;
    std::string details() const override;
    // The upstream's context; null if it is that of the clients. Its counters may be read after
    // finish().
    const coax::io_context* upstream_context() const noexcept { return owned_.get(); }

  private:
    coax::awaitable<void> converse(coax::fast_socket socket) override;
    void closing() override;
    void run_upstream();

    coax::io_context& io_;
    upstream_target target_;
    std::unique_ptr<coax::io_context> owned_;
    coax::io_context& upstream_;
    asio::executor_work_guard<coax::executor> work_;
    std::set<relay*> relays_;
    std::uint64_t failures_ = 0;  // upstreams that could not be reached
    std::uint64_t resets_ = 0;
    std::thread thread_;
};

}  // namespace coax::services
