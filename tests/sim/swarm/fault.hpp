// What an oracle found wrong. Knows no oracle.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "stack/base/time.hpp"

namespace coax::sim {

struct fault {
    const char* oracle = "";  // which rule was broken: one word
    std::string what;
    stack::instant when{};
};

class fault_list {
  public:
    static constexpr std::size_t kept_max = 20;

    void add(const char* oracle, std::string what, stack::instant when) {
        ++count_;
        if (kept_.size() < kept_max) kept_.push_back({oracle, std::move(what), when});
    }
    bool empty() const noexcept { return count_ == 0; }
    std::size_t count() const noexcept { return count_; }
    const std::vector<fault>& kept() const noexcept { return kept_; }

  private:
    std::size_t count_ = 0;
    std::vector<fault> kept_;
};

}  // namespace coax::sim
