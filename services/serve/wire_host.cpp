// Rewrites wire specifications.
#include "services/serve/wire_host.hpp"

#include <string>
#include <string_view>

#include <fmt/format.h>

namespace coax::services {
namespace {

constexpr std::string_view kind = "wire";

}  // namespace

bool is_wire(const backend_options& backend) {
    const std::string_view text = backend.specification;
    return text.starts_with(kind) &&
           (text.size() == kind.size() || text[kind.size()] == ':' || text[kind.size()] == ',');
}

backend_options wire_host(const backend_options& backend, const boost::asio::ip::address& address) {
    std::string_view rest = backend.specification;
    backend_options result = backend;
    result.specification.clear();
    std::string_view prefix_length = address.is_v6() ? "/64" : "/24";
    // Every part but the other host's addresses is kept: name, mtu, whatever comes.
    for (bool more = true; more;) {
        const std::size_t comma = rest.find(',');
        const std::string_view part = rest.substr(0, comma);
        more = comma != std::string_view::npos;
        if (more) rest.remove_prefix(comma + 1);
        if (part.starts_with("ip=")) {
            const std::size_t slash = part.find('/');
            if (slash != std::string_view::npos) prefix_length = part.substr(slash);
            continue;
        }
        if (!result.specification.empty()) result.specification += ',';
        result.specification += part;
    }
    result.specification += fmt::format(",ip={}{}", address.to_string(), prefix_length);
    return result;
}

}  // namespace coax::services
