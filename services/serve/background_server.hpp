// A server on a context and thread of its own, beside the command that uses it: the second host on
// a wire, where nobody else could be.
#pragma once

#include <memory>
#include <thread>

#include "services/echo/echo_server.hpp"
#include "services/http/http_server.hpp"
#include "services/program/options.hpp"

namespace coax::services {

class background_server {
  public:
    // `make` is called with the new context, on this thread; its server runs on another.
    template <class Make>
    background_server(const backend_options& backend, Make make) : background_server(backend) {
        server_ = make(*io_);
        run();
    }
    // Stops the server and joins the thread.
    ~background_server();
    background_server(const background_server&) = delete;
    background_server& operator=(const background_server&) = delete;

    const coax::io_context& context() const noexcept { return *io_; }

  private:
    explicit background_server(const backend_options& backend);
    void run();

    std::unique_ptr<coax::io_context> io_;
    std::unique_ptr<server> server_;
    std::thread thread_;
};

}  // namespace coax::services
