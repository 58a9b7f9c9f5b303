// Runs what was asked for, with a line of progress and a summary. Time is read here and nowhere
// else: how fast seeds run is no part of what they do.
#include "tests/sim/program/command.hpp"

#include <charconv>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include "tests/sim/goodput/goodput.hpp"
#include "tests/sim/program/snapshot.hpp"
#include "tests/sim/swarm/run.hpp"

namespace coax::sim {

namespace {

using clock = std::chrono::steady_clock;
constexpr std::size_t shown_max = 50;  // failing seeds

double seconds_since(clock::time_point start) {
    return std::chrono::duration<double>(clock::now() - start).count();
}

void print_fault(const fault& f) {
    const auto us = (f.when - stack::instant{std::chrono::hours{1}}) / std::chrono::microseconds{1};
    std::printf("  %s at %lld.%06lld s: %s\n", f.oracle, static_cast<long long>(us / 1'000'000),
                static_cast<long long>(us % 1'000'000), f.what.c_str());
}

int run_one(const command_options& o) {
    run_options how;
    how.capture = o.capture;
    how.capture_host = o.capture_host;
    how.counters = true;
    const run_result r = run_seed(*o.seed, how);
    std::printf("seed %llu: %s\n", static_cast<unsigned long long>(r.seed), r.scenario.c_str());
    std::printf("  %llu frames, %llu bytes read, %.3f s of virtual time, digest %016llx\n",
                static_cast<unsigned long long>(r.frames), static_cast<unsigned long long>(r.bytes),
                std::chrono::duration<double>(r.lasted).count(),
                static_cast<unsigned long long>(r.digest));
    for (const std::string& line : r.counters) std::printf("  %s\n", line.c_str());
    for (const fault& f : r.faults.kept()) print_fault(f);
    std::printf("%s\n", r.faults.empty() ? "passed" : "FAILED");
    return r.faults.empty() ? 0 : 1;
}

// Of many seeds.
struct tally {
    std::uint64_t seeds = 0;
    std::uint64_t failed = 0;
    std::uint64_t frames = 0;
    std::uint64_t bytes = 0;
};

void run_and_tell(std::uint64_t seed, tally& so_far, std::FILE* failures) {
    const run_result r = run_seed(seed);
    ++so_far.seeds;
    so_far.frames += r.frames;
    so_far.bytes += r.bytes;
    if (r.faults.empty()) return;
    ++so_far.failed;
    const fault& f = r.faults.kept().front();
    std::fprintf(failures, "%llu  %s: %s\n", static_cast<unsigned long long>(seed), f.oracle,
                 f.what.c_str());
    std::fflush(failures);
}

void show_progress(const tally& so_far, std::uint64_t all, clock::time_point start) {
    const double s = seconds_since(start);
    std::fprintf(
        stderr, "\r%llu of %llu seeds, %llu failed, %.0f seeds/s   ",
        static_cast<unsigned long long>(so_far.seeds), static_cast<unsigned long long>(all),
        static_cast<unsigned long long>(so_far.failed), static_cast<double>(so_far.seeds) / s);
}

// The share of one process: every jobs-th seed.
tally run_share(const std::vector<std::uint64_t>& seeds, unsigned share, unsigned jobs,
                std::FILE* failures) {
    tally mine;
    const auto start = clock::now();
    auto shown = start;
    const bool terminal = share == 0 && ::isatty(STDERR_FILENO) != 0;
    for (std::size_t i = share; i < seeds.size(); i += jobs) {
        run_and_tell(seeds[i], mine, failures);
        if (!terminal || clock::now() - shown < std::chrono::milliseconds{200}) continue;
        shown = clock::now();
        show_progress(mine, seeds.size() / jobs, start);
    }
    if (terminal) std::fprintf(stderr, "\r%60s\r", "");
    return mine;
}

bool read_all(int from, tally& out) {
    return ::read(from, &out, sizeof out) == static_cast<ssize_t>(sizeof out);
}

// Processes, not threads: a seed that crashes takes nothing with it but its share.
bool run_shares(const std::vector<std::uint64_t>& seeds, unsigned jobs, std::FILE* failures,
                tally& sum) {
    struct child {
        pid_t id;
        int results;
    };
    std::vector<child> children;
    for (unsigned share = 1; share < jobs; ++share) {
        int ends[2];
        if (::pipe(ends) != 0) return false;
        const pid_t id = ::fork();
        if (id < 0) return false;
        if (id == 0) {
            const tally mine = run_share(seeds, share, jobs, failures);
            std::fflush(failures);
            const bool told = ::write(ends[1], &mine, sizeof mine) == sizeof mine;
            ::_exit(told ? 0 : 1);
        }
        ::close(ends[1]);
        children.push_back({id, ends[0]});
    }
    sum = run_share(seeds, 0, jobs, failures);
    bool good = true;
    for (const child& each : children) {
        tally theirs;
        if (read_all(each.results, theirs)) {
            sum.seeds += theirs.seeds;
            sum.failed += theirs.failed;
            sum.frames += theirs.frames;
            sum.bytes += theirs.bytes;
        } else {
            good = false;
        }
        ::close(each.results);
        int status = 0;
        ::waitpid(each.id, &status, 0);
    }
    return good;
}

int run_many(const std::vector<std::uint64_t>& seeds, unsigned jobs) {
    const auto start = clock::now();
    std::FILE* const failures = std::tmpfile();
    if (failures == nullptr) {
        std::perror("sim: tmpfile");
        return 2;
    }
    tally sum;
    const bool complete = run_shares(seeds, jobs, failures, sum);
    const double s = seconds_since(start);
    std::rewind(failures);
    std::size_t shown = 0;
    for (char line[4096]; std::fgets(line, sizeof line, failures) != nullptr; ++shown)
        if (shown < shown_max) std::printf("seed %s", line);
    std::fclose(failures);
    if (shown > shown_max) std::printf("... and %zu more\n", shown - shown_max);
    if (sum.failed != 0) std::printf("replay one: ./dev sim --seed N --pcap N.pcapng\n");
    std::printf("%llu seeds, %llu failed, %.1f s, %.1f seeds/s, %llu frames, %llu MB read\n",
                static_cast<unsigned long long>(sum.seeds),
                static_cast<unsigned long long>(sum.failed), s, static_cast<double>(sum.seeds) / s,
                static_cast<unsigned long long>(sum.frames),
                static_cast<unsigned long long>(sum.bytes / 1'000'000));
    if (!complete || sum.seeds != seeds.size()) {
        std::printf("some seeds did not come to an end: a process died\n");
        return 1;
    }
    return sum.failed == 0 ? 0 : 1;
}

// Lines begin with a seed; the rest is a comment, as are lines with none.
bool read_list(const std::string& path, std::vector<std::uint64_t>& seeds) {
    std::ifstream file(path);
    if (!file) return false;
    for (std::string line; std::getline(file, line);) {
        std::uint64_t seed = 0;
        const auto [end, failed] = std::from_chars(line.data(), line.data() + line.size(), seed);
        if (failed == std::errc() && end != line.data()) seeds.push_back(seed);
    }
    return true;
}

}  // namespace

bool parse_range(const std::string& text, std::uint64_t& first, std::uint64_t& last) {
    const std::size_t dots = text.find("..");
    if (dots == std::string::npos) return false;
    const char* const begin = text.data();
    const char* const end = begin + text.size();
    const auto a = std::from_chars(begin, begin + dots, first);
    const auto b = std::from_chars(begin + dots + 2, end, last);
    return a.ec == std::errc() && a.ptr == begin + dots && b.ec == std::errc() && b.ptr == end &&
           first <= last;
}

int run_command(const command_options& o) {
    if (o.seed) return run_one(o);
    if (o.goodput)
        return compare_snapshot(o.tree + "/tests/sim/goodput.txt", goodput_table(), o.update);
    if (o.digests) {
        const std::string path = o.tree + "/tests/sim/digests.txt";
        return compare_snapshot(path, digest_table(path), o.update);
    }
    std::vector<std::uint64_t> seeds;
    if (!o.list.empty() && !read_list(o.list, seeds)) {
        std::fprintf(stderr, "sim: cannot read %s\n", o.list.c_str());
        return 2;
    }
    for (std::uint64_t seed = o.first; seed <= o.last; ++seed) seeds.push_back(seed);
    if (seeds.empty()) {
        std::fprintf(stderr, "sim: no seed given; --help shows examples\n");
        return 2;
    }
    return run_many(seeds, o.jobs);
}

}  // namespace coax::sim
