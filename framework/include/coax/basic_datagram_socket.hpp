// asio::basic_datagram_socket for coax::udp: coax::udp::socket and coax::fast_udp_socket.
// See basic_socket.hpp for what differs from Asio's.
#pragma once

#include <span>
#include <type_traits>
#include <utility>

#include <boost/asio/basic_datagram_socket.hpp>

#include <coax/basic_socket.hpp>
#include <coax/datagram.hpp>
#include <coax/detail/buffer_list.hpp>
#include <coax/udp_protocol.hpp>

namespace coax::detail {

// Handler arguments: error and count. `sender`, unless null, is filled in before the handler runs.
struct datagram_result {
    udp::endpoint* sender = nullptr;
    std::tuple<error_code, std::size_t> operator()(datagram_operation& o) const {
        if (sender != nullptr && !o.result) *sender = from_ip<udp::endpoint>(o.remote);
        return {o.result, o.transferred};
    }
};

}  // namespace coax::detail

namespace boost::asio {

// One datagram per operation. What does not fit into the buffers of a receive is lost, without an
// error, as on Linux; message_peek leaves the datagram where it is. A send completes when the
// datagram is taken over. Buffers of size zero are no exception: an empty datagram is sent, or
// received and dropped. At most 16 buffers of a sequence that are not empty: a send of more fails
// with message_size, as one of more than 65507 bytes does. Several receives, or sends, may be
// outstanding: they are served in order.
// connect() fixes the peer: only it is heard, send() goes there, and what ICMP says of it is the
// result of the next operation (connection_refused: nobody listens there; host_unreachable,
// network_unreachable: prohibited on the way).
template <class Executor>
class basic_datagram_socket<coax::udp, Executor> : public basic_socket<coax::udp, Executor> {
    using base = basic_socket<coax::udp, Executor>;
    using error_code = boost::system::error_code;
    using flags_type = socket_base::message_flags;
    using default_token = coax::detail::default_token_t<Executor>;
    using signature = void(error_code, std::size_t);

  public:
    using typename base::endpoint_type;
    using typename base::executor_type;
    using typename base::native_handle_type;
    using typename base::protocol_type;
    template <class Other>
    struct rebind_executor {
        using other = basic_datagram_socket<coax::udp, Other>;
    };

    // Not open; open; open and bound. Throw system_error; an executor or context that is not of a
    // coax::io_context: operation_not_supported.
    explicit basic_datagram_socket(const executor_type& e) : base(e) {}
    basic_datagram_socket(const executor_type& e, const protocol_type& p) : base(e, p) {}
    basic_datagram_socket(const executor_type& e, const endpoint_type& local) : base(e, local) {}
    // There only for those who name it: throws, as assign() does.
    basic_datagram_socket(const executor_type& e, const protocol_type& p,
                          const native_handle_type& handle)
        : base(e) {
        this->assign(p, handle);
    }
    template <coax::detail::execution_context_type Context>
    explicit basic_datagram_socket(Context& c) : base(c.get_executor()) {}
    template <coax::detail::execution_context_type Context>
    basic_datagram_socket(Context& c, const protocol_type& p) : base(c.get_executor(), p) {}
    template <coax::detail::execution_context_type Context>
    basic_datagram_socket(Context& c, const endpoint_type& local) : base(c.get_executor(), local) {}
    template <coax::detail::execution_context_type Context>
    basic_datagram_socket(Context& c, const protocol_type& p, const native_handle_type& handle)
        : basic_datagram_socket(c.get_executor(), p, handle) {}

    basic_datagram_socket(basic_datagram_socket&&) noexcept = default;
    basic_datagram_socket& operator=(basic_datagram_socket&&) = default;
    template <class Other>
        requires std::is_convertible_v<Other, Executor> && (!std::is_same_v<Other, Executor>)
    basic_datagram_socket(basic_datagram_socket<coax::udp, Other>&& other)
        : base(std::move(other)) {}
    template <class Other>
        requires std::is_convertible_v<Other, Executor> && (!std::is_same_v<Other, Executor>)
    basic_datagram_socket& operator=(basic_datagram_socket<coax::udp, Other>&& other) {
        return *this = basic_datagram_socket(std::move(other));
    }
    ~basic_datagram_socket() = default;

