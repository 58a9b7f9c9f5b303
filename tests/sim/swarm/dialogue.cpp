// The balance of a dialogue.
#include "tests/sim/swarm/dialogue.hpp"

namespace coax::sim {

namespace {

std::string one_way(const char* direction, const end_state& writer, const end_state& reader) {
    const auto amounts = [&] {
        return std::string(direction) + ": " + std::to_string(writer.accepted) +
               " bytes accepted, " + std::to_string(reader.received) + " received";
    };
    if (reader.received > writer.accepted) return amounts() + ": more than was sent";
    if (reader.saw_end) {
        if (!writer.ended_sending) return amounts() + ": an end that nobody sent";
        if (reader.received != writer.accepted) return amounts() + ": ended too early";
        return {};
    }
    const bool somebody_knows = writer.left || reader.left ||
                                writer.failure != stack::error::none ||
                                reader.failure != stack::error::none;
    if (!somebody_knows) return amounts() + ": neither end nor error";
    return {};
}

}  // namespace

std::string imbalance(const dialogue& d) {
    if (!d.server_end.began) {
        // The listener's stack may have accepted what no user ever asked for.
        if (d.client_end.saw_end && d.client_end.failure == stack::error::none)
            return "client: an end that nobody sent";
        return {};
    }
    std::string wrong = one_way("up", d.client_end, d.server_end);
    return wrong.empty() ? one_way("down", d.server_end, d.client_end) : wrong;
}

bool was_forgotten(const end_state& mine, const end_state& peer) {
    if (mine.failure != stack::error::connection_reset || peer.failure != stack::error::none)
        return false;
    const bool both_ended =
        mine.saw_end && mine.ended_sending && peer.saw_end && peer.ended_sending;
    // TIME-WAIT cannot begin before the peer's own FIN.
    return both_ended && peer.received == mine.accepted && mine.received == peer.accepted &&
           mine.failed_at - peer.ended_sending_at >= peer.remembers;
}

}  // namespace coax::sim
