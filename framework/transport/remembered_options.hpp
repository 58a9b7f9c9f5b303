// Values of socket options that mean nothing to the stack: programs which set them read back what
// they set.
#pragma once

#include <cstdint>
#include <vector>

namespace coax::detail {

// By option_key(). Which ones may be set is for the owner to say.
class remembered_options {
  public:
    void set(std::uint64_t which, int value) {
        for (entry& e : entries_) {
            if (e.which != which) continue;
            e.value = value;
            return;
        }
        entries_.push_back({which, value});
    }
    int get(std::uint64_t which, int never_set = 0) const noexcept {
        for (const entry& e : entries_)
            if (e.which == which) return e.value;
        return never_set;
    }

  private:
    struct entry {
        std::uint64_t which;
        int value;
    };
    std::vector<entry> entries_;  // few; empty for nearly every socket
};

}  // namespace coax::detail
