// Texts that are kept in the tree and made anew to see what has changed.
#pragma once

#include <string>

namespace coax::sim {

// Compares the file with `text` and prints the lines that differ; with `update` writes it instead.
// The exit status: 0, 1 when they differ, 2 when the file cannot be read or written.
int compare_snapshot(const std::string& path, const std::string& text, bool update);

// One line for each seed that stands at the beginning of a line of `path`: the seed and the digest
// of its frames.
std::string digest_table(const std::string& path);

}  // namespace coax::sim
