// A request in the user's own words, again and again, for servers of any protocol whose replies can
// be told apart by their bytes, their length or their end.
#pragma once

#include <vector>

#include "services/load/dialogue.hpp"

namespace coax::services {

class raw_dialogue final : public dialogue {
  public:
    raw_dialogue(const raw_exchange& what, std::size_t pipeline);

    pieces next(std::size_t count) override;
    pieces again(std::size_t count) override;
    reply take(std::span<const char>& bytes) override;
    std::size_t room() const noexcept override;

  private:
    reply take_until_end(std::span<const char>& bytes) const;

    const raw_exchange& what_;
    std::vector<char> requests_;  // as many as may be under way
    std::size_t reply_size_;      // 0: known by its end
    std::size_t taken_ = 0;       // bytes of the reply so far
    bool equal_ = true;
};

}  // namespace coax::services
