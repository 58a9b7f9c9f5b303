// The context's surface over its engine, and its end in the order that Asio prescribes.
#include <coax/io_context.hpp>

#include "framework/context_service.hpp"
#include "framework/engine.hpp"

namespace coax {

namespace {

context_options kernel_options() { return {}; }

}  // namespace

io_context::io_context(int) : io_context(kernel_options()) {}

io_context::io_context(const context_options& options)
    : engine_(std::make_unique<detail::engine>(*this, *this, options)), loop_(engine_.get()) {
    detail::install_loop(*this, *loop_);
}

io_context::io_context(const context_options& options, detail::shard_place& place)
    : engine_(std::make_unique<detail::engine>(*this, *this, options, &place)),
      loop_(engine_.get()) {
    detail::install_loop(*this, *loop_);
}

#if BOOST_ASIO_VERSION >= 103300
io_context::io_context(const boost::asio::execution_context::service_maker& initial_services)
    : boost::asio::execution_context(initial_services),
      engine_(std::make_unique<detail::engine>(*this, *this, kernel_options())),
      loop_(engine_.get()) {
    detail::install_loop(*this, *loop_);
}
#endif

io_context::~io_context() {
    shutdown();
    engine_->discard_operations();
    engine_->shut_down();
    destroy();
}

io_context::count_type io_context::run() {
    return engine_->run_handlers(no_handler_limit, clock::time_point::max());
}

io_context::count_type io_context::run_one() {
    return engine_->run_handlers(1, clock::time_point::max());
}

io_context::count_type io_context::poll() {
    return engine_->run_handlers(no_handler_limit, clock::time_point::min());
}

io_context::count_type io_context::poll_one() {
    return engine_->run_handlers(1, clock::time_point::min());
}

io_context::count_type io_context::run_until_deadline(clock::time_point when, count_type most) {
    return engine_->run_handlers(most, when);
}

void io_context::stop() { engine_->stop(); }

bool io_context::stopped() const { return engine_->stopped(); }

void io_context::restart() { engine_->restart(); }

const backend_description& io_context::backend() const noexcept { return engine_->describe(); }

std::vector<counter> io_context::counters() const { return engine_->counters(); }

clock::time_point io_context::next_deadline() const noexcept { return engine_->next_deadline(); }

}  // namespace coax
