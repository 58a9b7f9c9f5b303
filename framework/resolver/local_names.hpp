// The part of a resolver's work that needs no server: numbers, services, the hosts file, localhost;
// what is left to ask DNS; and the shape of an answer. Errors and order are those of getaddrinfo(3)
// and getnameinfo(3), as Asio translates them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <coax/detail/resolve_operation.hpp>

#include "framework/resolver/hosts_file.hpp"
#include "framework/resolver/question.hpp"

namespace coax::detail::dns {

// What DNS has to be asked.
struct remaining {
    std::string name;                // as to_host_name() or reverse_name() gives it
    bool absolute = false;           // no search list
    std::vector<record_type> types;  // one or two
    std::uint16_t port = 0;
};

class local_names {
  public:
    // Of which families the host has addresses: those of others come last, and with
    // `address_configured` not at all.
    struct families {
        bool v4 = true;
        bool v6 = true;
    };

    local_names(std::string hosts_path, families own) : hosts_(std::move(hosts_path)), own_(own) {}

    // The answer, filled in; or what is left.
    std::optional<remaining> answer(const resolve_question& q, resolve_answer& a);
    // From addresses to the answer: those of the family asked for, in order. `canonical`: the
    // host's name if the question wants that one.
    void fill(const resolve_question& q, const std::vector<boost::asio::ip::address>& addresses,
              std::uint16_t port, const std::string& canonical, resolve_answer& a) const;
    // From a name, or nothing (then the number), to the answer of a reverse question.
    static void fill_reverse(const resolve_question& q, const std::string& name, resolve_answer& a);

  private:
    std::optional<remaining> answer_reverse(const resolve_question& q, resolve_answer& a);
    std::optional<remaining> look_up(const resolve_question& q, std::uint16_t port,
                                     resolve_answer& a);
    std::vector<record_type> types_for(const resolve_question& q) const;

    hosts_file hosts_;
    families own_;
};

}  // namespace coax::detail::dns
