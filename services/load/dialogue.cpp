// Chooses a dialogue.
#include "services/load/dialogue.hpp"

#include <algorithm>

#include "services/load/echo_dialogue.hpp"
#include "services/load/http_dialogue.hpp"
#include "services/load/raw_dialogue.hpp"

namespace coax::services {

std::unique_ptr<dialogue> make_dialogue(const load_options& options, std::size_t index,
                                        std::size_t pipeline) {
    if (options.protocol == load_protocol::http)
        return std::make_unique<http_dialogue>(options.host, options.target, pipeline);
    if (options.raw) return std::make_unique<raw_dialogue>(*options.raw, pipeline);
    return std::make_unique<echo_dialogue>(index, options.size, pipeline);
}

dialogue::pieces ring_pieces(std::span<const char> ring, std::size_t begin, std::size_t size) {
    const std::size_t first = std::min(size, ring.size() - begin);
    return {boost::asio::buffer(ring.data() + begin, first),
            boost::asio::buffer(ring.data(), size - first)};
}

}  // namespace coax::services
