// Line by line.
#include "tests/sim/program/snapshot.hpp"

#include <charconv>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <vector>

#include "tests/sim/swarm/run.hpp"

namespace coax::sim {

namespace {

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
}

bool read_file(const std::string& path, std::string& text) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return false;
    std::ostringstream all;
    all << file.rdbuf();
    text = all.str();
    return true;
}

}  // namespace

int compare_snapshot(const std::string& path, const std::string& text, bool update) {
    if (update) {
        std::ofstream file(path, std::ios::binary);
        file << text;
        file.close();
        if (!file) {
            std::fprintf(stderr, "sim: cannot write %s\n", path.c_str());
            return 2;
        }
        std::printf("%s", text.c_str());
        return 0;
    }
    std::string kept;
    if (!read_file(path, kept)) {
        std::fprintf(stderr, "sim: cannot read %s\n", path.c_str());
        return 2;
    }
    if (kept == text) {
        std::printf("%s: as it was\n", path.c_str());
        return 0;
    }
    const auto before = lines_of(kept);
    const auto now = lines_of(text);
    for (std::size_t i = 0; i < before.size() || i < now.size(); ++i) {
        const std::string was = i < before.size() ? before[i] : "";
        const std::string is = i < now.size() ? now[i] : "";
        if (was == is) continue;
        std::printf("- %s\n+ %s\n", was.c_str(), is.c_str());
    }
    std::printf("%s has changed; if that is meant: the same command with --update\n", path.c_str());
    return 1;
}

std::string digest_table(const std::string& path) {
    std::string kept;
    std::string text;
    if (!read_file(path, kept)) return text;
    for (const std::string& line : lines_of(kept)) {
        std::uint64_t seed = 0;
        const auto [end, failed] = std::from_chars(line.data(), line.data() + line.size(), seed);
        if (failed != std::errc() || end == line.data()) {
            text += line + "\n";
            continue;
        }
        const run_result r = run_seed(seed);
        char made[64];
        std::snprintf(made, sizeof made, "%llu %016llx\n", static_cast<unsigned long long>(seed),
                      static_cast<unsigned long long>(r.digest));
        text += made;
    }
    return text;
}

}  // namespace coax::sim
