// Starts and ends the thread.
#include "services/serve/background_server.hpp"

#include <boost/asio/post.hpp>

#include "services/program/context.hpp"

namespace coax::services {

background_server::background_server(const backend_options& backend)
    : io_(std::make_unique<coax::io_context>(context_options_of(backend))) {}

void background_server::run() {
    server_->start();
    thread_ = std::thread([this] { io_->run(); });
}

background_server::~background_server() {
    if (!thread_.joinable()) return;
    // The connections' ends must reach their peers: the context runs until no work is left.
    asio::post(*io_, [this] { server_->stop(); });
    thread_.join();
}

}  // namespace coax::services
