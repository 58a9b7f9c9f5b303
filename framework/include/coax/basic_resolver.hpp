// asio::ip::basic_resolver for coax::tcp and coax::udp: coax::tcp::resolver, coax::udp::resolver.
// Names, signatures, flags and errors are Asio's; results are Asio's own classes, so that
// asio::async_connect(socket, results, token) takes them. What differs:
// - On a backend with its own stack the answer comes from numbers, the hosts file, or DNS over
//   coax's own UDP and TCP (framework/README.md says which servers). No thread, and the loop goes
//   on meanwhile. On `kernel` it is the system's resolver, getaddrinfo(3), on one thread of the
//   context that is started by the first name that is no number; the context's destructor waits
//   for the call that this thread is in.
// - Every asynchronous operation obeys terminal, partial and total cancellation.
// - threads: only from the thread that runs the context, or while none does; starting an
//   asynchronous operation, cancel() and the destructor from any.
// Errors: host_not_found (no such name, or it has no address of the family),
// host_not_found_try_again (no server could say), no_recovery (the servers refuse),
// service_not_found, operation_aborted.
#pragma once

#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/ip/basic_resolver.hpp>
#include <boost/asio/ip/basic_resolver_results.hpp>
#include <boost/asio/ip/resolver_base.hpp>
#include <boost/asio/version.hpp>

#include <coax/basic_socket.hpp>
#include <coax/detail/find_loop.hpp>
#include <coax/detail/handler_operation.hpp>
#include <coax/detail/resolver_core.hpp>

// Until 1.87 Asio has queries as objects.
#if !defined(BOOST_ASIO_NO_DEPRECATED) && BOOST_ASIO_VERSION < 103300
#define COAX_RESOLVER_HAS_QUERY 1
#include <boost/asio/ip/basic_resolver_query.hpp>
#endif

namespace coax::detail {

template <class Protocol>
boost::asio::ip::basic_resolver_results<Protocol> to_results(const resolve_answer& a) {
    std::vector<typename Protocol::endpoint> endpoints;
    endpoints.reserve(a.endpoints.size());
    for (const ip_endpoint& e : a.endpoints)
        endpoints.push_back(from_ip<typename Protocol::endpoint>(e));
    return boost::asio::ip::basic_resolver_results<Protocol>::create(
        endpoints.begin(), endpoints.end(), a.host, a.service);
}

// Handler arguments.
template <class Protocol>
struct resolve_result {
    std::tuple<error_code, boost::asio::ip::basic_resolver_results<Protocol>> operator()(
        resolve_operation& o) const {
        return {o.answer.result, to_results<Protocol>(o.answer)};
    }
};

}  // namespace coax::detail

namespace boost::asio::ip {

template <class Protocol, class Executor>
    requires coax::detail::coax_protocol<Protocol>
class basic_resolver<Protocol, Executor> : public resolver_base {
    using error_code = boost::system::error_code;
    using default_token = coax::detail::default_token_t<Executor>;
    using question_type = coax::detail::resolve_question;

  public:
    using executor_type = Executor;
    using protocol_type = Protocol;
    using endpoint_type = typename Protocol::endpoint;
    using results_type = basic_resolver_results<Protocol>;
    template <class Other>
    struct rebind_executor {
        using other = basic_resolver<Protocol, Other>;
    };
#ifdef COAX_RESOLVER_HAS_QUERY
    using query = basic_resolver_query<Protocol>;
    using iterator = basic_resolver_iterator<Protocol>;
#endif

    // Throw system_error(operation_not_supported) if the executor is not of a coax::io_context.
    explicit basic_resolver(const executor_type& e)
        : executor_(e), core_(coax::detail::find_loop_of(e)) {}
    template <coax::detail::execution_context_type Context>
    explicit basic_resolver(Context& c) : basic_resolver(c.get_executor()) {}

    // Pending operations go on in the new object.
    basic_resolver(basic_resolver&& other) noexcept
        // NOLINTNEXTLINE(performance-move-constructor-init): as Asio, who was moved from keeps it
        : executor_(other.executor_), core_(std::move(other.core_)) {}
    template <class Other>
        requires std::is_convertible_v<Other, Executor> && (!std::is_same_v<Other, Executor>)
    basic_resolver(basic_resolver<Protocol, Other>&& other)
        : executor_(other.executor_), core_(std::move(other.core_)) {}
    // NOLINTNEXTLINE(performance-noexcept-move-constructor): an executor's assignment may throw
    basic_resolver& operator=(basic_resolver&& other) {
        if (this == &other) return *this;
        core_ = std::move(other.core_);
        executor_ = other.executor_;
        return *this;
    }
    template <class Other>
        requires std::is_convertible_v<Other, Executor> && (!std::is_same_v<Other, Executor>)
    basic_resolver& operator=(basic_resolver<Protocol, Other>&& other) {
        return *this = basic_resolver(std::move(other));
    }
    // As cancel().
    ~basic_resolver() = default;

    executor_type get_executor() noexcept { return executor_; }
    // Pending operations end with operation_aborted.
    void cancel() { core_.cancel(); }

