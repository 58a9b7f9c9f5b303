// asio::basic_stream_socket for coax::tcp: coax::tcp::socket and coax::fast_socket.
// See basic_socket.hpp for what differs from Asio's.
#pragma once

#include <type_traits>
#include <utility>

#include <boost/asio/basic_stream_socket.hpp>

#include <coax/basic_socket.hpp>
#include <coax/detail/buffer_list.hpp>
#include <coax/detail/task_transfer.hpp>
#include <coax/tcp_protocol.hpp>

namespace coax::detail {

struct transfer_result {
    std::tuple<error_code, std::size_t> operator()(transfer_operation& o) const {
        return {o.result, o.transferred};
    }
};

}  // namespace coax::detail

namespace boost::asio {

// Reads complete with 1..n bytes, eof, or an error; writes when 1..n bytes are taken over (not when
// they have arrived). At most 16 buffers of a sequence take part in one operation. Several reads,
// or writes, may be outstanding: they are served in order. Empty buffers: success at once.
template <class Executor>
class basic_stream_socket<coax::tcp, Executor> : public basic_socket<coax::tcp, Executor> {
    using base = basic_socket<coax::tcp, Executor>;
    using error_code = boost::system::error_code;
    using flags_type = socket_base::message_flags;

  public:
    using typename base::endpoint_type;
    using typename base::executor_type;
    using typename base::protocol_type;
    template <class Other>
    struct rebind_executor {
        using other = basic_stream_socket<coax::tcp, Other>;
    };

    // Not open; open; open and bound. Throw system_error; an executor or context that is not of a
    // coax::io_context: operation_not_supported.
    explicit basic_stream_socket(const executor_type& e) : base(e) {}
    basic_stream_socket(const executor_type& e, const protocol_type& p) : base(e, p) {}
    basic_stream_socket(const executor_type& e, const endpoint_type& local) : base(e, local) {}
    // There only for those who name it: throws, as assign() does.
    basic_stream_socket(const executor_type& e, const protocol_type& p,
                        const typename base::native_handle_type& handle)
        : base(e) {
        this->assign(p, handle);
    }
    template <coax::detail::execution_context_type Context>
    explicit basic_stream_socket(Context& c) : base(c.get_executor()) {}
    template <coax::detail::execution_context_type Context>
    basic_stream_socket(Context& c, const protocol_type& p,
                        const typename base::native_handle_type& handle)
        : basic_stream_socket(c.get_executor(), p, handle) {}
    template <coax::detail::execution_context_type Context>
    basic_stream_socket(Context& c, const protocol_type& p) : base(c.get_executor(), p) {}
    template <coax::detail::execution_context_type Context>
    basic_stream_socket(Context& c, const endpoint_type& local) : base(c.get_executor(), local) {}

    basic_stream_socket(basic_stream_socket&&) noexcept = default;
    basic_stream_socket& operator=(basic_stream_socket&&) = default;
    template <class Other>
        requires std::is_convertible_v<Other, Executor> && (!std::is_same_v<Other, Executor>)
    basic_stream_socket(basic_stream_socket<coax::tcp, Other>&& other) : base(std::move(other)) {}
    template <class Other>
        requires std::is_convertible_v<Other, Executor> && (!std::is_same_v<Other, Executor>)
    basic_stream_socket& operator=(basic_stream_socket<coax::tcp, Other>&& other) {
        return *this = basic_stream_socket(std::move(other));
    }
    ~basic_stream_socket() = default;

    // --- blocking
    template <class Buffers>
    std::size_t read_some(const Buffers& buffers) {
        return receive(buffers, 0);
    }
    template <class Buffers>
    std::size_t read_some(const Buffers& buffers, error_code& ec) {
        return receive(buffers, 0, ec);
    }
    template <class Buffers>
    std::size_t receive(const Buffers& buffers, flags_type flags = 0) {
        error_code ec;
        const std::size_t n = receive(buffers, flags, ec);
        coax::detail::throw_if(ec, "read_some");
        return n;
    }
    template <class Buffers>
    std::size_t receive(const Buffers& buffers, flags_type flags, error_code& ec) {
        return this->core().read(coax::detail::buffer_list(buffers).span(), flags, ec);
    }
    template <class Buffers>
    std::size_t write_some(const Buffers& buffers) {
        return send(buffers, 0);
    }
    template <class Buffers>
    std::size_t write_some(const Buffers& buffers, error_code& ec) {
        return send(buffers, 0, ec);
    }
    template <class Buffers>
    std::size_t send(const Buffers& buffers, flags_type flags = 0) {
        error_code ec;
        const std::size_t n = send(buffers, flags, ec);
        coax::detail::throw_if(ec, "write_some");
        return n;
    }
    template <class Buffers>
    std::size_t send(const Buffers& buffers, flags_type flags, error_code& ec) {
        return this->core().write(coax::detail::buffer_list(buffers).span(), flags, ec);
    }

