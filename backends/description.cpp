// What a backend runs on, as one line for people. Knows no backend.
#include "backends/driver.hpp"

namespace coax::backends {

namespace {

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words) text.append(text.empty() ? "" : ", ").append(word);
    return text;
}

std::string joined(const std::vector<unsigned>& numbers) {
    std::string text;
    for (const auto n : numbers) text.append(text.empty() ? "" : ", ").append(std::to_string(n));
    return text;
}

}  // namespace

std::string description::to_line() const {
    std::string line = kind;
    if (!interface.empty()) line.append(" on ").append(interface);
    if (!mode.empty()) line.append(" (").append(mode).append(")");
    if (!queues.empty())
        line.append(queues.size() == 1 ? ", queue " : ", queues ").append(joined(queues));
    if (!offloads.empty()) line.append(", offloads ").append(joined(offloads));
    if (mtu != 0) line.append(", MTU ").append(std::to_string(mtu));
    if (!addresses.empty()) line.append(", ").append(joined(addresses));
    return line;
}

}  // namespace coax::backends
