// Messages that a server of echo sends back. What comes is the very stream that went: it is
// compared byte by byte, wherever the pieces begin and end.
#pragma once

#include <vector>

#include "services/load/dialogue.hpp"

namespace coax::services {

class echo_dialogue final : public dialogue {
  public:
    echo_dialogue(std::uint64_t connection, std::size_t size, std::size_t pipeline);

    pieces next(std::size_t count) override;
    pieces again(std::size_t count) override;
    reply take(std::span<const char>& bytes) override;
    std::size_t room() const noexcept override;

  private:
    std::uint64_t connection_;
    std::size_t size_;
    std::vector<char> ring_;      // message n at n % pipeline
    std::uint64_t sequence_ = 0;  // of the next message
    std::size_t next_at_ = 0;     // where it goes in the ring
    std::size_t taken_to_ = 0;    // where in the ring the next byte of the replies is
    std::size_t left_;            // bytes until the reply is whole
    bool equal_ = true;
};

}  // namespace coax::services
