// Answers without a server.
#include "framework/resolver/local_names.hpp"

#include <netdb.h>

#include <boost/asio/error.hpp>

#include "framework/resolver/host_name.hpp"
#include "framework/resolver/service_name.hpp"

namespace coax::detail::dns {

namespace error = boost::asio::error;
namespace ip = boost::asio::ip;

namespace {

bool has(const resolve_question& q, int flag) { return (q.flags & flag) != 0; }

std::vector<ip::address> any_or_loopback(bool any) {
    if (any) return {ip::address_v4::any(), ip::address_v6::any()};
    return {ip::address_v4::loopback(), ip::address_v6::loopback()};
}

// Of the family asked for, or made to be.
std::vector<ip::address> select(const resolve_question& q, const std::vector<ip::address>& from) {
    if (q.family == AF_UNSPEC) return from;
    std::vector<ip::address> chosen;
    for (const ip::address& a : from)
        if (a.is_v6() == (q.family == AF_INET6)) chosen.push_back(a);
    if (q.family != AF_INET6 || !has(q, AI_V4MAPPED)) return chosen;
    if (!chosen.empty() && !has(q, AI_ALL)) return chosen;
    for (const ip::address& a : from)
        if (a.is_v4()) chosen.emplace_back(ip::make_address_v6(ip::v4_mapped, a.to_v4()));
    return chosen;
}

ip::address unmapped(const ip::address& a) {
    if (a.is_v6() && a.to_v6().is_v4_mapped()) return ip::make_address_v4(ip::v4_mapped, a.to_v6());
    return a;
}

}  // namespace

std::optional<remaining> local_names::answer(const resolve_question& q, resolve_answer& a) {
    a = {};
    if (q.reverse) return answer_reverse(q, a);
    if (q.host.empty() && q.service.empty()) a.result = error::host_not_found;
    else if (q.host.empty() && has(q, AI_CANONNAME)) a.result = error::invalid_argument;
    if (a.result) return std::nullopt;
    const std::uint16_t port = port_of(q.service, q.socket_type, q.flags, a.result);
    if (a.result) return std::nullopt;
    if (q.host.empty()) {
        fill(q, any_or_loopback(has(q, AI_PASSIVE)), port, q.host, a);
        return std::nullopt;
    }
    if (const auto number = numeric_address(q.host)) {
        fill(q, {*number}, port, q.host, a);
        return std::nullopt;
    }
    if (has(q, AI_NUMERICHOST)) {
        a.result = error::host_not_found;
        return std::nullopt;
    }
    return look_up(q, port, a);
}

std::optional<remaining> local_names::look_up(const resolve_question& q, std::uint16_t port,
                                              resolve_answer& a) {
    const auto name = to_host_name(q.host);
    const std::vector<record_type> types = types_for(q);
    if (!name || types.empty()) {
        a.result = error::host_not_found;
        return std::nullopt;
    }
    hosts_.refresh();
    std::vector<ip::address> addresses;
    std::string canonical;
    for (const hosts_file::entry& e : hosts_.find(*name)) {
        addresses.push_back(e.address);
        if (canonical.empty()) canonical = e.canonical;
    }
    if (addresses.empty() && is_localhost(*name)) {
        addresses = any_or_loopback(false);
        canonical = *name;
    }
    if (!addresses.empty()) {
        fill(q, addresses, port, canonical, a);
        // A name with addresses of the other family alone may be known to DNS as well.
        if (!a.result || is_localhost(*name)) return std::nullopt;
        a = {};
    }
    return remaining{*name, q.host.ends_with('.'), types, port};
}

std::vector<record_type> local_names::types_for(const resolve_question& q) const {
    bool v4 = q.family != AF_INET6 || has(q, AI_V4MAPPED);
    bool v6 = q.family != AF_INET;
    if (has(q, AI_ADDRCONFIG)) {
        v4 = v4 && own_.v4;
        v6 = v6 && own_.v6;
    }
    std::vector<record_type> types;
    if (v4) types.push_back(record_type::a);
    if (v6) types.push_back(record_type::aaaa);
    return types;
}

void local_names::fill(const resolve_question& q, const std::vector<ip::address>& addresses,
                       std::uint16_t port, const std::string& canonical, resolve_answer& a) const {
    const std::vector<ip::address> chosen = select(q, addresses);
    // RFC 6724 6, rule 1: what cannot be reached comes last; else in the order given.
    for (const bool reachable : {true, false})
        for (const ip::address& each : chosen)
            if ((each.is_v4() ? own_.v4 : own_.v6) == reachable)
                a.endpoints.emplace_back(each, port);
    a.host = has(q, AI_CANONNAME) ? canonical : q.host;
    a.service = q.service;
    if (chosen.empty()) a.result = error::host_not_found;
}

// --- from an endpoint to names

std::optional<remaining> local_names::answer_reverse(const resolve_question& q, resolve_answer& a) {
    const ip::address address = unmapped(q.address.address());
    hosts_.refresh();
    if (const std::string* const name = hosts_.find(address)) fill_reverse(q, *name, a);
    else if (address.is_loopback()) fill_reverse(q, "localhost", a);
    else if (address.is_unspecified()) fill_reverse(q, {}, a);
    else return remaining{reverse_name(address), true, {record_type::ptr}, 0};
    return std::nullopt;
}

void local_names::fill_reverse(const resolve_question& q, const std::string& name,
                               resolve_answer& a) {
    a.endpoints = {q.address};
    a.host = name.empty() ? q.address.address().to_string() : name;
    a.service = name_of(q.address.port(), q.socket_type);
}

}  // namespace coax::detail::dns