    // --- asynchronous: void(error_code, std::size_t)
    template <class Buffers, class Token = coax::detail::default_token_t<Executor>>
        requires(!std::is_convertible_v<Token, flags_type>)
    auto async_read_some(const Buffers& buffers,
                         Token&& token = coax::detail::default_token_t<Executor>()) {
        return read_with_flags(buffers, 0, token);
    }
    template <class Buffers, class Token = coax::detail::default_token_t<Executor>>
        requires(!std::is_convertible_v<Token, flags_type>)
    auto async_receive(const Buffers& buffers,
                       Token&& token = coax::detail::default_token_t<Executor>()) {
        return read_with_flags(buffers, 0, token);
    }
    template <class Buffers, class Token = coax::detail::default_token_t<Executor>>
    auto async_receive(const Buffers& buffers, flags_type flags,
                       Token&& token = coax::detail::default_token_t<Executor>()) {
        return read_with_flags(buffers, flags, token);
    }
    template <class Buffers, class Token = coax::detail::default_token_t<Executor>>
        requires(!std::is_convertible_v<Token, flags_type>)
    auto async_write_some(const Buffers& buffers,
                          Token&& token = coax::detail::default_token_t<Executor>()) {
        return write_with_flags(buffers, 0, token);
    }
    template <class Buffers, class Token = coax::detail::default_token_t<Executor>>
        requires(!std::is_convertible_v<Token, flags_type>)
    auto async_send(const Buffers& buffers,
                    Token&& token = coax::detail::default_token_t<Executor>()) {
        return write_with_flags(buffers, 0, token);
    }
    template <class Buffers, class Token = coax::detail::default_token_t<Executor>>
    auto async_send(const Buffers& buffers, flags_type flags,
                    Token&& token = coax::detail::default_token_t<Executor>()) {
        return write_with_flags(buffers, flags, token);
    }

  private:
    template <class Buffers, class Token>
    auto read_with_flags(const Buffers& buffers, flags_type flags, Token& token) {
        return async_initiate<Token, void(error_code, std::size_t)>(initiate_transfer<true>{this},
                                                                    token, buffers, flags);
    }
    template <class Buffers, class Token>
    auto write_with_flags(const Buffers& buffers, flags_type flags, Token& token) {
        return async_initiate<Token, void(error_code, std::size_t)>(initiate_transfer<false>{this},
                                                                    token, buffers, flags);
    }
    template <bool Read>
    struct initiate_transfer {
        using executor_type = Executor;
        static constexpr bool reads = Read;
        basic_stream_socket* self;
        const executor_type& get_executor() const noexcept { return self->get_executor(); }
        coax::detail::stream_core& core() const noexcept { return self->core(); }
        template <class Handler, class Buffers>
            requires coax::detail::seeks_socket<std::decay_t<Handler>>
        void operator()(Handler&& handler, const Buffers&, flags_type) const {
            *boost::asio::get_associated_allocator(handler).found = &core();
        }
        template <class Handler, class Buffers>
        void operator()(Handler&& handler, const Buffers& buffers, flags_type flags) const {
            using coax::detail::transfer_operation;
            [[maybe_unused]] bool would_wait = false;
            if constexpr (coax::detail::goes_on_at_once<std::decay_t<Handler>>) {
                if (flags == 0 && self->runs_in_loop(handler)) {
                    switch (end_at_once(handler, buffers)) {
                        case coax::detail::early_end::ended: return;
                        case coax::detail::early_end::would_wait: would_wait = true; break;
                        case coax::detail::early_end::not_tried: break;
                    }
                }
            }
            self->template start_operation<transfer_operation>(
                std::forward<Handler>(handler), coax::detail::transfer_result{},
                [&buffers, would_wait](transfer_operation& o) {
                    coax::detail::give_buffers(buffers, o);
                    o.would_wait = would_wait;
                },
                [flags](coax::detail::loop& where, transfer_operation* o) {
                    using coax::detail::stream_core;
                    if constexpr (Read) stream_core::start_read(where, o, flags);
                    else stream_core::start_write(where, o, flags);
                });
        }
        template <class Handler, class Buffers>
        coax::detail::early_end end_at_once(Handler& handler, const Buffers& buffers) const {
            std::size_t transferred = 0;
            error_code ec;
            const coax::detail::buffer_list list(buffers);
            const auto outcome = Read ? self->core().read_at_once(list.span(), transferred, ec)
                                      : self->core().write_at_once(list.span(), transferred, ec);
            if (outcome == coax::detail::early_end::ended) std::move(handler)(ec, transferred);
            return outcome;
        }
    };
};

}  // namespace boost::asio