    // --- blocking. An empty service: port 0. An empty host: the loopback addresses, or with
    // `passive` those for binding. A successful call gives a range that is not empty.
    results_type resolve(std::string_view host, std::string_view service, flags f = flags()) {
        return ask_or_throw(forward(AF_UNSPEC, host, service, f));
    }
    results_type resolve(std::string_view host, std::string_view service, error_code& ec) {
        return ask(forward(AF_UNSPEC, host, service, flags()), ec);
    }
    results_type resolve(std::string_view host, std::string_view service, flags f, error_code& ec) {
        return ask(forward(AF_UNSPEC, host, service, f), ec);
    }
    // Addresses of one family only.
    results_type resolve(const protocol_type& p, std::string_view host, std::string_view service,
                         flags f = flags()) {
        return ask_or_throw(forward(p.family(), host, service, f));
    }
    results_type resolve(const protocol_type& p, std::string_view host, std::string_view service,
                         error_code& ec) {
        return ask(forward(p.family(), host, service, flags()), ec);
    }
    results_type resolve(const protocol_type& p, std::string_view host, std::string_view service,
                         flags f, error_code& ec) {
        return ask(forward(p.family(), host, service, f), ec);
    }
    // From an endpoint to its names: numbers where there are none.
    results_type resolve(const endpoint_type& e) { return ask_or_throw(reverse(e)); }
    results_type resolve(const endpoint_type& e, error_code& ec) { return ask(reverse(e), ec); }

    // --- asynchronous: void(error_code, results_type)
    template <class Token = default_token>
        requires(!std::is_convertible_v<Token, flags>)
    auto async_resolve(std::string_view host, std::string_view service,
                       Token&& token = default_token()) {
        return start(forward(AF_UNSPEC, host, service, flags()), std::forward<Token>(token));
    }
    template <class Token = default_token>
    auto async_resolve(std::string_view host, std::string_view service, flags f,
                       Token&& token = default_token()) {
        return start(forward(AF_UNSPEC, host, service, f), std::forward<Token>(token));
    }
    template <class Token = default_token>
        requires(!std::is_convertible_v<Token, flags>)
    auto async_resolve(const protocol_type& p, std::string_view host, std::string_view service,
                       Token&& token = default_token()) {
        return start(forward(p.family(), host, service, flags()), std::forward<Token>(token));
    }
    template <class Token = default_token>
    auto async_resolve(const protocol_type& p, std::string_view host, std::string_view service,
                       flags f, Token&& token = default_token()) {
        return start(forward(p.family(), host, service, f), std::forward<Token>(token));
    }
    template <class Token = default_token>
    auto async_resolve(const endpoint_type& e, Token&& token = default_token()) {
        return start(reverse(e), std::forward<Token>(token));
    }

#ifdef COAX_RESOLVER_HAS_QUERY
    // --- deprecated in Asio
    results_type resolve(const query& q) { return ask_or_throw(forward(q)); }
    results_type resolve(const query& q, error_code& ec) { return ask(forward(q), ec); }
    template <class Query, class Token = default_token>
        requires std::is_same_v<Query, query>
    auto async_resolve(const Query& q, Token&& token = default_token()) {
        return start(forward(q), std::forward<Token>(token));
    }
#endif

  private:
    template <class, class>
    friend class basic_resolver;

    struct initiate {
        using executor_type = Executor;
        basic_resolver* self;
        const executor_type& get_executor() const noexcept { return self->executor_; }
        template <class Handler>
        void operator()(Handler&& handler, question_type question) const {
            using coax::detail::resolve_operation;
            using finish = coax::detail::resolve_result<Protocol>;
            using concrete =
                coax::detail::handler_operation<resolve_operation, std::decay_t<Handler>, Executor,
                                                finish>;
            coax::detail::loop& where = self->core_.get_loop();
            auto* const o =
                concrete::make(std::forward<Handler>(handler), self->executor_, where, finish{});
            o->question = std::move(question);
            o->owner = self->core_.owner();
            coax::detail::begin(where, o, &coax::detail::resolver_core::cancel_operation,
                                [&where](resolve_operation* started) {
                                    coax::detail::resolver_core::start(where, started);
                                });
        }
    };

    static question_type forward(int family, std::string_view host, std::string_view service,
                                 flags f) {
        question_type q;
        q.host = host;
        q.service = service;
        q.family = family;
        q.socket_type = Protocol::v4().type();
        q.flags = static_cast<int>(f);
        return q;
    }
    static question_type reverse(const endpoint_type& e) {
        question_type q;
        q.socket_type = Protocol::v4().type();
        q.reverse = true;
        q.address = coax::detail::to_ip(e);
        return q;
    }
#ifdef COAX_RESOLVER_HAS_QUERY
    static question_type forward(const query& q) {
        return forward(q.hints().ai_family, q.host_name(), q.service_name(),
                       static_cast<flags>(q.hints().ai_flags));
    }
#endif
    results_type ask(const question_type& question, error_code& ec) {
        const coax::detail::resolve_answer answer = core_.resolve(question);
        ec = answer.result;
        return coax::detail::to_results<Protocol>(answer);
    }
    results_type ask_or_throw(const question_type& question) {
        error_code ec;
        results_type results = ask(question, ec);
        coax::detail::throw_if(ec, "resolve");
        return results;
    }
    template <class Token>
    auto start(question_type question, Token&& token) {
        return async_initiate<Token, void(error_code, results_type)>(initiate{this}, token,
                                                                     std::move(question));
    }

    Executor executor_;
    coax::detail::resolver_core core_;
};

}  // namespace boost::asio::ip
