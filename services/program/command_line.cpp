// Declares the commands with CLI11.
#include "services/program/command_line.hpp"

#include <memory>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "services/backends/list_backends.hpp"
#include "services/demo/demo.hpp"
#include "services/program/declare.hpp"
#include "services/program/options.hpp"
#include "services/serve/run_server.hpp"
#include "services/transfer/fetch.hpp"
#include "services/transfer/push.hpp"

namespace coax::services {
namespace {

void add_serve_options(CLI::App& command, serve_options& options) {
    add_backend(command, options.backend);
    command
        .add_option_function<std::string>(
            "--listen",
            [&options](const std::string& text) {
                options.listen = endpoint_or_throw("--listen", text);
            },
            "Where to listen; 0.0.0.0 is every address, port 0 a free one (the ready line names "
            "it)")
        ->type_name("ADDR:PORT")
        ->required();
    command
        .add_option("--shards", options.shards.count,
                    "Threads, each with a context, a ring, a stack and a NIC queue of its own; "
                    "connections stay where they arrive. Not for proxy and kv")
        ->type_name("N")
        ->capture_default_str()
        ->check(CLI::Range(std::size_t{1}, std::size_t{64}));
    command.add_flag("--pin", options.shards.pin, "Keep each shard on a core of its own");
    command
        .add_option("--max-connections", options.connections,
                    "Open at once in each shard; more wait in the backlog")
        ->type_name("N")
        ->capture_default_str()
        ->check(CLI::Range(std::size_t{1}, std::size_t{10'000'000}));
    add_seconds(command, "--farewell", options.farewell,
                "Longest time for open connections to end in order, after Ctrl-C or SIGTERM; a "
                "second Ctrl-C ends at once",
                0, 86'400);
    add_seconds(command, "--statistics", options.report_every,
                "Print a line of statistics this often; 0: never", 0, 86'400);
}

void add_tls(CLI::App& command, std::optional<tls_files>& files) {
    command
        .add_option_function<std::vector<std::string>>(
            "--tls",
            [&files](const std::vector<std::string>& names) {
                files = tls_files{names.at(0), names.at(1)};
            },
            "Speak TLS 1.2 or later, with this certificate (its chain behind it) and private key, "
            "both PEM")
        ->type_name("CERT KEY")
        ->expected(2);
}

void declare_websocket(CLI::App& serve, command& chosen) {
    CLI::App* websocket =
        serve.add_subcommand("websocket", "Send back each message over WebSocket (RFC 6455)");
    auto options = std::make_shared<serve_options>();
    add_serve_options(*websocket, *options);
    add_tls(*websocket, options->tls);
    websocket
        ->add_option("--max-message", options->largest_message,
                     "Longest message, uncompressed; a longer one ends its connection")
        ->type_name("BYTES")
        ->capture_default_str()
        ->check(CLI::Range(std::size_t{1}, std::size_t{1} << 30));
    add_seconds(*websocket, "--timeout", options->silence,
                "Longest silence of a client; it is asked by a ping after half of it", 1, 86'400);
    websocket->footer(
        "Examples:\n"
        "  coax serve websocket --listen 127.0.0.1:8080\n"
        "  coax serve websocket --tls chain.pem key.pem --backend xdp:eth1,ip=198.18.0.2/24 "
        "--listen 198.18.0.2:443");
    websocket->callback(
        [&chosen, options] { chosen = [options] { return serve_websocket(*options); }; });
}

void declare_proxy(CLI::App& serve, command& chosen) {
    CLI::App* proxy = serve.add_subcommand(
        "proxy", "Relay TCP connections to another server, from one backend to another");
    auto options = std::make_shared<proxy_options>();
    add_serve_options(*proxy, options->serve);
    proxy
        ->add_option_function<std::string>(
            "--upstream",
            [options](const std::string& text) {
                options->target.endpoint = peer_or_throw("--upstream", text);
            },
            "Where each connection is relayed to")
        ->type_name("ADDR:PORT")
        ->required();
    proxy
        ->add_option("--upstream-backend", options->upstream_backend,
                     "Backend of the connections to the upstream; default: that of --backend")
        ->type_name("SPEC");
    add_seconds(*proxy, "--connect-timeout", options->target.connect_timeout,
                "Time for the upstream to answer", 0.01, 3'600);
    proxy->footer(
        "A client is reset if the upstream cannot be reached.\n"
        "Examples:\n"
        "  coax serve proxy --listen 127.0.0.1:8080 --upstream 127.0.0.1:80\n"
        "  coax serve proxy --backend xdp:eth1,ip=198.18.0.2/24 --listen 198.18.0.2:80 "
        "--upstream 127.0.0.1:8080 --upstream-backend kernel\n"
        "  coax serve proxy --listen 127.0.0.1:8080 --upstream 198.18.0.1:80 "
        "--upstream-backend xdp:eth1,ip=198.18.0.2/24");
    proxy->callback([&chosen, options] { chosen = [options] { return serve_proxy(*options); }; });
}

void declare_serve_kv(CLI::App& serve, command& chosen) {
    CLI::App* kv = serve.add_subcommand(
        "kv",
        "Serve keys and values in the protocol of Redis (RESP2, RESP3), in memory only: nothing is "
        "written to disk");
    auto options = std::make_shared<kv_options>();
    add_serve_options(*kv, options->serve);
    kv->add_option("--memory", options->store.memory,
                   "Most bytes of keys and values (units such as 64mb are understood); as much "
                   "again, but 32mb at least, for requests and answers under way")
        ->type_name("BYTES")
        ->capture_default_str()
        ->transform(CLI::AsSizeValue(false))
        ->check(CLI::Range(std::size_t{65'536}, std::size_t{1} << 46));
    kv->add_option_function<std::string>(
          "--eviction",
          [options](const std::string& policy) {
              options->store.eviction = policy == "noeviction"
                                            ? services::kv::eviction_policy::noeviction
                                            : services::kv::eviction_policy::allkeys_lru;
          },
          "What happens when memory is full: allkeys-lru removes keys that were not used lately, "
          "noeviction refuses commands that need more")
        ->type_name("POLICY")
        ->default_str("allkeys-lru")
        ->check(CLI::IsMember({"allkeys-lru", "noeviction"}));
    add_seconds(*kv, "--timeout", options->serve.silence,
                "Longest time for a client to take a piece of its answers, or to send more of a "
                "large request",
                1, 86'400);
    kv->footer(
        "In memory only: all keys are gone when the server ends.\n"
        "Examples:\n"
        "  coax serve kv --listen 127.0.0.1:6379\n"
        "  coax serve kv --backend xdp:eth1,ip=198.18.0.2/24 --listen 198.18.0.2:6379 --memory "
        "1gb");
    kv->callback([&chosen, options] { chosen = [options] { return serve_kv(*options); }; });
}

void declare_serve_echo(CLI::App& serve, command& chosen) {
    CLI::App* echo = serve.add_subcommand("echo", "Send back what comes (RFC 862)");
    auto options = std::make_shared<serve_options>();
    add_serve_options(*echo, *options);
    echo->add_flag("--udp", options->datagrams,
                   "Answer datagrams, too, on the same address and port");
    echo->footer(
        "Examples:\n"
        "  coax serve echo --listen 127.0.0.1:7007\n"
        "  coax serve echo --udp --listen 127.0.0.1:7007\n"
        "  coax serve echo --shards 2 --pin --listen 127.0.0.1:7007\n"
        "  coax serve echo --backend xdp:eth1,ip=198.18.0.2/24 --listen 198.18.0.2:7 "
        "--statistics 1");
    echo->callback([&chosen, options] { chosen = [options] { return serve_echo(*options); }; });
}

void declare_serve_bulk(CLI::App& serve, command& chosen) {
    CLI::App* sink = serve.add_subcommand("sink", "Take what comes and drop it (RFC 863)");
    auto taken = std::make_shared<serve_options>();
    add_serve_options(*sink, *taken);
    sink->footer("Example:\n  coax serve sink --listen 127.0.0.1:7009");
    sink->callback([&chosen, taken] { chosen = [taken] { return serve_sink(*taken); }; });

    CLI::App* source = serve.add_subcommand(
        "source", "Send without end to whoever connects (RFC 864), and drop what comes");
    auto given = std::make_shared<serve_options>();
    add_serve_options(*source, *given);
    source->footer(
        "A connection ends when its client ends its side.\n"
        "Example:\n  coax serve source --listen 127.0.0.1:7019");
    source->callback([&chosen, given] { chosen = [given] { return serve_source(*given); }; });
}

void declare_serve(CLI::App& program, command& chosen) {
    CLI::App* serve = program.add_subcommand("serve", "Run a server until Ctrl-C or SIGTERM");
    serve->require_subcommand(1);
    serve->footer(
        "Examples:\n"
        "  coax serve http . --listen 127.0.0.1:8080\n"
        "  coax serve echo --backend xdp:eth1,ip=198.18.0.2/24 --listen 198.18.0.2:7");

    declare_serve_echo(*serve, chosen);
    declare_serve_bulk(*serve, chosen);
    CLI::App* http = serve->add_subcommand("http", "Serve the files of a directory over HTTP/1.1");
    auto http_options = std::make_shared<serve_options>();
    http->add_option("directory", http_options->directory,
                     "Document root; nothing outside it is "
                     "served")
        ->type_name("DIR")
        ->required();
    add_serve_options(*http, *http_options);
    add_seconds(*http, "--timeout", http_options->silence,
                "Longest silence of a client, between requests or within a response", 1, 86'400);
    add_tls(*http, http_options->tls);
    http->footer(
        "Examples:\n"
        "  coax serve http /srv/www --listen 0.0.0.0:8080\n"
        "  coax serve http /srv/www --tls chain.pem key.pem --listen 0.0.0.0:8443\n"
        "  coax serve http . --backend xdp:eth1,ip=198.18.0.2/24 --listen 198.18.0.2:80");
    http->callback(
        [&chosen, http_options] { chosen = [http_options] { return serve_http(*http_options); }; });
    declare_websocket(*serve, chosen);
    declare_proxy(*serve, chosen);
    declare_serve_kv(*serve, chosen);
}

void declare_fetch(CLI::App& program, command& chosen) {
    CLI::App* app = program.add_subcommand("fetch", "Get one URL over HTTP/1.1");
    auto options = std::make_shared<fetch_options>();
    app->add_option("url", options->url, "http://ADDR[:PORT]/path, with a numeric address")
        ->type_name("URL")
        ->required();
    add_backend(*app, options->backend);
    app->add_option("--output,-o", options->output, "Where to put the body; '-': standard output")
        ->type_name("FILE")
        ->capture_default_str();
    app->add_flag("--head", options->head, "Show the response's header on standard error");
    add_seconds(*app, "--timeout", options->timeout, "Longest silence of the server", 0.01, 86'400);
    app->footer(
        "Exit status: 0 if the status is 200 and the body is whole, 1 otherwise.\n"
        "Examples:\n"
        "  coax fetch http://127.0.0.1:8080/index.html\n"
        "  coax fetch http://198.18.0.2/big --backend xdp:eth1,ip=198.18.0.1/24 -o big");
    app->callback([&chosen, options] { chosen = [options] { return fetch(*options); }; });
}

void declare_push(CLI::App& program, command& chosen) {
    CLI::App* app = program.add_subcommand("push", "Send a file over TCP and take what comes back");
    auto options = std::make_shared<push_options>();
    app->add_option("file", options->input, "What to send; '-': standard input")
        ->type_name("FILE")
        ->required();
    add_backend(*app, options->backend);
    add_peer(*app, options->connect);
    app->add_option("--output,-o", options->output,
                    "Where to put what comes back; '-': standard output")
        ->type_name("FILE");
    add_seconds(*app, "--timeout", options->timeout, "Longest silence of the connection", 0.01,
                86'400);
    app->footer(
        "Examples:\n"
        "  coax push big --connect 127.0.0.1:7007 --output copy    (with an echo server)\n"
        "  coax push - --backend xdp:eth1,ip=198.18.0.1/24 --connect 198.18.0.2:9 < big");
    app->callback([&chosen, options] { chosen = [options] { return push(*options); }; });
}

void declare_others(CLI::App& program, command& chosen) {
    CLI::App* backends = program.add_subcommand(
        "backends", "Tell which backends this build and machine offer, and why not the others");
    backends->footer("Example:\n  coax backends");
    backends->callback([&chosen] { chosen = list_backends; });

    CLI::App* app = program.add_subcommand(
        "demo", "Show two hosts on a virtual wire in this process; needs no privilege");
    auto options = std::make_shared<demo_options>();
    app->add_option("directory", options->directory, "Files to serve and fetch")
        ->type_name("DIR")
        ->required();
    app->footer("Example:\n  coax demo /usr/share/doc/bash");
    app->callback([&chosen, options] { chosen = [options] { return demo(*options); }; });
}

// The command that was named before the mistake, for the hint.
std::string named_command(const CLI::App& program) {
    std::string name = "coax";
    for (const CLI::App* at = &program; !at->get_subcommands().empty();) {
        at = at->get_subcommands().front();
        name += " " + at->get_name();
    }
    return name;
}

// CLI11 ends some messages with line feeds.
std::string one_line(std::string text) {
    for (char& c : text)
        if (c == '\n') c = ' ';
    text.erase(text.find_last_not_of(" .") + 1);
    return text;
}

}  // namespace

std::variant<command, std::string> parse_command_line(int count, const char* const* arguments) {
    CLI::App program("Network servers on an own TCP/IP stack, and what measures them.", "coax");
    program.set_version_flag("--version", "coax " COAX_VERSION);
    program.require_subcommand(1);
    program.footer(
        "Examples:\n"
        "  coax backends\n"
        "  coax serve http . --listen 127.0.0.1:8080\n"
        "  coax load echo --backend wire --connect 198.18.0.1:7 --connections 16\n"
        "'coax COMMAND --help' tells more about each command.");
    command chosen;
    declare_serve(program, chosen);
    declare_load(program, chosen);
    declare_fetch(program, chosen);
    declare_push(program, chosen);
    declare_others(program, chosen);
    try {
        program.parse(count, arguments);
    } catch (const CLI::CallForHelp&) {
        return program.help();
    } catch (const CLI::CallForVersion&) {
        return program.version() + "\n";
    } catch (const CLI::RequiredError& error) {
        // A mistyped command is first of all missing; tell what was there instead.
        const std::vector<std::string> extra = program.remaining(true);
        const std::string problem =
            extra.empty() ? one_line(error.what())
                          : fmt::format("'{}' is no command or option here", extra.front());
        throw failure(exit_status::usage, fmt::format("{}; '{} --help' shows what is possible",
                                                      problem, named_command(program)));
    } catch (const CLI::ParseError& error) {
        throw failure(exit_status::usage,
                      fmt::format("{}; '{} --help' shows what is possible", one_line(error.what()),
                                  named_command(program)));
    }
    return chosen;
}

}  // namespace coax::services
