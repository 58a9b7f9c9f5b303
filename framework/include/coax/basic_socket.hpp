// asio::basic_socket for coax::tcp and coax::udp: what sockets of every executor have in common.
// Names, signatures and errors are Asio's; its reference describes them. What differs:
// - threads: only from the thread that runs the context, or while none does. Exceptions: starting
//   an asynchronous operation, close() and the destructor, which are handed over to that thread;
//   the socket must then stay where it is until the operation has completed.
// - blocking calls turn the I/O of the whole context while they wait, but run no handler.
// - assign() and release() answer operation_not_supported; native_handle() is the descriptor with
//   backend `kernel`, else a number that only names the socket.
// Every operation obeys terminal, partial and total cancellation, and leaves the socket usable.
// Nothing completes inside the call that starts it, unless the handler has an immediate executor
// (asio::bind_immediate_executor, Boost 1.82): what ends at once, with success or an error, then
// goes to that one. A coax::task goes on without a turn of the loop, at most 16 times in a row.
#pragma once

#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/basic_socket.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/socket_base.hpp>

#include <coax/detail/datagram_core.hpp>
#include <coax/detail/find_loop.hpp>
#include <coax/detail/handler_operation.hpp>
#include <coax/detail/stream_core.hpp>

namespace coax {
class tcp;
class udp;
}  // namespace coax

namespace coax::detail {

template <class Protocol>
concept coax_protocol = std::is_same_v<Protocol, tcp> || std::is_same_v<Protocol, udp>;
template <class Protocol>
using core_of = std::conditional_t<std::is_same_v<Protocol, tcp>, stream_core, datagram_core>;

// Handler arguments of operations that only succeed or fail.
struct only_error {
    std::tuple<error_code> operator()(socket_operation& o) const { return {o.result}; }
};

template <class Context>
concept execution_context_type = std::is_convertible_v<Context&, boost::asio::execution_context&>;

// What the covers of sockets and acceptors share: executor, core, options, and the calls that do
// not depend on which of the two it is.
template <class Protocol, class Executor>
class socket_cover : public boost::asio::socket_base {
  public:
    using executor_type = Executor;
    using protocol_type = Protocol;
    using endpoint_type = typename Protocol::endpoint;
    using native_handle_type = int;

    const executor_type& get_executor() noexcept { return executor_; }
    bool is_open() const noexcept { return core_.is_open(); }
    native_handle_type native_handle() { return core_.native_handle(); }

    void open(const protocol_type& protocol = protocol_type::v4()) {
        error_code ec;
        open(protocol, ec);
        throw_if(ec, "open");
    }
    error_code open(const protocol_type& protocol, error_code& ec) {
        core_.open(protocol.family(), ec);
        return ec;
    }
    void assign(const protocol_type&, const native_handle_type&) {
        throw_if(boost::asio::error::operation_not_supported, "assign");
    }
    error_code assign(const protocol_type&, const native_handle_type&, error_code& ec) {
        return ec = boost::asio::error::operation_not_supported;
    }
    native_handle_type release() {
        throw_if(boost::asio::error::operation_not_supported, "release");
        return -1;
    }
    native_handle_type release(error_code& ec) {
        ec = boost::asio::error::operation_not_supported;
        return -1;
    }
    void close() {
        error_code ec;
        close(ec);
        throw_if(ec, "close");
    }
    error_code close(error_code& ec) {
        core_.close(ec);
        return ec;
    }
    void cancel() {
        error_code ec;
        cancel(ec);
        throw_if(ec, "cancel");
    }
    error_code cancel(error_code& ec) {
        core_.cancel(ec);
        return ec;
    }
    void bind(const endpoint_type& local) {
        error_code ec;
        bind(local, ec);
        throw_if(ec, "bind");
    }
    error_code bind(const endpoint_type& local, error_code& ec) {
        core_.bind(to_ip(local), ec);
        return ec;
    }
    // Beyond Asio: what the connection knows of itself (<coax/connection_info.hpp>). Not cheap
    // enough for each message. bad_descriptor: not open.
    coax::connection_info info() const
        requires std::is_same_v<Protocol, tcp>
    {
        error_code ec;
        coax::connection_info i = info(ec);
        throw_if(ec, "info");
        return i;
    }
    coax::connection_info info(error_code& ec) const
        requires std::is_same_v<Protocol, tcp>
    {
        return core_.info(ec);
    }

    endpoint_type local_endpoint() const {
        error_code ec;
        const endpoint_type e = local_endpoint(ec);
        throw_if(ec, "local_endpoint");
        return e;
    }
    endpoint_type local_endpoint(error_code& ec) const {
        return from_ip<endpoint_type>(core_.local_endpoint(ec));
    }

