// What the command line asks for, and carrying it out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace coax::sim {

struct command_options {
    std::uint64_t first = 1;  // a swarm of seeds, both included; none if first > last
    std::uint64_t last = 0;
    std::optional<std::uint64_t> seed;
    std::string list;
    unsigned jobs = 1;
    std::string capture;
    std::size_t capture_host = 1;
    bool goodput = false;
    bool digests = false;
    bool update = false;
    std::string tree = ".";
};

// "A..B"; false: it is none.
bool parse_range(const std::string& text, std::uint64_t& first, std::uint64_t& last);

// The exit status: 0, 1 when a seed failed, 2 when the command makes no sense.
int run_command(const command_options& o);

}  // namespace coax::sim
