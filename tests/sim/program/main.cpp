// The program `sim`: runs seeds, one or many, and says which went wrong and how to see it again.
#include <cstdio>
#include <string>

#include <CLI/CLI.hpp>

#include "tests/sim/program/command.hpp"

namespace {

constexpr const char* examples = R"(examples:
  sim --seeds 1..1000                  a swarm
  sim --seeds 1..100000 --jobs 2       a larger one
  sim --seed 42                        one, with what it is and what was counted
  sim --seed 42 --pcap 42.pcapng       the same, recorded at the first host
  sim --seed 42 --pcap b.pcapng --host 2
  sim --list tests/sim/seeds.txt       those that once failed
)";

}  // namespace

int main(int argc, char** argv) {
    using namespace coax::sim;
    CLI::App app("Runs seeds of the simulated world. Exit status 1: a seed failed.", "sim");
    app.footer(examples);
    command_options o;
    std::string range;
    app.add_option("--seeds", range, "seeds A..B, both included");
    app.add_option("--seed", o.seed, "one seed, in detail");
    app.add_option("--list", o.list, "a file with a seed at the beginning of each line");
    app.add_option("--jobs", o.jobs, "processes (default 1)")->check(CLI::Range(1, 256));
    app.add_option("--pcap", o.capture, "with --seed: record what a host sends and takes");
    app.add_option("--host", o.capture_host, "which host, from 1 on (default 1)");
    CLI11_PARSE(app, argc, argv);
    if (!range.empty() && !parse_range(range, o.first, o.last)) {
        std::fprintf(stderr, "sim: --seeds wants A..B with A <= B, not '%s'\n", range.c_str());
        return 2;
    }
    return run_command(o);
}