    // --- blocking
    template <class Buffers>
    std::size_t send(const Buffers& buffers, flags_type flags = 0) {
        error_code ec;
        const std::size_t n = send(buffers, flags, ec);
        coax::detail::throw_if(ec, "send");
        return n;
    }
    template <class Buffers>
    std::size_t send(const Buffers& buffers, flags_type flags, error_code& ec) {
        return this->core().send(coax::detail::buffer_list(buffers), nullptr, flags, ec);
    }
    template <class Buffers>
    std::size_t send_to(const Buffers& buffers, const endpoint_type& to, flags_type flags = 0) {
        error_code ec;
        const std::size_t n = send_to(buffers, to, flags, ec);
        coax::detail::throw_if(ec, "send_to");
        return n;
    }
    template <class Buffers>
    std::size_t send_to(const Buffers& buffers, const endpoint_type& to, flags_type flags,
                        error_code& ec) {
        const coax::detail::ip_endpoint remote = coax::detail::to_ip(to);
        return this->core().send(coax::detail::buffer_list(buffers), &remote, flags, ec);
    }
    template <class Buffers>
    std::size_t receive(const Buffers& buffers, flags_type flags = 0) {
        error_code ec;
        const std::size_t n = receive(buffers, flags, ec);
        coax::detail::throw_if(ec, "receive");
        return n;
    }
    template <class Buffers>
    std::size_t receive(const Buffers& buffers, flags_type flags, error_code& ec) {
        coax::detail::ip_endpoint remote;
        return this->core().receive(coax::detail::buffer_list(buffers), remote, flags, ec);
    }
    template <class Buffers>
    std::size_t receive_from(const Buffers& buffers, endpoint_type& sender, flags_type flags = 0) {
        error_code ec;
        const std::size_t n = receive_from(buffers, sender, flags, ec);
        coax::detail::throw_if(ec, "receive_from");
        return n;
    }
    template <class Buffers>
    std::size_t receive_from(const Buffers& buffers, endpoint_type& sender, flags_type flags,
                             error_code& ec) {
        coax::detail::ip_endpoint remote;
        const std::size_t n =
            this->core().receive(coax::detail::buffer_list(buffers), remote, flags, ec);
        if (!ec) sender = coax::detail::from_ip<endpoint_type>(remote);
        return n;
    }

    // --- asynchronous: void(error_code, std::size_t)
    template <class Buffers, class Token = default_token>
        requires(!std::is_convertible_v<Token, flags_type>)
    auto async_send(const Buffers& buffers, Token&& token = default_token()) {
        return async_send(buffers, flags_type(0), std::forward<Token>(token));
    }
    template <class Buffers, class Token = default_token>
    auto async_send(const Buffers& buffers, flags_type flags, Token&& token = default_token()) {
        return async_initiate<Token, signature>(initiate_send{this, false}, token, buffers,
                                                endpoint_type(), flags);
    }
    template <class Buffers, class Token = default_token>
        requires(!std::is_convertible_v<Token, flags_type>)
    auto async_send_to(const Buffers& buffers, const endpoint_type& to,
                       Token&& token = default_token()) {
        return async_send_to(buffers, to, flags_type(0), std::forward<Token>(token));
    }
    template <class Buffers, class Token = default_token>
    auto async_send_to(const Buffers& buffers, const endpoint_type& to, flags_type flags,
                       Token&& token = default_token()) {
        return async_initiate<Token, signature>(initiate_send{this, true}, token, buffers, to,
                                                flags);
    }
    template <class Buffers, class Token = default_token>
        requires(!std::is_convertible_v<Token, flags_type>)
    auto async_receive(const Buffers& buffers, Token&& token = default_token()) {
        return async_receive(buffers, flags_type(0), std::forward<Token>(token));
    }
    template <class Buffers, class Token = default_token>
    auto async_receive(const Buffers& buffers, flags_type flags, Token&& token = default_token()) {
        return async_initiate<Token, signature>(initiate_receive{this, nullptr}, token, buffers,
                                                flags);
    }
    // `sender` must live until completion.
    template <class Buffers, class Token = default_token>
        requires(!std::is_convertible_v<Token, flags_type>)
    auto async_receive_from(const Buffers& buffers, endpoint_type& sender,
                            Token&& token = default_token()) {
        return async_receive_from(buffers, sender, flags_type(0), std::forward<Token>(token));
    }
    template <class Buffers, class Token = default_token>
    auto async_receive_from(const Buffers& buffers, endpoint_type& sender, flags_type flags,
                            Token&& token = default_token()) {
        return async_initiate<Token, signature>(initiate_receive{this, &sender}, token, buffers,
                                                flags);
    }

