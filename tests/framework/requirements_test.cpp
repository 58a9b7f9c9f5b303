// Asio's requirements, at compile time: each type of coax's public surface meets the concepts of
// requirements.hpp, with the polymorphic executor and with the concrete one. Asio's own classes
// meet them as well, so that the kit asks for nothing that Asio has not.
#include "tests/framework/requirements.hpp"

#include <array>
#include <memory>
#include <string>
#include <type_traits>

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <catch2/catch.hpp>

#include <coax/coax.hpp>

namespace {

using namespace coax_test;  // NOLINT(google-build-using-namespace)
namespace beast = boost::beast;

using tracked_executor = coax::basic_executor<std::allocator<void>, true>;
using allocating_executor = coax::basic_executor<std::allocator<int>, false>;
using any = asio::any_io_executor;
using strand = asio::strand<coax::executor>;

// --- executors
static_assert(context_executor<asio::io_context::executor_type>);
static_assert(context_executor<coax::executor>);
static_assert(context_executor<tracked_executor>);
static_assert(context_executor<allocating_executor>);
static_assert(nothrow_executor<coax::executor> && nothrow_executor<tracked_executor> &&
              nothrow_executor<allocating_executor>);
static_assert(ts_executor<coax::executor> && ts_executor<asio::io_context::executor_type>);
static_assert(erasable_executor<coax::executor> && erasable_executor<tracked_executor>);
static_assert(std::is_trivially_copyable_v<coax::executor>);
static_assert(sizeof(coax::executor) == sizeof(void*));
// What is required and preferred keeps its type where only a bit changes.
static_assert(std::is_same_v<decltype(asio::require(std::declval<coax::executor>(),
                                                    execution::blocking.never)),
                             coax::executor>);
static_assert(std::is_same_v<decltype(asio::prefer(std::declval<coax::executor>(),
                                                   execution::relationship.continuation)),
                             coax::executor>);
static_assert(std::is_same_v<decltype(asio::require(std::declval<coax::executor>(),
                                                    execution::outstanding_work.tracked)),
                             tracked_executor>);
static_assert(std::is_same_v<decltype(asio::require(std::declval<tracked_executor>(),
                                                    execution::outstanding_work.untracked)),
                             coax::executor>);
static_assert(std::is_same_v<decltype(asio::require(std::declval<allocating_executor>(),
                                                    execution::allocator)),
                             coax::executor>);

// --- contexts
static_assert(event_loop<asio::io_context>);
static_assert(event_loop<coax::io_context>);
static_assert(std::is_same_v<coax::io_context::executor_type, coax::executor>);
static_assert(
    std::is_convertible_v<decltype(asio::query(std::declval<coax::executor>(), execution::context)),
                          coax::io_context&>);

// --- protocols
static_assert(stands_for<coax::tcp, asio::ip::tcp>);
static_assert(stands_for<coax::udp, asio::ip::udp>);
static_assert(!std::is_convertible_v<coax::tcp, coax::udp>);

// --- sockets: Asio's templates, specialised
template <class Socket, class Concrete>
constexpr bool is_data_socket =
    io_object<Socket, strand> && std::is_constructible_v<Socket, coax::io_context&> &&
    std::is_constructible_v<Socket, coax::io_context&, typename Socket::protocol_type> &&
    std::is_constructible_v<Socket, coax::io_context&, typename Socket::endpoint_type> &&
    std::is_constructible_v<Socket, Concrete&&> && std::is_assignable_v<Socket&, Concrete&&>;

using any_stream = asio::basic_stream_socket<coax::tcp>;
static_assert(std::is_same_v<coax::tcp::socket, any_stream>);
static_assert(stream_surface<asio::ip::tcp::socket>);
static_assert(stream_surface<coax::tcp::socket> && stream_surface<coax::fast_socket>);
static_assert(is_data_socket<coax::tcp::socket, coax::fast_socket>);
static_assert(is_data_socket<coax::fast_socket, coax::fast_socket>);
static_assert(!std::is_constructible_v<coax::fast_socket, coax::tcp::socket&&>);
static_assert(std::is_base_of_v<asio::basic_socket<coax::tcp, any>, coax::tcp::socket>);
static_assert(std::is_same_v<coax::fast_socket::rebind_executor<any>::other, coax::tcp::socket>);

static_assert(std::is_same_v<coax::udp::socket, asio::basic_datagram_socket<coax::udp>>);
static_assert(datagram_surface<asio::ip::udp::socket>);
static_assert(datagram_surface<coax::udp::socket> && datagram_surface<coax::fast_udp_socket>);
static_assert(is_data_socket<coax::udp::socket, coax::fast_udp_socket>);
static_assert(std::is_base_of_v<asio::basic_socket<coax::udp, any>, coax::udp::socket>);

using any_acceptor = asio::basic_socket_acceptor<coax::tcp>;
static_assert(std::is_same_v<coax::tcp::acceptor, any_acceptor>);
static_assert(acceptor_surface<asio::ip::tcp::acceptor, asio::ip::tcp::socket, strand>);
static_assert(acceptor_surface<coax::tcp::acceptor, coax::tcp::socket, strand>);
static_assert(acceptor_surface<coax::fast_acceptor, coax::fast_socket, strand>);
static_assert(io_object<coax::tcp::acceptor, strand>);
static_assert(
    std::is_constructible_v<coax::tcp::acceptor, coax::io_context&, coax::tcp::endpoint, bool>);

// --- resolvers
static_assert(std::is_same_v<coax::tcp::resolver, asio::ip::basic_resolver<coax::tcp>>);
static_assert(resolver_surface<asio::ip::tcp::resolver>);
static_assert(resolver_surface<coax::tcp::resolver> && resolver_surface<coax::udp::resolver>);
static_assert(io_object<coax::tcp::resolver, strand> && io_object<coax::fast_resolver, strand>);

// --- timers
static_assert(io_object<coax::steady_timer, strand> && io_object<coax::fast_timer, strand>);
static_assert(std::is_same_v<coax::steady_timer::duration, std::chrono::steady_clock::duration>);

// --- tokens
template <class Socket>
struct starts_read {
    Socket& s;
    asio::mutable_buffer buffer;
    template <class Token>
    auto operator()(Token&& token) const {
        return s.async_read_some(buffer, std::forward<Token>(token));
    }
};
template <class Socket>
struct starts_connect {
    Socket& s;
    coax::tcp::endpoint where;
    template <class Token>
    auto operator()(Token&& token) const {
        return s.async_connect(where, std::forward<Token>(token));
    }
};
struct starts_resolve {
    coax::tcp::resolver& r;
    template <class Token>
    auto operator()(Token&& token) const {
        return r.async_resolve("host", "service", std::forward<Token>(token));
    }
};
using transfer = void(error_code, std::size_t);
static_assert(starts_with_any_token<starts_read<coax::tcp::socket>, transfer>);
static_assert(starts_with_any_token<starts_read<coax::fast_socket>, transfer>);
static_assert(starts_with_any_token<starts_connect<coax::tcp::socket>, void(error_code)>);
static_assert(
    starts_with_any_token<starts_resolve, void(error_code, coax::tcp::resolver::results_type)>);

// --- what streams are to those who build on them
static_assert(beast::is_async_stream<coax::tcp::socket>::value);
static_assert(beast::is_sync_stream<coax::tcp::socket>::value);
static_assert(beast::is_async_stream<beast::basic_stream<coax::tcp>>::value);

// An initiation says on which executor it works, as cancel_after() and others ask.
struct asks_for_executor {};

}  // namespace