    template <class Option>
    void set_option(const Option& option) {
        error_code ec;
        set_option(option, ec);
        throw_if(ec, "set_option");
    }
    template <class Option>
    error_code set_option(const Option& option, error_code& ec) {
        const auto p = asio_protocol();
        core_.set_option(option.level(p), option.name(p), option.data(p), option.size(p), ec);
        return ec;
    }
    template <class Option>
    void get_option(Option& option) const {
        error_code ec;
        get_option(option, ec);
        throw_if(ec, "get_option");
    }
    template <class Option>
    error_code get_option(Option& option, error_code& ec) const {
        const auto p = asio_protocol();
        const std::size_t size =
            core_.get_option(option.level(p), option.name(p), option.data(p), option.size(p), ec);
        if (!ec) option.resize(p, size);
        return ec;
    }
    template <class Command>
    void io_control(Command& command) {
        error_code ec;
        io_control(command, ec);
        throw_if(ec, "io_control");
    }
    template <class Command>
    error_code io_control(Command& command, error_code& ec) {
        core_.io_control(command.name(), command.data(), ec);
        return ec;
    }

    bool non_blocking() const { return core_.non_blocking(); }
    void non_blocking(bool mode) {
        error_code ec;
        non_blocking(mode, ec);
        throw_if(ec, "non_blocking");
    }
    error_code non_blocking(bool mode, error_code& ec) {
        core_.non_blocking(mode, ec);
        return ec;
    }
    bool native_non_blocking() const { return core_.native_non_blocking(); }
    void native_non_blocking(bool mode) {
        error_code ec;
        native_non_blocking(mode, ec);
        throw_if(ec, "native_non_blocking");
    }
    error_code native_non_blocking(bool mode, error_code& ec) {
        core_.native_non_blocking(mode, ec);
        return ec;
    }

    void wait(wait_type w) {
        error_code ec;
        wait(w, ec);
        throw_if(ec, "wait");
    }
    error_code wait(wait_type w, error_code& ec) {
        core_.wait(kind_of(w), ec);
        return ec;
    }
    // void(error_code)
    template <class Token = coax::detail::default_token_t<Executor>>
    auto async_wait(wait_type w, Token&& token = coax::detail::default_token_t<Executor>()) {
        return boost::asio::async_initiate<Token, void(error_code)>(initiate_wait{this}, token, w);
    }

  protected:
    using core_type = core_of<Protocol>;
    template <class, class>
    friend class socket_cover;

    explicit socket_cover(const Executor& e) : executor_(e), core_(find_loop_of(e)) {}
    template <class Other>
    explicit socket_cover(socket_cover<Protocol, Other>&& other)
        : executor_(other.executor_), core_(std::move(other.core_)) {}
    socket_cover(socket_cover&& other) noexcept
        // NOLINTNEXTLINE(performance-move-constructor-init): as Asio, who was moved from keeps it
        : executor_(other.executor_), core_(std::move(other.core_)) {}
    // The executor comes along: the socket stays on the context it is open on.
    // NOLINTNEXTLINE(performance-noexcept-move-constructor): an executor's assignment may throw
    socket_cover& operator=(socket_cover&& other) {
        if (this == &other) return *this;
        core_ = std::move(other.core_);
        executor_ = other.executor_;
        return *this;
    }
    ~socket_cover() = default;

    // A start of any kind: `Base` says what, `start(loop&, Base*)` does it.
    template <class Base, class Finish, class Handler, class Prepare, class Start>
    void start_operation(Handler&& handler, Finish finish, Prepare prepare, Start start) {
        using concrete = handler_operation<Base, std::decay_t<Handler>, Executor, Finish>;
        auto* const o = concrete::make(std::forward<Handler>(handler), executor_, core_.get_loop(),
                                       std::move(finish));
        prepare(static_cast<Base&>(*o));
        core_.aim(*o);
        loop& where = core_.get_loop();
        begin(where, o, executor_, &socket_core::cancel_operation,
              [&where, start](Base* started) { start(where, started); });
    }
    // The handler wants to run where the loop would call it directly.
    template <class Handler>
    bool runs_in_loop(const Handler& handler) const noexcept {
        using wanted = boost::asio::associated_executor_t<Handler, Executor>;
        if constexpr (std::is_same_v<wanted, coax::executor>)
            return boost::asio::get_associated_executor(handler, executor_) ==
                   coax::executor(core_.get_loop());
        else return false;
    }
    core_type& core() noexcept { return core_; }
    const core_type& core() const noexcept { return core_; }