    // --- beyond Asio: several datagrams in one call. A receive waits for the first one and takes
    // what has come, in order; a send waits for room for the first one and gives over what there is
    // room for. The result is the number of datagrams; an error is that of the first one. Empty
    // spans: 0 at once. The descriptions and what they point to must live until completion.
    std::size_t receive_many(std::span<coax::incoming_datagram> to) {
        error_code ec;
        const std::size_t n = receive_many(to, ec);
        coax::detail::throw_if(ec, "receive_many");
        return n;
    }
    std::size_t receive_many(std::span<coax::incoming_datagram> to, error_code& ec) {
        return this->core().receive_many(to, ec);
    }
    std::size_t send_many(std::span<const coax::outgoing_datagram> from) {
        error_code ec;
        const std::size_t n = send_many(from, ec);
        coax::detail::throw_if(ec, "send_many");
        return n;
    }
    std::size_t send_many(std::span<const coax::outgoing_datagram> from, error_code& ec) {
        return this->core().send_many(from, ec);
    }
    // void(error_code, std::size_t)
    template <class Token = default_token>
    auto async_receive_many(std::span<coax::incoming_datagram> to,
                            Token&& token = default_token()) {
        return async_initiate<Token, signature>(initiate_many{this}, token, to);
    }
    template <class Token = default_token>
    auto async_send_many(std::span<const coax::outgoing_datagram> from,
                         Token&& token = default_token()) {
        return async_initiate<Token, signature>(initiate_many{this}, token, from);
    }

  private:
    using datagram_operation = coax::detail::datagram_operation;
    using datagram_core = coax::detail::datagram_core;

    struct initiate {
        using executor_type = Executor;
        basic_datagram_socket* self;
        const executor_type& get_executor() const noexcept { return self->get_executor(); }
        template <class Handler, class Prepare>
        void start(Handler&& handler, coax::detail::datagram_result finish, Prepare prepare,
                   void (*how)(coax::detail::loop&, datagram_operation*)) const {
            self->template start_operation<datagram_operation>(std::forward<Handler>(handler),
                                                               finish, prepare, how);
        }
    };
    struct initiate_send : initiate {
        bool addressed;
        initiate_send(basic_datagram_socket* s, bool a) : initiate{s}, addressed(a) {}
        template <class Handler, class Buffers>
        void operator()(Handler&& handler, const Buffers& buffers, const endpoint_type& to,
                        flags_type flags) const {
            const auto prepare = [&](datagram_operation& o) {
                const auto list = coax::detail::give_buffers(buffers, o);
                o.too_many = list.more;
                o.flags = flags;
                o.addressed = addressed;
                if (addressed) o.remote = coax::detail::to_ip(to);
            };
            this->start(std::forward<Handler>(handler), {}, prepare, &datagram_core::start_send);
        }
    };
    struct initiate_receive : initiate {
        endpoint_type* sender;
        initiate_receive(basic_datagram_socket* s, endpoint_type* e) : initiate{s}, sender(e) {}
        template <class Handler, class Buffers>
        void operator()(Handler&& handler, const Buffers& buffers, flags_type flags) const {
            const auto prepare = [&](datagram_operation& o) {
                coax::detail::give_buffers(buffers, o);
                o.flags = flags;
            };
            this->start(std::forward<Handler>(handler), {sender}, prepare,
                        &datagram_core::start_receive);
        }
    };
    struct initiate_many : initiate {
        explicit initiate_many(basic_datagram_socket* s) : initiate{s} {}
        template <class Handler>
        void operator()(Handler&& handler, std::span<coax::incoming_datagram> to) const {
            this->start(
                std::forward<Handler>(handler), {},
                [to](datagram_operation& o) {
                    o.incoming = to;
                    o.several = true;
                },
                &datagram_core::start_receive);
        }
        template <class Handler>
        void operator()(Handler&& handler, std::span<const coax::outgoing_datagram> from) const {
            this->start(
                std::forward<Handler>(handler), {},
                [from](datagram_operation& o) {
                    o.outgoing = from;
                    o.several = true;
                },
                &datagram_core::start_send);
        }
    };
};

}  // namespace boost::asio
