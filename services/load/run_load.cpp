// Sets the scene for a load: server beside it if the backend is a wire, progress, report.
#include "services/load/run_load.hpp"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>

#include <sys/resource.h>
#include <unistd.h>

#include <fmt/format.h>

#include "services/load/crew.hpp"
#include "services/load/percentile_text.hpp"
#include "services/load/report.hpp"
#include "services/load/wire_server.hpp"
#include "services/program/endpoint_text.hpp"
#include "services/program/output_file.hpp"

namespace coax::services {

std::string to_text(load_protocol protocol) {
    switch (protocol) {
        case load_protocol::echo: return "echo";
        case load_protocol::http: return "http";
        case load_protocol::tcp_stream: return "tcp-stream";
        case load_protocol::tcp_churn: return "tcp-churn";
        case load_protocol::udp_echo: return "udp-echo";
    }
    return {};
}

namespace {

constexpr std::chrono::seconds short_run{2};  // needs no progress
constexpr std::size_t seconds_per_line = 10;  // where lines stay

// Each second: on a terminal one line that is overwritten, elsewhere a line now and then.
class progress_line {
  public:
    explicit progress_line(const load_options& options)
        : options_(options),
          terminal_(::isatty(STDERR_FILENO) == 1),
          wanted_(options.warmup + options.duration > short_run) {}
    ~progress_line() {
        if (shown_) fmt::print(stderr, "\r\x1b[K");
    }
    progress_line(const progress_line&) = delete;
    progress_line& operator=(const progress_line&) = delete;

    void show(const load_moment& now) {
        ++seconds_;
        const bool late = !now.exchanging && seconds_ >= 2;  // connecting takes long by itself
        if (!wanted_ && !late) return;
        if (!terminal_ && seconds_ % seconds_per_line != 0) return;
        if (now.exchanging != before_.exchanging) before_ = {};
        const std::string text = load_line(options_, now, before_);
        before_ = now;
        if (terminal_) fmt::print(stderr, "\r\x1b[K{}", text);
        else fmt::print(stderr, "coax load {}: {}\n", to_text(options_.protocol), text);
        std::fflush(stderr);
        shown_ = terminal_;
    }

  private:
    const load_options& options_;
    bool terminal_;
    bool wanted_;
    bool shown_ = false;
    std::size_t seconds_ = 0;
    load_moment before_;
};

void check_threads(const load_options& options) {
    if (options.threads > 1 && options.backend.specification.starts_with("tap"))
        throw failure(exit_status::usage,
                      "--threads: a TAP device serves one context, which is one thread; run one "
                      "'coax load' on each, or leave out --threads");
}

std::string server_hint(const load_options& options) {
    switch (options.protocol) {
        case load_protocol::http: return "is an HTTP server running there?";
        case load_protocol::udp_echo: return "is 'coax serve echo --udp' running there?";
        case load_protocol::tcp_stream:
            return options.direction == stream_direction::send
                       ? "is 'coax serve sink' running there?"
                       : "is 'coax serve source' running there?";
        default:
            return options.raw ? "is a server running there?"
                               : "is 'coax serve echo' running there?";
    }
}

[[noreturn]] void refuse(const load_options& options, const load_result& result) {
    const auto& errors = result.counts.errors;
    throw failure(
        exit_status::failed,
        fmt::format("cannot connect to {}: {}; {}", to_text(options.connect),
                    errors.empty() ? "interrupted" : errors.begin()->first, server_hint(options)));
}

// A shell lends fewer descriptors than its user may have; many connections need more. What is still
// not enough is an error of the connections that get none.
void ask_for_descriptors(std::size_t connections) {
    constexpr std::size_t others = 256;  // rings, files, the system's own
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= connections + others) return;
    limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, connections + others);
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

// Each of them, also when another one cannot be written; throws what became of the first of those.
void write_all(std::initializer_list<std::pair<output_file&, std::string>> results) {
    std::exception_ptr thrown;
    for (const auto& [file, text] : results) {
        try {
            file.write(text);
        } catch (const failure&) {
            if (!thrown) thrown = std::current_exception();
        }
    }
    if (thrown) std::rethrow_exception(thrown);
}

}  // namespace

exit_status run_load(const load_options& options) {
    check_threads(options);
    const bool wants_table = options.json != "-";
    // Before all other files: one of them may get the number of an output that is closed.
    output_file table(wants_table ? "-" : "");
    output_file json(options.json);
    output_file hgrm(options.hgrm);
    ask_for_descriptors(options.connections);
    const interruption interrupted;  // before any thread is started
    const std::optional<wire_server> server =
        is_wire(options.backend) ? std::optional<wire_server>(std::in_place, options)
                                 : std::nullopt;
    load_result result;
    {
        progress_line line(options);
        result = run_crew(options, make_part_of, interrupted,
                          [&](const load_moment& now) { line.show(now); });
    }
    if (result.connected == 0) refuse(options, result);
    if (!wants_table && result.is_bottleneck())
        fmt::print(stderr, "coax load {}: {}\n", to_text(options.protocol),
                   bottleneck_text(options, result));
    write_all({{table, load_table(options, result)},
               {json, load_json(options, result)},
               {hgrm, percentile_text(result.counts.latency, 1000)}});
    return result.counts.clean() ? exit_status::success : exit_status::failed;
}

}  // namespace coax::services