  private:
    // For options, whose level may depend on the family.
    auto asio_protocol() const noexcept {
        using asio = typename endpoint_type::protocol_type;
        return core_.family() == AF_INET6 ? asio::v6() : asio::v4();
    }
    static wait_kind kind_of(wait_type w) noexcept {
        if (w == wait_read) return wait_kind::read;
        return w == wait_write ? wait_kind::write : wait_kind::error;
    }
    struct initiate_wait {
        using executor_type = Executor;
        socket_cover* self;
        const executor_type& get_executor() const noexcept { return self->get_executor(); }
        template <class Handler>
        void operator()(Handler&& handler, wait_type w) const {
            self->template start_operation<wait_operation>(
                std::forward<Handler>(handler), only_error{},
                [w](wait_operation& o) { o.kind = kind_of(w); },
                [](loop& where, wait_operation* o) { core_type::start(where, o); });
        }
    };

    Executor executor_;
    core_type core_;
};

}  // namespace coax::detail

namespace boost::asio {

template <class Protocol, class Executor>
    requires coax::detail::coax_protocol<Protocol>
class basic_socket<Protocol, Executor> : public coax::detail::socket_cover<Protocol, Executor> {
    using cover = coax::detail::socket_cover<Protocol, Executor>;
    using error_code = boost::system::error_code;

  public:
    using typename cover::endpoint_type;
    using typename cover::executor_type;
    using typename cover::protocol_type;
    using lowest_layer_type = basic_socket;
    template <class Other>
    struct rebind_executor {
        using other = basic_socket<Protocol, Other>;
    };

    lowest_layer_type& lowest_layer() noexcept { return *this; }
    const lowest_layer_type& lowest_layer() const noexcept { return *this; }

    bool at_mark() const {
        error_code ec;
        const bool at = at_mark(ec);
        coax::detail::throw_if(ec, "at_mark");
        return at;
    }
    bool at_mark(error_code& ec) const { return this->core().at_mark(ec); }
    std::size_t available() const {
        error_code ec;
        const std::size_t n = available(ec);
        coax::detail::throw_if(ec, "available");
        return n;
    }
    std::size_t available(error_code& ec) const { return this->core().available(ec); }

    void connect(const endpoint_type& remote) {
        error_code ec;
        connect(remote, ec);
        coax::detail::throw_if(ec, "connect");
    }
    error_code connect(const endpoint_type& remote, error_code& ec) {
        this->core().connect(coax::detail::to_ip(remote), ec);
        return ec;
    }
    // void(error_code). Opens the socket if it is not open. Cancelled: the attempt is withdrawn and
    // the socket stays open, unconnected.
    template <class Token = coax::detail::default_token_t<Executor>>
    auto async_connect(const endpoint_type& remote,
                       Token&& token = coax::detail::default_token_t<Executor>()) {
        return async_initiate<Token, void(error_code)>(initiate_connect{this}, token, remote);
    }

    endpoint_type remote_endpoint() const {
        error_code ec;
        const endpoint_type e = remote_endpoint(ec);
        coax::detail::throw_if(ec, "remote_endpoint");
        return e;
    }
    endpoint_type remote_endpoint(error_code& ec) const {
        return coax::detail::from_ip<endpoint_type>(this->core().remote_endpoint(ec));
    }
    void shutdown(socket_base::shutdown_type what) {
        error_code ec;
        shutdown(what, ec);
        coax::detail::throw_if(ec, "shutdown");
    }
    error_code shutdown(socket_base::shutdown_type what, error_code& ec) {
        this->core().shutdown(what, ec);
        return ec;
    }

  protected:
    template <class, class>
    friend class basic_socket_acceptor;

    explicit basic_socket(const executor_type& e) : cover(e) {}
    basic_socket(const executor_type& e, const protocol_type& protocol) : cover(e) {
        this->open(protocol);
    }
    basic_socket(const executor_type& e, const endpoint_type& local) : cover(e) {
        this->open(local.protocol());
        this->bind(local);
    }
    basic_socket(basic_socket&&) noexcept = default;
    basic_socket& operator=(basic_socket&&) = default;
    template <class Other>
    explicit basic_socket(basic_socket<Protocol, Other>&& other) : cover(std::move(other)) {}
    ~basic_socket() = default;

  private:
    struct initiate_connect {
        using executor_type = Executor;
        basic_socket* self;
        const executor_type& get_executor() const noexcept { return self->get_executor(); }
        template <class Handler>
        void operator()(Handler&& handler, const endpoint_type& remote) const {
            using coax::detail::connect_operation;
            self->template start_operation<connect_operation>(
                std::forward<Handler>(handler), coax::detail::only_error{},
                [&remote](connect_operation& o) { o.remote = coax::detail::to_ip(remote); },
                [core = &self->core()](coax::detail::loop& where, connect_operation* o) {
                    if (o->target != nullptr || core->open_for(o))
                        coax::detail::socket_core::start(where, o);
                });
        }
    };
};

}  // namespace boost::asio
