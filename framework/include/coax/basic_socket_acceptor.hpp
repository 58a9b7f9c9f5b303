// asio::basic_socket_acceptor for coax::tcp: coax::tcp::acceptor and coax::fast_acceptor.
// See basic_socket.hpp for what differs from Asio's.
#pragma once

#include <type_traits>
#include <utility>

#include <boost/asio/basic_socket_acceptor.hpp>

#include <coax/basic_socket.hpp>
#include <coax/basic_stream_socket.hpp>

namespace boost::asio {

// Several accepts may be outstanding: they are served in order.
template <class Executor>
class basic_socket_acceptor<coax::tcp, Executor>
    : public coax::detail::socket_cover<coax::tcp, Executor> {
    using cover = coax::detail::socket_cover<coax::tcp, Executor>;
    using error_code = boost::system::error_code;
    using stream_state = coax::detail::stream_state;
    template <class PeerExecutor>
    using socket_on = basic_stream_socket<coax::tcp, PeerExecutor>;
    template <class E>
    static constexpr bool is_executor_type =
        execution::is_executor_v<E> || asio::is_executor<E>::value;

  public:
    using typename cover::endpoint_type;
    using typename cover::executor_type;
    using typename cover::protocol_type;
    template <class Other>
    struct rebind_executor {
        using other = basic_socket_acceptor<coax::tcp, Other>;
    };

    explicit basic_socket_acceptor(const executor_type& e) : cover(e) {}
    basic_socket_acceptor(const executor_type& e, const protocol_type& p) : cover(e) {
        this->open(p);
    }
    // Open, bound and listening.
    basic_socket_acceptor(const executor_type& e, const endpoint_type& local, bool reuse = true)
        : cover(e) {
        this->open(local.protocol());
        if (reuse) this->set_option(socket_base::reuse_address(true));
        this->bind(local);
        listen();
    }
    // There only for those who name it: throws, as assign() does.
    basic_socket_acceptor(const executor_type& e, const protocol_type& p,
                          const typename cover::native_handle_type& handle)
        : cover(e) {
        this->assign(p, handle);
    }
    template <coax::detail::execution_context_type Context>
    basic_socket_acceptor(Context& c, const protocol_type& p,
                          const typename cover::native_handle_type& handle)
        : basic_socket_acceptor(c.get_executor(), p, handle) {}
    template <coax::detail::execution_context_type Context>
    explicit basic_socket_acceptor(Context& c) : basic_socket_acceptor(c.get_executor()) {}
    template <coax::detail::execution_context_type Context>
    basic_socket_acceptor(Context& c, const protocol_type& p)
        : basic_socket_acceptor(c.get_executor(), p) {}
    template <coax::detail::execution_context_type Context>
    basic_socket_acceptor(Context& c, const endpoint_type& local, bool reuse = true)
        : basic_socket_acceptor(c.get_executor(), local, reuse) {}

    basic_socket_acceptor(basic_socket_acceptor&&) noexcept = default;
    basic_socket_acceptor& operator=(basic_socket_acceptor&&) = default;
    template <class Other>
        requires std::is_convertible_v<Other, Executor> && (!std::is_same_v<Other, Executor>)
    basic_socket_acceptor(basic_socket_acceptor<coax::tcp, Other>&& other)
        : cover(std::move(other)) {}
    template <class Other>
        requires std::is_convertible_v<Other, Executor> && (!std::is_same_v<Other, Executor>)
    basic_socket_acceptor& operator=(basic_socket_acceptor<coax::tcp, Other>&& other) {
        return *this = basic_socket_acceptor(std::move(other));
    }
    ~basic_socket_acceptor() = default;

    void listen(int backlog = socket_base::max_listen_connections) {
        error_code ec;
        listen(backlog, ec);
        coax::detail::throw_if(ec, "listen");
    }
    error_code listen(int backlog, error_code& ec) {
        this->core().listen(backlog, ec);
        return ec;
    }

    // --- blocking: into a peer that is not open, or as a new socket
    template <class PeerExecutor>
    void accept(basic_socket<coax::tcp, PeerExecutor>& peer) {
        error_code ec;
        accept(peer, ec);
        coax::detail::throw_if(ec, "accept");
    }
    template <class PeerExecutor>
    error_code accept(basic_socket<coax::tcp, PeerExecutor>& peer, error_code& ec) {
        endpoint_type ignored;
        return accept(peer, ignored, ec);
    }
    template <class PeerExecutor>
    void accept(basic_socket<coax::tcp, PeerExecutor>& peer, endpoint_type& remote) {
        error_code ec;
        accept(peer, remote, ec);
        coax::detail::throw_if(ec, "accept");
    }
    template <class PeerExecutor>
    error_code accept(basic_socket<coax::tcp, PeerExecutor>& peer, endpoint_type& remote,
                      error_code& ec) {
        if (peer.is_open()) return ec = error::already_open;
        auto accepted = this->core().accept(remote, ec);
        if (accepted) peer.core().adopt(std::move(accepted), remote.protocol().family());
        return ec;
    }
    socket_on<Executor> accept() { return accept(this->get_executor()); }
    socket_on<Executor> accept(error_code& ec) { return accept(this->get_executor(), ec); }
    socket_on<Executor> accept(endpoint_type& remote) {
        return accept(this->get_executor(), remote);
    }
    socket_on<Executor> accept(endpoint_type& remote, error_code& ec) {
        return accept(this->get_executor(), remote, ec);
    }
    template <class E>
        requires is_executor_type<E>
    socket_on<E> accept(const E& e) {
        endpoint_type ignored;
        return accept(e, ignored);
    }
    template <class E>
        requires is_executor_type<E>
    socket_on<E> accept(const E& e, error_code& ec) {
        endpoint_type ignored;
        return accept(e, ignored, ec);
    }
    template <class E>
        requires is_executor_type<E>
    socket_on<E> accept(const E& e, endpoint_type& remote) {
        error_code ec;
        auto peer = accept(e, remote, ec);
        coax::detail::throw_if(ec, "accept");
        return peer;
    }
    template <class E>
        requires is_executor_type<E>
    socket_on<E> accept(const E& e, endpoint_type& remote, error_code& ec) {
        socket_on<E> peer(e);
        accept(peer, remote, ec);
        return peer;
    }
    template <coax::detail::execution_context_type Context>
    socket_on<typename Context::executor_type> accept(Context& c) {
        return accept(c.get_executor());
    }
    template <coax::detail::execution_context_type Context>
    socket_on<typename Context::executor_type> accept(Context& c, error_code& ec) {
        return accept(c.get_executor(), ec);
    }
    template <coax::detail::execution_context_type Context>
    socket_on<typename Context::executor_type> accept(Context& c, endpoint_type& remote) {
        return accept(c.get_executor(), remote);
    }
    template <coax::detail::execution_context_type Context>
    socket_on<typename Context::executor_type> accept(Context& c, endpoint_type& remote,
                                                      error_code& ec) {
        return accept(c.get_executor(), remote, ec);
    }

    // --- asynchronous, into `peer`: void(error_code). `peer` must stay where it is.
    template <class PeerExecutor, class Token = coax::detail::default_token_t<Executor>>
    auto async_accept(basic_socket<coax::tcp, PeerExecutor>& peer,
                      Token&& token = coax::detail::default_token_t<Executor>()) {
        return into(peer, nullptr, token);
    }
    template <class PeerExecutor, class Token = coax::detail::default_token_t<Executor>>
    auto async_accept(basic_socket<coax::tcp, PeerExecutor>& peer, endpoint_type& remote,
                      Token&& token = coax::detail::default_token_t<Executor>()) {
        return into(peer, &remote, token);
    }
    // --- as a new socket on this acceptor's executor, or another one of the same context (a
    // strand, say): void(error_code, Socket)
    template <class Token = coax::detail::default_token_t<Executor>>
        requires(!is_executor_type<std::decay_t<Token>> &&
                 !coax::detail::execution_context_type<std::decay_t<Token>> &&
                 !std::is_same_v<std::decay_t<Token>, endpoint_type>)
    auto async_accept(Token&& token = coax::detail::default_token_t<Executor>()) {
        return as_new(this->get_executor(), nullptr, token);
    }
    template <class Token = coax::detail::default_token_t<Executor>>
    auto async_accept(endpoint_type& remote,
                      Token&& token = coax::detail::default_token_t<Executor>()) {
        return as_new(this->get_executor(), &remote, token);
    }
    template <class E, class Token = coax::detail::default_token_t<Executor>>
        requires is_executor_type<E>
    auto async_accept(const E& e, Token&& token = coax::detail::default_token_t<Executor>()) {
        return as_new(e, nullptr, token);
    }
    template <class E, class Token = coax::detail::default_token_t<Executor>>
        requires is_executor_type<E>
    auto async_accept(const E& e, endpoint_type& remote,
                      Token&& token = coax::detail::default_token_t<Executor>()) {
        return as_new(e, &remote, token);
    }
    template <coax::detail::execution_context_type Context,
              class Token = coax::detail::default_token_t<Executor>>
    auto async_accept(Context& c, Token&& token = coax::detail::default_token_t<Executor>()) {
        return as_new(c.get_executor(), nullptr, token);
    }
    template <coax::detail::execution_context_type Context,
              class Token = coax::detail::default_token_t<Executor>>
    auto async_accept(Context& c, endpoint_type& remote,
                      Token&& token = coax::detail::default_token_t<Executor>()) {
        return as_new(c.get_executor(), &remote, token);
    }

  private:
    using accept_operation = coax::detail::accept_operation;

    template <class PeerExecutor>
    struct give_to_peer {
        basic_socket<coax::tcp, PeerExecutor>* peer;
        endpoint_type* remote;
        std::tuple<error_code> operator()(accept_operation& o) const {
            if (remote != nullptr && !o.result) *remote = o.remote;
            if (o.accepted) peer->core().adopt(std::move(o.accepted), o.remote.protocol().family());
            return {o.result};
        }
    };
    template <class E>
    struct make_socket {
        E executor;
        endpoint_type* remote;
        std::tuple<error_code, socket_on<E>> operator()(accept_operation& o) const {
            socket_on<E> made(executor);
            if (remote != nullptr && !o.result) *remote = o.remote;
            if (o.accepted) adopt_into(made, std::move(o.accepted), o.remote.protocol().family());
            return {o.result, std::move(made)};
        }
    };
    template <class E>
    static void adopt_into(basic_socket<coax::tcp, E>& peer, std::unique_ptr<stream_state> accepted,
                           int family) {
        peer.core().adopt(std::move(accepted), family);
    }

    struct initiate_accept {
        using executor_type = Executor;
        basic_socket_acceptor* self;
        const executor_type& get_executor() const noexcept { return self->get_executor(); }
        template <class Handler, class Finish>
        void operator()(Handler&& handler, const Finish& finish, bool already_open) const {
            self->template start_operation<accept_operation>(
                std::forward<Handler>(handler), finish, [](accept_operation&) {},
                [already_open](coax::detail::loop& where, accept_operation* o) {
                    using coax::detail::stream_core;
                    if (already_open) stream_core::finish(where, o, error::already_open);
                    else stream_core::start(where, o);
                });
        }
    };
    template <class PeerExecutor, class Token>
    auto into(basic_socket<coax::tcp, PeerExecutor>& peer, endpoint_type* remote, Token& token) {
        return async_initiate<Token, void(error_code)>(initiate_accept{this}, token,
                                                       give_to_peer<PeerExecutor>{&peer, remote},
                                                       peer.is_open());
    }
    template <class E, class Token>
    auto as_new(const E& e, endpoint_type* remote, Token& token) {
        return async_initiate<Token, void(error_code, socket_on<E>)>(
            initiate_accept{this}, token, make_socket<E>{e, remote}, false);
    }
};

}  // namespace boost::asio
