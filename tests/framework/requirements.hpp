// What Asio asks of executors, contexts, sockets, acceptors and resolvers, as concepts: the names
// and signatures that programs written for Asio use. What they do is tested elsewhere (README.md).
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include <boost/asio.hpp>

namespace coax_test {

namespace asio = boost::asio;
namespace execution = boost::asio::execution;
using boost::system::error_code;

// --- executors

template <class Executor, class Property>
concept requires_and_queries =
    asio::can_require_v<Executor, Property> && asio::can_query_v<Executor, Property>;

struct only_moved_function {
    std::unique_ptr<int> state;
    void operator()() {}
};

// Of a context that runs handlers on its threads, and never waits for them.
template <class Executor>
concept context_executor =
    execution::is_executor_v<Executor> && std::is_nothrow_copy_constructible_v<Executor> &&
    std::is_nothrow_move_constructible_v<Executor> && std::is_nothrow_destructible_v<Executor> &&
    requires_and_queries<Executor, execution::blocking_t::possibly_t> &&
    requires_and_queries<Executor, execution::blocking_t::never_t> &&
    requires_and_queries<Executor, execution::relationship_t::fork_t> &&
    requires_and_queries<Executor, execution::relationship_t::continuation_t> &&
    requires_and_queries<Executor, execution::outstanding_work_t::tracked_t> &&
    requires_and_queries<Executor, execution::outstanding_work_t::untracked_t> &&
    requires_and_queries<Executor, execution::allocator_t<void>> &&
    asio::can_require_v<Executor, execution::allocator_t<std::allocator<char>>> &&
    asio::can_query_v<Executor, execution::mapping_t> &&
    asio::can_query_v<Executor, execution::context_as_t<asio::execution_context&>> &&
    !asio::can_require_v<Executor, execution::blocking_t::always_t> &&
    requires(const Executor& a, const Executor& b, only_moved_function only_moved) {
        { a == b } noexcept -> std::same_as<bool>;
        { a != b } noexcept -> std::same_as<bool>;
        { a.running_in_this_thread() } noexcept -> std::same_as<bool>;
        a.execute(std::move(only_moved));
        asio::query(a, execution::context);
    };

// Nothing of it throws: more than Asio's own promise in their signatures.
template <class Executor>
concept nothrow_executor =
    std::is_nothrow_copy_assignable_v<Executor> && std::is_nothrow_move_assignable_v<Executor> &&
    std::is_nothrow_swappable_v<Executor> && requires(const Executor& e) {
        { asio::query(e, execution::context) } noexcept;
        { asio::query(e, execution::blocking) } noexcept;
        { asio::require(e, execution::blocking.never) } noexcept;
        { asio::require(e, execution::blocking.possibly) } noexcept;
        { asio::require(e, execution::relationship.continuation) } noexcept;
        { asio::require(e, execution::outstanding_work.tracked) } noexcept;
        { asio::require(e, execution::outstanding_work.untracked) } noexcept;
    };

// Of the Networking TS, for older libraries.
template <class Executor>
concept ts_executor =
    asio::is_executor<Executor>::value && requires(const Executor& e, void (*f)()) {
        { e.context() } noexcept -> std::convertible_to<asio::execution_context&>;
        { e.on_work_started() } noexcept;
        { e.on_work_finished() } noexcept;
        e.dispatch(f, std::allocator<void>());
        e.post(f, std::allocator<void>());
        e.defer(f, std::allocator<void>());
    };

// Held by Asio's polymorphic executors, and got back from them.
template <class Executor>
concept erasable_executor =
    std::is_constructible_v<asio::any_io_executor, Executor> &&
    std::is_nothrow_constructible_v<asio::any_io_executor, std::nothrow_t, Executor> &&
#if BOOST_ASIO_VERSION >= 102700
    std::is_constructible_v<asio::any_completion_executor, Executor> &&
#endif
    requires(const asio::any_io_executor& any) {
        { any.template target<Executor>() } -> std::same_as<const Executor*>;
    };

// --- contexts

template <class Context>
concept event_loop =
    std::is_convertible_v<Context*, asio::execution_context*> &&
    !std::is_copy_constructible_v<Context> && std::is_constructible_v<Context, int> &&
#if BOOST_ASIO_VERSION >= 103300
    std::is_constructible_v<Context, const asio::execution_context::service_maker&> &&
#endif
    requires(Context& c, const Context& constant, std::chrono::milliseconds d,
             std::chrono::steady_clock::time_point s, std::chrono::system_clock::time_point t) {
        { c.get_executor() } noexcept -> std::same_as<typename Context::executor_type>;
        { c.run() } -> std::same_as<typename Context::count_type>;
        { c.run_one() } -> std::same_as<typename Context::count_type>;
        { c.run_for(d) } -> std::same_as<typename Context::count_type>;
        { c.run_one_for(d) } -> std::same_as<typename Context::count_type>;
        { c.run_until(s) } -> std::same_as<typename Context::count_type>;
        { c.run_one_until(t) } -> std::same_as<typename Context::count_type>;
        { c.poll() } -> std::same_as<typename Context::count_type>;
        { c.poll_one() } -> std::same_as<typename Context::count_type>;
        c.stop();
        { constant.stopped() } -> std::same_as<bool>;
        c.restart();
    };

// --- tokens

// `start(token)` starts an operation of this signature: with every kind of token.
template <class Start, class Signature>
concept starts_with_any_token =
    requires(Start start, asio::cancellation_signal signal, void (*handler)(error_code)) {
        { start(asio::use_future) };
        { start(asio::detached) } -> std::same_as<void>;
        { start(asio::deferred) } -> std::move_constructible;
        { start(asio::as_tuple(asio::deferred)) } -> std::move_constructible;
        {
            start(asio::bind_cancellation_slot(signal.slot(), asio::detached))
        } -> std::same_as<void>;
        { start(asio::use_awaitable) };
        { start(asio::as_tuple(asio::use_awaitable)) };
        typename asio::async_result<asio::use_awaitable_t<>, Signature>::return_type;
    };

// --- sockets, acceptors, resolvers: whatever has an executor and can be moved to another one

template <class Object, class OtherExecutor>
concept io_object =
    std::is_move_constructible_v<Object> && std::is_move_assignable_v<Object> &&
    !std::is_copy_constructible_v<Object> &&
    std::is_constructible_v<Object, typename Object::executor_type> && requires(Object& o) {
        { o.get_executor() } -> std::convertible_to<typename Object::executor_type>;
        typename Object::template rebind_executor<OtherExecutor>::other;
    };

template <class Socket>
concept socket_surface =
    std::is_base_of_v<asio::socket_base, Socket> &&
    requires(Socket& s, const Socket& constant, typename Socket::protocol_type protocol,
             typename Socket::endpoint_type endpoint, asio::socket_base::reuse_address option,
             asio::socket_base::bytes_readable command, error_code ec) {
        s.open(protocol);
        { s.open(protocol, ec) } -> std::same_as<error_code>;
        { constant.is_open() } -> std::same_as<bool>;
        s.close();
        { s.close(ec) } -> std::same_as<error_code>;
        s.cancel();
        { s.cancel(ec) } -> std::same_as<error_code>;
        s.bind(endpoint);
        { s.bind(endpoint, ec) } -> std::same_as<error_code>;
        s.assign(protocol, s.native_handle());
        { s.release() } -> std::same_as<typename Socket::native_handle_type>;
        s.set_option(option);
        { s.set_option(option, ec) } -> std::same_as<error_code>;
        constant.get_option(option);
        { constant.get_option(option, ec) } -> std::same_as<error_code>;
        s.io_control(command);
        { s.io_control(command, ec) } -> std::same_as<error_code>;
        { constant.non_blocking() } -> std::same_as<bool>;
        s.non_blocking(true);
        { s.non_blocking(true, ec) } -> std::same_as<error_code>;
        { constant.native_non_blocking() } -> std::same_as<bool>;
        s.native_non_blocking(true);
        { constant.local_endpoint() } -> std::same_as<typename Socket::endpoint_type>;
        { constant.local_endpoint(ec) } -> std::same_as<typename Socket::endpoint_type>;
        s.wait(Socket::wait_read);
        { s.wait(Socket::wait_error, ec) } -> std::same_as<error_code>;
    };

// What both kinds of data sockets have: a peer.
template <class Socket>
concept peer_surface =
    socket_surface<Socket> &&
    requires(Socket& s, const Socket& constant, typename Socket::endpoint_type endpoint,
             asio::mutable_buffer in, asio::const_buffer out, error_code ec) {
        typename Socket::lowest_layer_type;
        { s.lowest_layer() } -> std::same_as<typename Socket::lowest_layer_type&>;
        { constant.lowest_layer() } -> std::same_as<const typename Socket::lowest_layer_type&>;
        s.connect(endpoint);
        { s.connect(endpoint, ec) } -> std::same_as<error_code>;
        { constant.remote_endpoint() } -> std::same_as<typename Socket::endpoint_type>;
        { constant.available() } -> std::same_as<std::size_t>;
        { constant.available(ec) } -> std::same_as<std::size_t>;
        { constant.at_mark() } -> std::same_as<bool>;
        s.shutdown(Socket::shutdown_both);
        { s.shutdown(Socket::shutdown_send, ec) } -> std::same_as<error_code>;
        { s.send(out) } -> std::same_as<std::size_t>;
        { s.send(out, 0, ec) } -> std::same_as<std::size_t>;
        { s.receive(in) } -> std::same_as<std::size_t>;
        { s.receive(in, Socket::message_peek, ec) } -> std::same_as<std::size_t>;
    };

template <class Socket>
concept stream_surface = peer_surface<Socket> && requires(Socket& s, asio::mutable_buffer in,
                                                          asio::const_buffer out, error_code ec) {
    { s.read_some(in) } -> std::same_as<std::size_t>;
    { s.read_some(in, ec) } -> std::same_as<std::size_t>;
    { s.write_some(out) } -> std::same_as<std::size_t>;
    { s.write_some(out, ec) } -> std::same_as<std::size_t>;
};

template <class Socket>
concept datagram_surface =
    peer_surface<Socket> &&
    requires(Socket& s, typename Socket::endpoint_type endpoint, asio::mutable_buffer in,
             asio::const_buffer out, error_code ec) {
        { s.send_to(out, endpoint) } -> std::same_as<std::size_t>;
        { s.send_to(out, endpoint, 0, ec) } -> std::same_as<std::size_t>;
        { s.receive_from(in, endpoint) } -> std::same_as<std::size_t>;
        { s.receive_from(in, endpoint, 0, ec) } -> std::same_as<std::size_t>;
    };

template <class Acceptor, class Socket, class OtherExecutor>
concept acceptor_surface =
    socket_surface<Acceptor> &&
    requires(Acceptor& a, Socket& peer, typename Acceptor::endpoint_type from, OtherExecutor other,
             error_code ec) {
        a.listen();
        { a.listen(5, ec) } -> std::same_as<error_code>;
        a.accept(peer);
        { a.accept(peer, ec) } -> std::same_as<error_code>;
        a.accept(peer, from);
        { a.accept(peer, from, ec) } -> std::same_as<error_code>;
        { a.accept() } -> std::same_as<Socket>;
        { a.accept(ec) } -> std::same_as<Socket>;
        { a.accept(from) } -> std::same_as<Socket>;
        {
            a.accept(other)
        } -> std::same_as<typename Socket::template rebind_executor<OtherExecutor>::other>;
        a.async_accept(peer, asio::detached);
        a.async_accept(peer, from, asio::detached);
        a.async_accept(asio::detached);
        a.async_accept(from, asio::detached);
        a.async_accept(other, asio::detached);
        a.async_accept(other, from, asio::detached);
    };

template <class Resolver>
concept resolver_surface =
    std::is_base_of_v<asio::ip::resolver_base, Resolver> &&
    requires(Resolver& r, typename Resolver::protocol_type protocol,
             typename Resolver::endpoint_type endpoint, std::string text, error_code ec) {
        typename Resolver::results_type;
        { r.resolve(text, text) } -> std::same_as<typename Resolver::results_type>;
        { r.resolve(text, text, ec) } -> std::same_as<typename Resolver::results_type>;
        {
            r.resolve(text, text, Resolver::passive)
        } -> std::same_as<typename Resolver::results_type>;
        { r.resolve(protocol, text, text) } -> std::same_as<typename Resolver::results_type>;
        { r.resolve(endpoint) } -> std::same_as<typename Resolver::results_type>;
        r.async_resolve(text, text, asio::detached);
        r.async_resolve(text, text, Resolver::numeric_host, asio::detached);
        r.async_resolve(protocol, text, text, asio::detached);
        r.async_resolve(endpoint, asio::detached);
        r.cancel();
    };

// Another protocol class that stands for `Original`, and is mixed with it in programs.
template <class Protocol, class Original>
concept stands_for =
    std::is_convertible_v<Protocol, Original> && std::is_convertible_v<Original, Protocol> &&
    std::is_same_v<typename Protocol::endpoint, typename Original::endpoint> &&
    requires(const Protocol& a, const Original& b) {
        { Protocol::v4() } noexcept -> std::same_as<Protocol>;
        { Protocol::v6() } noexcept -> std::same_as<Protocol>;
        { a.family() } noexcept -> std::same_as<int>;
        { a.type() } noexcept -> std::same_as<int>;
        { a.protocol() } noexcept -> std::same_as<int>;
        { a == b } -> std::same_as<bool>;
        { b == a } -> std::same_as<bool>;
        { a != b } -> std::same_as<bool>;
        { b != a } -> std::same_as<bool>;
        { a == a } -> std::same_as<bool>;
    };

}  // namespace coax_test
