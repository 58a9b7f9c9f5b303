// Opening, naming, connecting, closing and cancelling on the userspace stack. Data and accepts:
// stack_stream_data.cpp.
#include "framework/transport/stack_stream.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/error.hpp>

#include <coax/congestion.hpp>
#include <coax/tcp_options.hpp>

#include "framework/transport/stack_info.hpp"
#include "framework/transport/stack_transport.hpp"
#include "framework/transport/stack_values.hpp"

namespace coax::detail {

namespace error = boost::asio::error;

std::unique_ptr<stream_state> stack_stream::open(stack_transport& where, int family,
                                                 error_code& ec) {
    ec = where.check_open(family);
    if (ec) return nullptr;
    const auto id = where.stack().tcp_open(nullptr);
    if (!id) {
        ec = to_error_code(id.code());
        return nullptr;
    }
    ec = {};
    return std::unique_ptr<stream_state>(new stack_stream(where, family, *id, use::none));
}

stack_stream::stack_stream(stack_transport& where, int family, stack::tcp_socket id,
                           use as) noexcept
    : where_(where), id_(id), family_(family), use_(as) {
    where_.stack().tcp_set_user(id_, this);
    where_.enlist(*this);
}

stack_stream::~stack_stream() {
    stack_stream::close();
    where_.delist(*this);
}

// --- naming

error_code stack_stream::bind(const tcp_endpoint& local) {
    if (const error_code wrong = check_family(local, family_)) return wrong;
    if (use_ != use::none || bound_) return error::invalid_argument;
    if (spent_)
        if (const error_code failed = renew()) return failed;
    const stack::endpoint wanted = to_stack(local);
    const auto done = where_.stack().tcp_bind(id_, wanted, options_.reuse_address());
    if (!done) return to_error_code(done.code());
    bound_ = true;
    const auto ends = where_.stack().tcp_ends(id_);
    bound_to_ = ends ? ends->local : wanted;
    return {};
}

error_code stack_stream::listen(int backlog) {
    if (use_ != use::none && use_ != use::listening) return error::invalid_argument;
    if (spent_)
        if (const error_code failed = renew()) return failed;
    if (const error_code failed = apply_options()) return failed;
    const auto most = stack::tcp_config{}.listen_backlog_max;
    const auto wanted = std::clamp<std::uint32_t>(
        backlog < 0 ? most : static_cast<std::uint32_t>(backlog), 1, most);
    const auto done = where_.stack().tcp_listen(id_, wanted);
    if (!done) return to_error_code(done.code());
    use_ = use::listening;
    return {};
}

tcp_endpoint stack_stream::local_endpoint(error_code& ec) const {
    const auto ends = where_.stack().tcp_ends(id_);
    ec = {};
    if (ends) return to_asio(ends->local, family_);
    if (bound_) return to_asio(bound_to_, family_);
    return to_asio({}, family_);  // as getsockname(2) of an unbound socket
}

tcp_endpoint stack_stream::remote_endpoint(error_code& ec) const {
    const auto ends = where_.stack().tcp_ends(id_);
    if (use_ != use::connected || failed_ || !ends) {
        ec = error::not_connected;
        return {};
    }
    ec = {};
    return to_asio(ends->remote, family_);
}

connection_info stack_stream::info(error_code& ec) const {
    const auto known = where_.stack().tcp_info(id_, where_.present());
    ec = to_error_code(known.code());
    return known ? to_public(*known) : connection_info();
}

// --- options

error_code stack_stream::set_option(int level, int name, const void* data, std::size_t size) {
    if (const error_code failed = options_.set(level, name, data, size)) return failed;
    return spent_ ? error_code{} : apply_option(level, name);
}

error_code stack_stream::get_option(int level, int name, void* data, std::size_t* size) const {
    const bool sizes = level == SOL_SOCKET && (name == SO_SNDBUF || name == SO_RCVBUF);
    if (!sizes && (level != IPPROTO_TCP || name != TCP_CONGESTION))
        return options_.get(level, name, data, size);
    // The stack knows: it may come from a listener, or from the context, or have been tuned.
    const auto info = where_.stack().tcp_info(id_);
    if (sizes) {
        if (!info || spent_) return options_.get(level, name, data, size);
        const int bytes =
            static_cast<int>(name == SO_SNDBUF ? info->send_capacity : info->receive_capacity);
        if (*size < sizeof bytes) return error::invalid_argument;
        std::memcpy(data, &bytes, *size = sizeof bytes);
        return {};
    }
    const std::string_view is = info ? info->congestion : std::string_view(options_.congestion());
    if (*size == 0) return error::invalid_argument;
    *size = std::min(*size, congestion_name_size);
    std::memset(data, 0, *size);
    std::memcpy(data, is.data(), std::min(*size, is.size()));
    return {};
}

error_code stack_stream::apply_options() noexcept {
    stack::ip_stack& s = where_.stack();
    const stack::instant now = where_.present();
    // A listener's options are those of the connections it accepts.
    auto done = s.tcp_set_no_delay(id_, options_.no_delay(), now);
    if (done) done = s.tcp_set_cork(id_, options_.cork(), now);
    if (done) done = s.tcp_set_urgent_inline(id_, options_.urgent_inline());
    if (done) done = apply_ip_options();
    if (done) done = s.tcp_set_keep_alive(id_, options_.keep_alive(), now);
    if (done) done = apply_times();
    if (done && options_.send_buffer() != 0)
        done = s.tcp_set_send_buffer(id_, options_.send_buffer());
    if (done && options_.receive_buffer() != 0)
        done = s.tcp_set_receive_buffer(id_, options_.receive_buffer());
    if (done) done = apply_congestion();
    return to_error_code(done.code());
}

stack::status stack_stream::apply_ip_options() noexcept {
    stack::ip_stack& s = where_.stack();
    const auto done = s.tcp_set_traffic_class(id_, options_.traffic_class());
    return done ? s.tcp_set_hops(id_, options_.hops()) : done;
}

stack::status stack_stream::apply_congestion() noexcept {
    stack::ip_stack& s = where_.stack();
    stack::status done;
    if (!options_.congestion().empty())
        done = s.tcp_set_congestion(id_, options_.congestion(), where_.present());
    if (done && options_.ecn())
        done = s.tcp_set_ecn(id_, *options_.ecn() ? stack::ecn_use::request : stack::ecn_use::off);
    if (done && options_.pacing()) done = s.tcp_set_pacing(id_, *options_.pacing());
    if (done && options_.idle()) done = s.tcp_set_idle_window(id_, *options_.idle());
    return done;
}

stack::status stack_stream::apply_times() noexcept {
    stack::ip_stack& s = where_.stack();
    stack::status done;
    const auto times = options_.keep_alive_times();
    if (times.idle != stack::duration::zero() || times.interval != stack::duration::zero() ||
        times.probes != 0)
        done = s.tcp_set_keep_alive_times(id_, times, where_.present());
    if (done) done = s.tcp_set_user_timeout(id_, options_.user_timeout());
    if (done) done = s.tcp_set_linger(id_, options_.linger_time());
    return done;
}

// The one that changed: the others stay as they are, with what they hold back.
error_code stack_stream::apply_option(int level, int name) noexcept {
    stack::ip_stack& s = where_.stack();
    const stack::instant now = where_.present();
    stack::status done;
    if (level == IPPROTO_TCP && name == TCP_NODELAY)
        done = s.tcp_set_no_delay(id_, options_.no_delay(), now);
    else if (level == IPPROTO_TCP && name == TCP_CORK)
        done = s.tcp_set_cork(id_, options_.cork(), now);
    else if (level == SOL_SOCKET && name == SO_KEEPALIVE)
        done = s.tcp_set_keep_alive(id_, options_.keep_alive(), now);
    else if (level == SOL_SOCKET && name == SO_OOBINLINE)
        done = s.tcp_set_urgent_inline(id_, options_.urgent_inline());
    else if (level == IPPROTO_IP || level == IPPROTO_IPV6) done = apply_ip_options();
    else if (level == SOL_SOCKET && name == SO_SNDBUF)
        done = s.tcp_set_send_buffer(id_, options_.send_buffer());
    else if (level == SOL_SOCKET && name == SO_RCVBUF)
        done = s.tcp_set_receive_buffer(id_, options_.receive_buffer());
    else if (name == TCP_CONGESTION || level == stack_option_level) done = apply_congestion();
    else done = apply_times();
    return to_error_code(done.code());
}

// --- connecting

// A fresh id in the place of one that failed to connect, with what was set on it.
error_code stack_stream::renew() noexcept {
    stack::ip_stack& s = where_.stack();
    if (id_) s.tcp_abort(id_, where_.present());
    id_ = {};
    const auto fresh = s.tcp_open(this);
    if (!fresh) return to_error_code(fresh.code());
    id_ = *fresh;
    spent_ = failed_ = failure_told_ = false;
    use_ = use::none;
    if (bound_) {
        const auto done = s.tcp_bind(id_, bound_to_, options_.reuse_address());
        if (!done) return to_error_code(done.code());
    }
    return apply_options();
}

void stack_stream::start_connect(connect_operation* o) {
    if (where_.is_dead()) return finish(o, error::network_down);
    if (use_ == use::connected) return finish(o, error::already_connected);
    if (use_ == use::connecting) return finish(o, error::already_started);
    if (use_ == use::listening) return finish(o, error::invalid_argument);
    if (const error_code wrong = check_family(o->remote, family_)) return finish(o, wrong);
    if (spent_)
        if (const error_code failed = renew()) return finish(o, failed);
    const auto done = where_.stack().tcp_connect(id_, to_stack(o->remote), where_.present());
    if (!done) return finish(o, to_error_code(done.code()));
    use_ = use::connecting;
    connecting_ = o;
}

void stack_stream::end_connect(error_code result) noexcept {
    use_ = result ? use::none : use::connected;
    spent_ = static_cast<bool>(result);
    connect_operation* const o = std::exchange(connecting_, nullptr);
    if (o != nullptr) finish(o, result);
}

// --- events

void stack_stream::on_event(stack::tcp::readiness ready) noexcept {
    if (use_ != use::connected || ready.failed) [[unlikely]]
        on_change(ready);
    if (!urgent_reads_.empty()) [[unlikely]]
        serve_urgent_reads();  // before reading on passes it
    if (!reads_.empty()) serve_reads();
    if (!writes_.empty()) serve_writes();
    if (!waits_.empty()) serve_waits();
}

void stack_stream::on_change(stack::tcp::readiness ready) noexcept {
    if (use_ == use::connecting) {
        if (ready.failed) end_connect(to_error_code(where_.stack().tcp_error(id_)));
        else if (ready.connected) end_connect({});
    } else if (ready.failed) {
        failed_ = true;
    }
    if (use_ == use::listening) serve_accepts();
}

void stack_stream::fail_operations(error_code why) noexcept {
    if (connecting_ != nullptr) end_connect(why);
    failed_ = true;
    finish_all(accepts_, why);
    finish_all(reads_, why);
    finish_all(urgent_reads_, why);
    finish_all(writes_, why);
    finish_all(waits_, why);
}

void stack_stream::finish_all(operation_queue& pending, error_code result) noexcept {
    while (operation* const o = pending.pop()) finish(static_cast<socket_operation*>(o), result);
}

// --- ending

void stack_stream::cancel(socket_operation* o) {
    if (o == connecting_) {
        // The attempt is withdrawn; should the peer have answered meanwhile, it gets a reset.
        end_connect(error::operation_aborted);
        static_cast<void>(renew());
        return;
    }
    for (operation_queue* const queue : {&reads_, &writes_, &accepts_, &waits_, &urgent_reads_})
        if (queue->remove(o)) return finish(o, error::operation_aborted);
}

void stack_stream::cancel_all() {
    if (connecting_ != nullptr) cancel(connecting_);
    for (operation_queue* const queue : {&accepts_, &reads_, &writes_, &waits_, &urgent_reads_})
        finish_all(*queue, error::operation_aborted);
}

error_code stack_stream::shutdown(bool receive, bool send) {
    if (use_ != use::connected) return error::not_connected;
    using stack::tcp::shutdown_side;
    const auto side = receive && send ? shutdown_side::both
                      : receive       ? shutdown_side::receive
                                      : shutdown_side::send;
    const auto done = where_.stack().tcp_shutdown(id_, side, where_.present());
    serve_urgent_reads();
    serve_reads();  // those that wait now end with end of file
    serve_writes();
    serve_waits();
    return to_error_code(done.code());
}

error_code stack_stream::close() {
    cancel_all();
    parked_.reset();
    if (!id_) return {};
    stack::ip_stack& s = where_.stack();
    s.tcp_set_user(id_, nullptr);
    if (options_.abort_on_close()) s.tcp_abort(id_, where_.present());
    else s.tcp_close(id_, where_.present());
    id_ = {};
    return {};
}

}  // namespace coax::detail
