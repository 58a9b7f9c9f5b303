// What TCP and UDP sockets share: blocking calls, and the checks before every call.
#include <cassert>
#include <cstring>

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <boost/asio/error.hpp>

#include <coax/detail/datagram_state.hpp>
#include <coax/detail/function_operation.hpp>
#include <coax/detail/socket_core.hpp>
#include <coax/detail/stream_state.hpp>

namespace coax::detail {

namespace error = boost::asio::error;
using boost::asio::socket_base;

namespace {

// A blocking call waits for one of these; the loop completes it where it is finished.
template <class Base>
class awaited final : public Base {
  public:
    awaited() : Base(&awaited::note, true) {}
    bool done = false;

  private:
    static void note(operation* o, bool) { static_cast<awaited*>(o)->done = true; }
};

}  // namespace

socket_core& socket_core::operator=(socket_core&& other) noexcept {
    if (this == &other) return *this;
    reset();
    loop_ = other.loop_;
    kind_ = other.kind_;
    state_ = std::move(other.state_);
    family_ = other.family_;
    non_blocking_ = other.non_blocking_;
    native_non_blocking_ = other.native_non_blocking_;
    connection_aborted_ = other.connection_aborted_;
    return *this;
}

void socket_core::reset() noexcept {
    error_code ignored;
    close(ignored);
}

bool socket_core::check_open(error_code& ec) const noexcept {
    assert(!loop_->running_elsewhere());  // only the thread that runs the context
    if (state_ != nullptr) {
        ec = {};
        return true;
    }
    ec = error::bad_descriptor;
    return false;
}

void socket_core::flush_if_outside() {
    if (!loop_->running_in_this_thread()) loop_->drive_once();
}

// --- state

void socket_core::open(int family, error_code& ec) {
    if (state_ != nullptr) {
        ec = error::already_open;
        return;
    }
    ec = {};
    if (kind_ == transport_kind::stream) state_ = loop_->open_stream(family, ec);
    else state_ = loop_->open_datagram(family, ec);
    if (ec) state_.reset();
    family_ = family;
    non_blocking_ = native_non_blocking_ = false;
}

void socket_core::take_over(std::unique_ptr<socket_state> accepted, int family) noexcept {
    state_ = std::move(accepted);
    family_ = family;
    non_blocking_ = native_non_blocking_ = false;
}

void socket_core::close(error_code& ec) {
    ec = {};
    if (state_ == nullptr) return;
    const loop::visit here(*loop_);
    if (!here) {
        // The thread that runs the context closes it.
        loop_->post(make_function_operation(
            [where = loop_, s = std::move(state_)]() mutable {
                static_cast<void>(s->close());
                retire(*where, std::move(s));
            },
            std::allocator<void>()));
        return;
    }
    ec = state_->close();
    retire(*loop_, std::move(state_));
    flush_if_outside();
}

// Destroys it; as soon as no start is on its way to it.
void socket_core::retire(loop& where, std::unique_ptr<socket_state> closed) {
    closed->note_closed();
    if (!closed->starts_expected()) return;
    where.post(make_function_operation(
        [&where, s = std::move(closed)]() mutable { retire(where, std::move(s)); },
        std::allocator<void>()));
}

void socket_core::bind(const ip_endpoint& local, error_code& ec) {
    if (check_open(ec)) ec = state_->bind(local);
}

void socket_core::shutdown(socket_base::shutdown_type what, error_code& ec) {
    if (!check_open(ec)) return;
    ec =
        state_->shutdown(what != socket_base::shutdown_send, what != socket_base::shutdown_receive);
    flush_if_outside();
}

void socket_core::cancel(error_code& ec) {
    if (check_open(ec)) state_->cancel_all();
}

ip_endpoint socket_core::local_endpoint(error_code& ec) const {
    return check_open(ec) ? state_->local_endpoint(ec) : ip_endpoint();
}

ip_endpoint socket_core::remote_endpoint(error_code& ec) const {
    return check_open(ec) ? state_->remote_endpoint(ec) : ip_endpoint();
}

std::size_t socket_core::available(error_code& ec) const {
    return check_open(ec) ? state_->available(ec) : 0;
}

bool socket_core::at_mark(error_code& ec) const {
    if (!check_open(ec)) return false;
    if (kind_ == transport_kind::stream) return static_cast<stream_state&>(*state_).at_mark(ec);
    ec = error::not_socket;
    return false;
}

int socket_core::native_handle() const noexcept {
    return state_ != nullptr ? state_->native_handle() : -1;
}

// --- options

// Asio's own option, of no kernel. An aborted connection never comes out of an accept here, with
// either transport: so it is only remembered.
bool socket_core::is_connection_aborted(int level, int name) noexcept {
    const socket_base::enable_connection_aborted option;
    const auto any = boost::asio::ip::tcp::v4();
    return level == option.level(any) && name == option.name(any);
}

void socket_core::set_option(int level, int name, const void* data, std::size_t size,
                             error_code& ec) {
    if (!check_open(ec)) return;
    if (!is_connection_aborted(level, name)) {
        ec = state_->set_option(level, name, data, size);
    } else if (size != sizeof(int)) {
        ec = error::invalid_argument;
    } else {
        int value = 0;
        std::memcpy(&value, data, sizeof value);
        connection_aborted_ = value != 0;
    }
}

std::size_t socket_core::get_option(int level, int name, void* data, std::size_t size,
                                    error_code& ec) const {
    if (!check_open(ec)) return size;
    if (!is_connection_aborted(level, name)) {
        ec = state_->get_option(level, name, data, &size);
    } else if (size != sizeof(int)) {
        ec = error::invalid_argument;
    } else {
        const int value = connection_aborted_ ? 1 : 0;
        std::memcpy(data, &value, sizeof value);
    }
    return size;
}

void socket_core::non_blocking(bool on, error_code& ec) {
    if (check_open(ec)) non_blocking_ = on;
}

void socket_core::native_non_blocking(bool on, error_code& ec) {
    if (!check_open(ec)) return;
    // As Asio: a native blocking descriptor under a non-blocking socket makes no sense.
    if (!on && non_blocking_) ec = error::invalid_argument;
    else native_non_blocking_ = on;
}

void socket_core::io_control(int name, void* data, error_code& ec) {
    if (!check_open(ec)) return;
    auto* const value = static_cast<int*>(data);
    switch (static_cast<unsigned>(name)) {
        case FIONREAD: *value = static_cast<int>(state_->available(ec)); return;
        case FIONBIO: non_blocking_ = *value != 0; return;
        case SIOCATMARK: *value = at_mark(ec) ? 1 : 0; return;
        default: ec = error::operation_not_supported;
    }
}

// --- blocking calls

bool socket_core::would_wait(const error_code& ec) const noexcept {
    return ec == error::would_block && !non_blocking_ && !native_non_blocking_;
}

void socket_core::connect(const ip_endpoint& remote, error_code& ec) {
    if (state_ == nullptr) open(remote.protocol().family(), ec);
    if (!check_open(ec)) return;
    awaited<connect_operation> o;
    o.remote = remote;
    aim(o);
    start(*loop_, &o);
    loop_->drive_until(o.done);
    ec = o.result;
}

void socket_core::wait(wait_kind kind, error_code& ec) {
    if (!check_open(ec)) return;
    awaited<wait_operation> o;
    o.kind = kind;
    aim(o);
    start(*loop_, &o);
    loop_->drive_until(o.done);
    ec = o.result;
}

// --- asynchronous operations

bool socket_core::open_for(connect_operation* o) {
    if (state_ == nullptr) {
        error_code ec;
        open(o->remote.protocol().family(), ec);
        if (ec) {
            finish(*loop_, o, ec);
            return false;
        }
    }
    aim(*o);
    return true;
}

void socket_core::start(loop&, connect_operation* o) { o->target->start_connect(o); }

void socket_core::start(loop& where, wait_operation* o) {
    if (o->target == nullptr) return finish(where, o, error::bad_descriptor);
    o->target->start_wait(o);
}

void socket_core::cancel_operation(loop&, operation* o) {
    auto* const pending = static_cast<socket_operation*>(o);
    if (pending->target != nullptr) pending->target->cancel(pending);
}

}  // namespace coax::detail
