// Many connections, one account.
#include "services/load/dialogue_load.hpp"

namespace coax::services {

dialogue_load::dialogue_load(coax::io_context& io, const load_options& options, share mine)
    : load_part(io, options, mine) {
    connection::listener& here = *this;
    for (std::size_t i = mine.first; i < mine.first + mine.count; ++i)
        connections_.emplace_back(
            io, here, make_dialogue(options, i, options.pipeline), options.pipeline,
            pace_of(options.rate, options.think_time, i, options.connections));
}

coax::task<error_code> dialogue_load::connect(std::size_t index) {
    return connections_[index].connect(options().connect);
}

coax::task<void> dialogue_load::exchange(std::size_t index) {
    return connections_[index].exchange(plan().begin);
}

void dialogue_load::look_after(time_point now) {
    for (connection& c : connections_) c.look_after(now, options().timeout);
}

void dialogue_load::abandon() {
    for (connection& c : connections_) c.give_up();
}

void dialogue_load::count_unsent() {
    std::uint64_t unsent = 0;
    for (const connection& c : connections_) unsent += c.unsent();
    if (unsent > 0) tally().fail("due and never sent", unsent);
}

void dialogue_load::on_reply(time_point now, std::chrono::nanoseconds latency, const reply& r) {
    if (r.status != 0) ++tally().statuses[r.status];
    if (r.state == reply_state::good) return count_reply(now, latency);
    if (r.state == reply_state::wrong) ++tally().mismatches;
    else tally().fail(r.problem);
}

}  // namespace coax::services
