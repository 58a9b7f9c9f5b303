// The narrow interface behind a resolver, and the operation that is started through it.
// Two implementations (framework/resolver): DNS over the context's own sockets, and the system's
// resolver. Which one a context has follows its backend; resolvers know only this file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <sys/socket.h>

#include <coax/backend.hpp>
#include <coax/detail/operation.hpp>
#include <coax/detail/socket_state.hpp>

namespace coax::detail {

// From names to endpoints; or, with `reverse`, from an endpoint to names.
struct resolve_question {
    std::string host;
    std::string service;
    int family = AF_UNSPEC;  // AF_INET, AF_INET6, or both
    int socket_type = SOCK_STREAM;
    int flags = 0;  // asio::ip::resolver_base::flags, which are those of getaddrinfo(3)
    bool reverse = false;
    ip_endpoint address;  // reverse: whose names
};

struct resolve_answer {
    error_code result;
    std::vector<ip_endpoint> endpoints;  // not empty on success
    // Of every entry. Forward: as asked, or the canonical name if that was asked for.
    std::string host;
    std::string service;
};

// A question in flight. The concrete class holds the handler.
class resolve_operation : public operation {
  public:
    resolve_question question;
    resolve_answer answer;    // set on completion
    std::uint64_t owner = 0;  // which resolver started it (resolver_core::owner())

  protected:
    using operation::operation;
    ~resolve_operation() = default;
};

// All calls come from the context's thread, or while none runs it. Nothing here ever calls a
// handler: a finished operation goes to loop::complete().
class name_resolver {
  public:
    virtual ~name_resolver() = default;

    virtual void start(resolve_operation* o) = 0;
    // Ends it with operation_aborted if it is pending; the pointer is compared, never dereferenced,
    // unless found.
    virtual void cancel(resolve_operation* o) = 0;
    virtual void cancel_all(std::uint64_t owner) = 0;
    // The answer to a question, without handlers and without the ready queue; for blocking calls.
    virtual resolve_answer resolve(const resolve_question& question) = 0;

    // The end of the context: every pending operation goes to loop::complete(), which will destroy
    // it, and those that come later too. Nothing is in flight afterwards.
    virtual void abandon() noexcept = 0;
    virtual void append_counters(std::vector<counter>& all) const = 0;
};

}  // namespace coax::detail
