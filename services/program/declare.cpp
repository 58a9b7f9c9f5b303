// Backend and peer, as every command spells them.
#include "services/program/declare.hpp"

#include <cmath>

#include "services/program/endpoint_text.hpp"

namespace coax::services {
namespace {

constexpr const char* backend_help =
    "Backend specification: kernel; wire; xdp:IFACE,ip=ADDR/LEN[,gw=ADDR][,mode=native|skb]. "
    "'coax backends' shows what this machine offers";

}  // namespace

coax::tcp::endpoint endpoint_or_throw(const std::string& option, const std::string& text) {
    if (const auto endpoint = parse_endpoint(text)) return *endpoint;
    throw CLI::ValidationError(
        option, fmt::format("'{}' is not an address with a port; write numbers, such as "
                            "198.18.0.2:8080 or [::1]:8080",
                            text));
}

coax::tcp::endpoint peer_or_throw(const std::string& option, const std::string& text) {
    const auto endpoint = endpoint_or_throw(option, text);
    if (endpoint.port() != 0 && !endpoint.address().is_unspecified()) return endpoint;
    throw CLI::ValidationError(
        option, fmt::format("nobody can be reached at '{}'; name the server's address and a port "
                            "from 1 to 65535",
                            text));
}

CLI::Validator real_between(double least, double most) {
    const CLI::Range range(least, most);
    return {[range](std::string& text) {
                double value = 0;
                if (CLI::detail::lexical_cast(text, value) && std::isnan(value))
                    return fmt::format("{} is not a number", text);
                return range(text);
            },
            range.get_description()};
}

void add_backend(CLI::App& app, backend_options& options) {
    app.add_option("--backend", options.specification, backend_help)
        ->type_name("SPEC")
        ->capture_default_str();
    app.add_option_function<unsigned>(
           "--spin",
           [&options](const unsigned& value) { options.spin = std::chrono::microseconds(value); },
           "Busy-poll this many microseconds before sleeping; 0: sleep at once")
        ->type_name("US")
        ->check(CLI::Range(0U, 60'000'000U));
}

CLI::Option* add_peer(CLI::App& app, coax::tcp::endpoint& endpoint) {
    return app
        .add_option_function<std::string>(
            "--connect",
            [&endpoint](const std::string& text) { endpoint = peer_or_throw("--connect", text); },
            "Address and port of the server")
        ->type_name("ADDR:PORT")
        ->required();
}

}  // namespace coax::services
