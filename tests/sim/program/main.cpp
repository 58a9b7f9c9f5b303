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
  sim --goodput                        the table of goodput against tests/sim/goodput.txt
  sim --goodput --update               and made anew
  sim --digests                        the digests of some seeds against tests/sim/digests.txt
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
    app.add_flag("--goodput", o.goodput, "compare the goodput table with the one that is kept");
    app.add_flag("--digests", o.digests, "compare digests of seeds with those that are kept");
    app.add_flag("--update", o.update, "with these two: keep what is now");
    app.add_option("--tree", o.tree, "the source tree (default: here)");
    CLI11_PARSE(app, argc, argv);
    if (!range.empty() && !parse_range(range, o.first, o.last)) {
        std::fprintf(stderr, "sim: --seeds wants A..B with A <= B, not '%s'\n", range.c_str());
        return 2;
    }
    return run_command(o);
}
