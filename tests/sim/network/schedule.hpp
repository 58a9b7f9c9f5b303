// Virtual time: one queue of things to happen, in the order of their moments, and of their
// scheduling where moments are the same. Knows nothing of what happens.
#pragma once

#include <cstdint>
#include <vector>

#include "stack/base/time.hpp"

namespace coax::sim {

// Somebody to whom things happen. Must outlive what was scheduled for it.
class actor {
  public:
    // `what` is the number it was scheduled with.
    virtual void on_moment(std::uint64_t what) = 0;

  protected:
    actor() = default;
    ~actor() = default;
    actor(const actor&) = default;
    actor& operator=(const actor&) = default;
};

class schedule {
  public:
    // Not zero, so that nobody takes the beginning for "never happened".
    static constexpr stack::instant beginning{std::chrono::hours{1}};

    stack::instant now() const noexcept { return now_; }
    // A moment that has passed counts as now.
    void at(stack::instant when, actor& whom, std::uint64_t what);
    // Lets the next thing happen, if it is due by `limit`. False: there is none; now() is `limit`
    // then, unless that is `never`.
    bool run_next(stack::instant limit);
    bool empty() const noexcept { return heap_.empty(); }
    std::uint64_t happened() const noexcept { return happened_; }

  private:
    struct entry {
        stack::instant when;
        std::uint64_t number;
        actor* whom;
        std::uint64_t what;
    };
    static bool later(const entry& a, const entry& b) noexcept {
        return a.when != b.when ? a.when > b.when : a.number > b.number;
    }

    stack::instant now_ = beginning;
    std::uint64_t number_ = 0;
    std::uint64_t happened_ = 0;
    std::vector<entry> heap_;
};

}  // namespace coax::sim
