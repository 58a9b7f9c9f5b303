// `coax load`: one subcommand a protocol, with the options that make sense for it.
#include <map>
#include <memory>

#include "services/load/escaped_text.hpp"
#include "services/load/run_load.hpp"
#include "services/program/declare.hpp"
#include "services/transfer/url.hpp"

namespace coax::services {
namespace {

using shared_options = std::shared_ptr<load_options>;

constexpr std::size_t largest_message = std::size_t{64} << 20;
constexpr std::size_t largest_datagram = 65'507;
constexpr std::size_t smallest_numbered = 8;  // a datagram carries its number
constexpr std::size_t stream_piece = 65'536;
constexpr std::chrono::milliseconds datagram_timeout{1'000};
constexpr std::size_t most_connections = 1'000'000;
// What all messages under way may take of memory, so that a mistyped number does not take all.
constexpr std::size_t most_under_way = std::size_t{8} << 30;

// What every protocol has.
void add_run(CLI::App& app, load_options& options, const char* connections_help) {
    add_backend(app, options.backend);
    app.add_option("--connections", options.connections, connections_help)
        ->type_name("N")
        ->capture_default_str()
        ->check(CLI::Range(std::size_t{1}, most_connections));
    app.add_option("--threads", options.threads,
                   "Threads, each with a context of its own (on xdp: a NIC queue of its own); "
                   "connections are dealt out to them")
        ->type_name("N")
        ->capture_default_str()
        ->check(CLI::Range(std::size_t{1}, std::size_t{256}));
    add_seconds(app, "--duration", options.duration, "Time to measure", 0.01, 86'400);
    add_seconds(app, "--warmup", options.warmup, "Time before that, not measured", 0, 86'400);
    add_seconds(app, "--connect-timeout", options.connect_timeout,
                "Time for all connections to come about", 0.01, 3'600);
    app.add_option("--json", options.json,
                   "Write the result here as JSON; '-': to standard output instead of the table")
        ->type_name("FILE");
}

void add_timeout(CLI::App& app, load_options& options, const char* help) {
    add_seconds(app, "--timeout", options.timeout, help, 0.001, 3'600);
}

// Of protocols whose messages have replies.
void add_pace(CLI::App& app, load_options& options, const char* rate_help) {
    CLI::Option* rate = app.add_option("--rate", options.rate, rate_help)
                            ->type_name("PER-SECOND")
                            ->check(real_between(1e-3, 1e9));
    add_seconds(app, "--think-time", options.think_time,
                "Closed loop: time from a reply to the next message", 0, 3'600)
        ->excludes(rate);
    app.add_option("--hgrm", options.hgrm,
                   "Write the latencies here as HdrHistogram's percentile distribution, in "
                   "microseconds")
        ->type_name("FILE");
}

constexpr const char* message_rate_help =
    "Open loop: so many messages a second, all connections together, sent when they are due "
    "whatever the server does; latency counts from then. Without it: closed loop";

void add_pipeline(CLI::App& app, load_options& options, const char* what) {
    app.add_option("--pipeline", options.pipeline, what)
        ->type_name("N")
        ->capture_default_str()
        ->check(CLI::Range(std::size_t{1}, std::size_t{65'536}));
}

CLI::Option* add_size(CLI::App& app, load_options& options, const char* help, std::size_t least,
                      std::size_t most) {
    return app.add_option("--size", options.size, help)
        ->type_name("BYTES")
        ->capture_default_str()
        ->check(CLI::Range(least, most));
}

std::string bytes_or_throw(const std::string& option, const std::string& text) {
    const auto bytes = parse_escapes(text);
    if (bytes && !bytes->empty()) return *bytes;
    throw CLI::ValidationError(
        option, fmt::format("'{}' is not a text with escapes; write \\r \\n \\t \\0 \\\\ or \\xHH "
                            "for what cannot be typed, and at least one byte",
                            text));
}

// A request in the user's words, and one of three ways to tell its reply.
void add_raw(CLI::App& app, const shared_options& options, CLI::Option* size) {
    const auto raw = [options]() -> raw_exchange& {
        if (!options->raw) options->raw.emplace();
        return *options->raw;
    };
    const auto add_text = [&app, raw](const std::string& name, std::string raw_exchange::* to,
                                      const char* help) {
        return app
            .add_option_function<std::string>(
                name,
                [name, raw, to](const std::string& text) {
                    raw().*to = bytes_or_throw(name, text);
                },
                help)
            ->type_name("TEXT");
    };
    CLI::Option* request =
        add_text("--request", &raw_exchange::request,
                 "Send this instead of patterns, to a server of any protocol; \\r \\n \\xHH are "
                 "understood. One of --reply, --reply-size, --reply-end tells its replies")
            ->excludes(size);
    CLI::Option* reply = add_text("--reply", &raw_exchange::reply,
                                  "Each reply is this text; every other one is a mismatch")
                             ->needs(request);
    CLI::Option* reply_size =
        app.add_option_function<std::size_t>(
               "--reply-size", [raw](const std::size_t& n) { raw().reply_size = n; },
               "Each reply has so many bytes, whichever they are")
            ->type_name("BYTES")
            ->check(CLI::Range(std::size_t{1}, largest_message))
            ->needs(request)
            ->excludes(reply);
    add_text("--reply-end", &raw_exchange::reply_end, "Each reply ends with this text")
        ->needs(request)
        ->excludes(reply)
        ->excludes(reply_size);
}

// What options are together, when all are known.
void check(const load_options& options) {
    if (options.raw && options.raw->reply.empty() && options.raw->reply_size == 0 &&
        options.raw->reply_end.empty())
        throw CLI::ValidationError(
            "--request",
            "how a reply ends is not told; add --reply TEXT, --reply-size BYTES or "
            "--reply-end TEXT");
    const std::size_t message = options.raw ? options.raw->request.size() : options.size;
    if (options.pipeline * message > most_under_way / options.connections)
        throw CLI::ValidationError("--pipeline",
                                   "more than 8 GiB of messages would be under way; ask for fewer "
                                   "connections, a smaller size or a shorter pipeline");
}

void choose(CLI::App& app, command& chosen, const shared_options& options) {
    app.callback([&chosen, options] {
        check(*options);
        chosen = [options] { return run_load(*options); };
    });
}

constexpr const char* exit_text =
    "Exit status: 0 every reply as it should be and no connection lost, 1 otherwise, 2 bad input.\n"
    "Examples:\n";

shared_options options_for(load_protocol protocol) {
    auto options = std::make_shared<load_options>();
    options->protocol = protocol;
    return options;
}

void declare_echo(CLI::App& load, command& chosen) {
    CLI::App* app = load.add_subcommand(
        "echo", "Messages to an echo server, every reply compared; or requests of your own");
    const shared_options options = options_for(load_protocol::echo);
    add_peer(*app, options->connect);
    add_run(*app, *options, "Connections");
    CLI::Option* size = add_size(*app, *options, "Bytes of a message", 1, largest_message);
    add_pipeline(*app, *options, "Most messages under way at once on a connection");
    add_pace(*app, *options, message_rate_help);
    add_timeout(*app, *options, "Longest silence of a server that owes a reply");
    add_raw(*app, options, size);
    app->footer(
        std::string(exit_text) +
        "  coax load echo --connect 127.0.0.1:7007 --connections 64 --size 64 --duration 5\n"
        "  coax load echo --connect 127.0.0.1:7007 --connections 64 --rate 50000 --warmup 1 "
        "--hgrm echo.hgrm\n"
        "  coax load echo --backend xdp:eth1,ip=198.18.0.1/24 --connect 198.18.0.2:7 --json "
        "result.json\n"
        "  coax load echo --connect 127.0.0.1:6379 --request 'PING\\r\\n' --reply '+PONG\\r\\n'\n"
        "  coax load echo --backend wire --connect 198.18.0.1:7    (brings its own server)");
    choose(*app, chosen, options);
}

void declare_http(CLI::App& load, command& chosen) {
    CLI::App* app =
        load.add_subcommand("http", "GET of one URL over HTTP/1.1, from any server of it");
    const shared_options options = options_for(load_protocol::http);
    app->add_option_function<std::string>(
           "url",
           [options](const std::string& text) {
               const auto url = parse_url(text);
               if (!url)
                   throw CLI::ValidationError(
                       "URL", fmt::format("'{}' is not a URL that can be asked for; write "
                                          "http://ADDR:PORT/path with a numeric address",
                                          text));
               options->connect = url->endpoint;
               options->host = url->host;
               options->target = url->target;
           },
           "http://ADDR[:PORT]/path, with a numeric address")
        ->type_name("URL")
        ->required();
    add_run(*app, *options, "Connections, kept alive");
    add_pipeline(*app, *options, "Most requests under way at once on a connection");
    add_pace(*app, *options, message_rate_help);
    add_timeout(*app, *options, "Longest silence of a server that owes a reply");
    app->footer(
        "A status of 400 or more is an error. Connections that the server ends between "
        "replies are made anew.\n" +
        std::string(exit_text) +
        "  coax load http http://127.0.0.1:8080/index.html --connections 64\n"
        "  coax load http http://127.0.0.1:8080/ --connections 64 --rate 20000 --json -\n"
        "  coax load http http://198.18.0.2/ --backend xdp:eth1,ip=198.18.0.1/24 "
        "--pipeline 16");
    choose(*app, chosen, options);
}

void declare_stream(CLI::App& load, command& chosen) {
    CLI::App* app = load.add_subcommand("tcp-stream", "Bytes as fast as they will go, in bulk");
    const shared_options options = options_for(load_protocol::tcp_stream);
    options->size = stream_piece;
    add_peer(*app, options->connect);
    add_run(*app, *options, "Connections");
    add_size(*app, *options, "Most bytes of a read, and of a write", 1, largest_message);
    const std::map<std::string, stream_direction> directions{{"send", stream_direction::send},
                                                             {"receive", stream_direction::receive},
                                                             {"both", stream_direction::both}};
    app->add_option_function<std::string>(
           "--direction",
           [options, directions](const std::string& text) {
               options->direction = directions.at(text);
           },
           "Which way: send (to 'coax serve sink', or whoever drops what comes), receive, both "
           "(from 'coax serve source', or whoever sends)")
        ->type_name("WAY")
        ->default_str("send")
        ->check(CLI::IsMember({"send", "receive", "both"}));
    add_timeout(*app, *options, "Longest time in which nothing moves on a connection");
    app->footer(
        std::string("Messages of the report are reads and writes.\n") + exit_text +
        "  coax load tcp-stream --connect 127.0.0.1:7009 --warmup 1 --duration 10\n"
        "  coax load tcp-stream --connect 127.0.0.1:7019 --direction receive --connections 16\n"
        "  coax load tcp-stream --backend xdp:eth1,ip=198.18.0.1/24 --connect 198.18.0.2:9");
    choose(*app, chosen, options);
}

void declare_churn(CLI::App& load, command& chosen) {
    CLI::App* app = load.add_subcommand(
        "tcp-churn", "Connections of one message each: connect, ask an echo server, close");
    const shared_options options = options_for(load_protocol::tcp_churn);
    add_peer(*app, options->connect);
    add_run(*app, *options, "Connections at once");
    CLI::Option* size = add_size(*app, *options, "Bytes of a message", 1, largest_message);
    add_pace(*app, *options,
             "Open loop: so many connections a second, made when they are due whatever the server "
             "does; latency counts from then. Without it: closed loop");
    app->add_flag("--reset", options->reset,
                  "Close by a reset: no TIME-WAIT, so a kernel's ports last longer");
    add_timeout(*app, *options, "Longest time of a connection");
    add_raw(*app, options, size);
    app->footer(
        "Latency is from before the connection to the whole reply. A kernel lends a port again a "
        "minute after its connection: 'cannot assign requested address' says that all are lent; "
        "see --reset, and net.ipv4.tcp_tw_reuse.\n" +
        std::string(exit_text) +
        "  coax load tcp-churn --connect 127.0.0.1:7007 --connections 16 --duration 1 --reset\n"
        "  coax load tcp-churn --backend xdp:eth1,ip=198.18.0.1/24 --connect 198.18.0.2:7 --rate "
        "1000");
    choose(*app, chosen, options);
}

void declare_datagrams(CLI::App& load, command& chosen) {
    CLI::App* app = load.add_subcommand(
        "udp-echo", "Datagrams to an echo server, every answer compared, losses counted");
    const shared_options options = options_for(load_protocol::udp_echo);
    options->timeout = datagram_timeout;
    add_peer(*app, options->connect);
    add_run(*app, *options, "Sockets");
    add_size(*app, *options, "Bytes of a datagram, of which 8 are its number", smallest_numbered,
             largest_datagram);
    add_pipeline(*app, *options, "Most datagrams without an answer on a socket");
    add_pace(*app, *options, message_rate_help);
    add_timeout(*app, *options, "A datagram without an answer for so long is lost");
    app->footer(
        std::string(exit_text) +
        "  coax load udp-echo --connect 127.0.0.1:7007 --connections 16 --pipeline 8\n"
        "  coax load udp-echo --connect 127.0.0.1:7007 --rate 100000 --pipeline 64 --timeout 0.2\n"
        "  coax load udp-echo --backend xdp:eth1,ip=198.18.0.1/24 --connect 198.18.0.2:7");
    choose(*app, chosen, options);
}

}  // namespace

void declare_load(CLI::App& program, command& chosen) {
    CLI::App* load = program.add_subcommand("load", "Measure a server, coax or any other");
    load->require_subcommand(1);
    load->footer(
        "Examples:\n"
        "  coax load echo --connect 127.0.0.1:7007 --connections 64\n"
        "  coax load echo --connect 127.0.0.1:7007 --connections 64 --rate 50000\n"
        "  coax load http http://127.0.0.1:8080/ --connections 64");
    declare_echo(*load, chosen);
    declare_http(*load, chosen);
    declare_stream(*load, chosen);
    declare_churn(*load, chosen);
    declare_datagrams(*load, chosen);
}

}  // namespace coax::services