template <boost::asio::completion_signature Signature>
class boost::asio::async_result<asks_for_executor, Signature> {
  public:
    template <class Initiation, class Token, class... Arguments>
    static auto initiate(const Initiation& initiation, Token&&, Arguments&&...) {
        static_assert(noexcept(initiation.get_executor()));
        static_assert(std::is_copy_constructible_v<Initiation>);
        return typename Initiation::executor_type(initiation.get_executor());
    }
};

TEST_CASE("every initiation tells the executor of its object") {
    coax::io_context io;
    const any expected = io.get_executor();
    std::array<char, 1> data{};
    const auto buffer = asio::buffer(data);
    coax::tcp::socket s(io);
    CHECK(s.async_read_some(buffer, asks_for_executor()) == expected);
    CHECK(s.async_write_some(buffer, asks_for_executor()) == expected);
    CHECK(s.async_connect({}, asks_for_executor()) == expected);
    CHECK(s.async_wait(s.wait_read, asks_for_executor()) == expected);
    coax::tcp::acceptor acceptor(io);
    CHECK(acceptor.async_accept(asks_for_executor()) == expected);
    CHECK(acceptor.async_accept(s, asks_for_executor()) == expected);
    coax::udp::socket u(io);
    CHECK(u.async_send_to(buffer, {}, asks_for_executor()) == expected);
    coax::udp::endpoint sender;
    CHECK(u.async_receive_from(buffer, sender, asks_for_executor()) == expected);
    coax::tcp::resolver resolver(io);
    CHECK(resolver.async_resolve("host", "service", asks_for_executor()) == expected);
    coax::steady_timer timer(io);
    CHECK(timer.async_wait(asks_for_executor()) == expected);
    CHECK(coax::fast_socket(io).async_read_some(buffer, asks_for_executor()) == io.get_executor());
}
