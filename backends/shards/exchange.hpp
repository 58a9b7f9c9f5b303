// What the shards of a group share: the directory, a ring from each to each other, and the bells
// that wake who sleeps. Lives as long as one of them.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <system_error>
#include <vector>

#include "backends/shards/directory.hpp"
#include "backends/shards/frame_ring.hpp"
#include "backends/wire/doorbell.hpp"

namespace coax::backends::shards {

class exchange {
  public:
    // 2..shards_max shards. `key`: secret of the directory's hash. Throws bad_alloc.
    exchange(unsigned shards, const stack::siphash_key& key,
             std::uint64_t flows_per_shard = directory::flows_per_shard);

    // Before any of them sleeps: errors are those of pipe(2).
    std::error_code open_bells() noexcept;

    unsigned shards() const noexcept { return shards_; }
    directory& where() noexcept { return directory_; }
    frame_ring& way(unsigned from, unsigned to) noexcept { return *ways_[from * shards_ + to]; }
    wire::doorbell& bell(unsigned shard) noexcept { return bells_[shard]; }

  private:
    unsigned shards_;
    directory directory_;
    std::vector<std::unique_ptr<frame_ring>> ways_;  // by sender and receiver; none to oneself
    std::unique_ptr<wire::doorbell[]> bells_;
};

}  // namespace coax::backends::shards
