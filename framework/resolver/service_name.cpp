// Looks services up where the system keeps them.
#include "framework/resolver/service_name.hpp"

#include <array>
#include <charconv>

#include <arpa/inet.h>
#include <netdb.h>

#include <boost/asio/error.hpp>

namespace coax::detail::dns {

namespace {

const char* protocol_of(int socket_type) { return socket_type == SOCK_DGRAM ? "udp" : "tcp"; }

}  // namespace

std::uint16_t port_of(const std::string& service, int socket_type, int flags, error_code& ec) {
    ec = {};
    if (service.empty()) return 0;
    std::uint16_t number = 0;
    const char* const end = service.data() + service.size();
    const auto [stopped, wrong] = std::from_chars(service.data(), end, number);
    if (stopped == end) {
        if (wrong != std::errc()) ec = boost::asio::error::service_not_found;
        return number;
    }
    if ((flags & AI_NUMERICSERV) != 0) {
        ec = boost::asio::error::host_not_found;
        return 0;
    }
    std::array<char, 1024> memory{};
    servent found{};
    servent* result = nullptr;
    ::getservbyname_r(service.c_str(), protocol_of(socket_type), &found, memory.data(),
                      memory.size(), &result);
    if (result == nullptr) {
        ec = boost::asio::error::service_not_found;
        return 0;
    }
    return ntohs(static_cast<std::uint16_t>(result->s_port));
}

std::string name_of(std::uint16_t port, int socket_type) {
    std::array<char, 1024> memory{};
    servent found{};
    servent* result = nullptr;
    ::getservbyport_r(htons(port), protocol_of(socket_type), &found, memory.data(), memory.size(),
                      &result);
    return result != nullptr ? result->s_name : std::to_string(port);
}

}  // namespace coax::detail::dns
