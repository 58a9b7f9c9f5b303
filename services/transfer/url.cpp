// Takes URLs apart.
#include "services/transfer/url.hpp"

#include <fmt/format.h>

#include "services/program/endpoint_text.hpp"

namespace coax::services {

std::optional<http_url> parse_url(std::string_view text) {
    constexpr std::string_view scheme = "http://";
    if (!text.starts_with(scheme)) return std::nullopt;
    text.remove_prefix(scheme.size());
    text = text.substr(0, text.find('#'));
    // What would break the request line or smuggle another field into it.
    for (const char c : text)
        if (static_cast<unsigned char>(c) <= ' ' || c == '\x7f') return std::nullopt;
    const std::size_t end = text.find_first_of("/?");
    const std::string host(text.substr(0, end));
    http_url url;
    url.host = host;
    if (end != std::string_view::npos) url.target = text.substr(end);
    if (!url.target.starts_with('/')) url.target = fmt::format("/{}", url.target);
    // Without a port, the last colon is the address's own, if it has one.
    const bool has_port = !host.ends_with(']') && host.find(':') != std::string::npos;
    const auto endpoint = parse_endpoint(has_port ? host : fmt::format("{}:80", host));
    if (!endpoint || endpoint->port() == 0) return std::nullopt;
    url.endpoint = *endpoint;
    return url;
}

}  // namespace coax::services
