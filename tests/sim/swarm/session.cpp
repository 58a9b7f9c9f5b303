// Reading, writing and ending, paced by the script; and the watch over standstill.
#include "tests/sim/swarm/session.hpp"

#include <algorithm>
#include <array>
#include <memory>

namespace coax::sim {

using stack::error;

namespace {

constexpr stack::duration look_interval = std::chrono::seconds{30};
// No buffer for the first byte: there is no event for that, so ask again.
constexpr stack::duration memory_interval = std::chrono::milliseconds{50};

}  // namespace

session::session(host& at, dialogue& of, bool is_client, fault_list& faults)
    : host_(at),
      dialogue_(of),
      plan_(is_client ? of.client_script : of.server_script),
      mine_(is_client ? of.client_end : of.server_end),
      peer_(is_client ? of.server_end : of.client_end),
      outgoing_(is_client ? of.up : of.down),
      incoming_(is_client ? of.down : of.up),
      faults_(faults) {}

void session::open(const stack::endpoint& peer, std::uint16_t own_port) {
    mine_.began = true;
    mine_.patience = patience();
    mine_.remembers = host_.options().config.tcp.time_wait;
    progressed_ = host_.now();
    const auto opened = host_.stack().tcp_open(static_cast<socket_user*>(this));
    if (!opened) {
        mine_.failure = opened.code();
        mine_.over = true;
        return;
    }
    socket_ = *opened;
    set_options();
    if (plan_.maximum_segment != 0)
        (void)host_.stack().tcp_set_maximum_segment(socket_, plan_.maximum_segment);
    if (own_port != 0) {
        const auto bound = host_.stack().tcp_bind(socket_, {host_.address(), own_port}, false);
        if (!bound) return fail(bound.code());
    }
    const auto begun = host_.stack().tcp_connect(socket_, peer, host_.now());
    if (!begun) return fail(begun.code());
    if (own_port == 0) dialogue_.set_client(host_.stack().tcp_ends(socket_)->local);
    host_.time().at(host_.now() + look_interval, *this, look);
    host_.wake();
}

void session::adopt(stack::tcp_socket socket) {
    mine_.began = true;
    mine_.patience = patience();
    mine_.remembers = host_.options().config.tcp.time_wait;
    progressed_ = host_.now();
    socket_ = socket;
    host_.stack().tcp_set_user(socket, static_cast<socket_user*>(this));
    set_options();
    connected_ = true;
    read_due_ = host_.now() + plan_.read_after;
    host_.time().at(host_.now() + look_interval, *this, look);
    work();  // what came before is not told again
}

void session::set_options() {
    stack::ip_stack& s = host_.stack();
    if (plan_.no_delay) (void)s.tcp_set_no_delay(socket_, true, host_.now());
    if (plan_.cork) (void)s.tcp_set_cork(socket_, true, host_.now());
    if (plan_.keep_alive) (void)s.tcp_set_keep_alive(socket_, true, host_.now());
    if (plan_.keep_alive_times.probes != 0)
        (void)s.tcp_set_keep_alive_times(socket_, plan_.keep_alive_times, host_.now());
    if (plan_.user_timeout != stack::duration{0})
        (void)s.tcp_set_user_timeout(socket_, plan_.user_timeout);
    if (plan_.linger != stack::duration{0}) (void)s.tcp_set_linger(socket_, plan_.linger);
    if (plan_.send_buffer != 0) (void)s.tcp_set_send_buffer(socket_, plan_.send_buffer);
    if (plan_.receive_buffer != 0) (void)s.tcp_set_receive_buffer(socket_, plan_.receive_buffer);
}

void session::on_ready(host&, const stack::tcp::readiness& ready) {
    if (mine_.over) return;
    if (ready.failed) return fail(host_.stack().tcp_error(socket_));
    if (ready.connected && !connected_) {
        connected_ = true;
        read_due_ = host_.now() + plan_.read_after;
    }
    all_acknowledged_ = all_acknowledged_ || ready.closed;
    if (connected_) work();
}

void session::on_moment(std::uint64_t what) {
    if (mine_.over) return;
    if (what == look) return look_after_progress();
    if (again_ > host_.now()) return;  // a later moment took its place
    again_ = stack::never;
    work();
    host_.wake();
}

void session::again_at(stack::instant when) {
    if (when >= again_) return;
    again_ = when;
    host_.time().at(when, *this, proceed);
}

// Bytes that may be sent by now.
std::uint64_t session::target() const {
    if (plan_.echo) return mine_.received;
    if (plan_.how == ending::answer_last && !mine_.saw_end) return 0;
    if (plan_.round_bytes != 0)
        return std::min(plan_.send_bytes, mine_.received + plan_.round_bytes);
    return plan_.send_bytes;
}

bool session::sends_more() const {
    if (mine_.accepted < target()) return true;
    if (plan_.echo) return !mine_.saw_end;
    return mine_.accepted < plan_.send_bytes;
}

void session::work() {
    const auto moved = [this] { return mine_.accepted + mine_.received + (mine_.saw_end ? 1 : 0); };
    std::uint64_t before = 0;
    do {  // what was read may be sent back, and so on
        before = moved();
        if (!mine_.over) write();
        if (!mine_.over) read();
        if (!mine_.over && plan_.how == ending::abort_midway &&
            mine_.accepted + mine_.received >= plan_.abort_after)
            return leave_by_reset();
    } while (!mine_.over && moved() != before);
    if (!mine_.over) end_if_done();
}

void session::write() {
    const stack::instant now = host_.now();
    while (mine_.accepted < target() && !mine_.ended_sending) {
        if (write_due_ > now) return again_at(write_due_);
        const auto want = std::min<std::uint64_t>(target() - mine_.accepted, plan_.write_piece);
        const std::array<stack::const_bytes, 1> piece{
            outgoing_.bytes(mine_.accepted, static_cast<std::size_t>(want))};
        if (plan_.cork_each) (void)host_.stack().tcp_set_cork(socket_, true, now);
        const auto taken = host_.stack().tcp_send(socket_, piece, now, {.more = plan_.more});
        if (plan_.cork_each) (void)host_.stack().tcp_set_cork(socket_, false, now);
        if (!taken) {
            if (taken.code() == error::no_buffer_space) return again_at(now + memory_interval);
            if (taken.code() != error::would_block) fail(taken.code());
            return;
        }
        mine_.accepted += *taken;
        change_congestion();
        if (plan_.write_pause > stack::duration{0}) write_due_ = now + plan_.write_pause;
        if (*taken < piece[0].size()) return;  // writable follows
    }
}

void session::change_congestion() {
    if (plan_.other_congestion.empty() || mine_.accepted < plan_.other_congestion_after) return;
    if (congestion_changed_) return;
    congestion_changed_ = true;
    (void)host_.stack().tcp_set_congestion(socket_, plan_.other_congestion, host_.now());
}

void session::read() {
    while (!mine_.saw_end && !mine_.over) {
        if (read_due_ > host_.now()) return again_at(read_due_);
        if (!read_once()) return;
        if (plan_.read_pause > stack::duration{0}) read_due_ = host_.now() + plan_.read_pause;
    }
}

// False: nothing more for now.
bool session::read_once() {
    static constexpr std::size_t room_bytes = 65536;
    static thread_local const auto room = std::make_unique<std::array<std::byte, room_bytes>>();
    const std::array<stack::mutable_bytes, 1> into{
        stack::mutable_bytes(*room).first(std::min(plan_.read_piece, room_bytes))};
    const auto got = host_.stack().tcp_receive(socket_, into, host_.now());
    if (!got) {
        if (got.code() == error::end_of_stream) mine_.saw_end = true;
        else if (got.code() != error::would_block) fail(got.code());
        return false;
    }
    if (!incoming_.matches(mine_.received, into[0].first(*got)))
        faults_.add(
            "stream",
            dialogue_.name() + ": wrong bytes at or after " + std::to_string(mine_.received),
            host_.now());
    mine_.received += *got;
    return *got == into[0].size();
}

void session::end_sending() {
    mine_.ended_sending = true;
    mine_.ended_sending_at = host_.now();
    const auto done =
        host_.stack().tcp_shutdown(socket_, stack::tcp::shutdown_side::send, host_.now());
    if (!done) fail(done.code());
}

void session::end_if_done() {
    if (sends_more()) return;
    if (plan_.how == ending::leave_early) {
        mine_.left = !mine_.saw_end;
        mine_.ended_sending = true;
        mine_.ended_sending_at = host_.now();
        return close();
    }
    if (!mine_.ended_sending) end_sending();
    if (!mine_.over && mine_.saw_end && (all_acknowledged_ || !plan_.lingers)) close();
}

void session::fail(error why) {
    mine_.failure = why == error::none ? error::operation_not_supported : why;
    mine_.failed_at = host_.now();
    if (why == error::none || why == error::bad_handle)
        faults_.add("error", dialogue_.name() + ": failed without a reason", host_.now());
    close();
}

void session::leave_by_reset() {
    mine_.left = true;
    mine_.over = true;
    host_.stack().tcp_abort(socket_, host_.now());
    host_.wake();
}

void session::close() {
    mine_.over = true;
    host_.stack().tcp_close(socket_, host_.now());
    host_.wake();
}

// The longest that a sender may go without progress before it must give up.
stack::duration session::patience() const {
    const stack::tcp_config& c = host_.options().config.tcp;
    stack::duration syn{0};
    for (int i = 0; i <= c.syn_retries; ++i)
        syn += std::min(c.rto_initial * (1 << std::min(i, 20)), c.rto_max);
    const auto pauses = dialogue_.client_script.read_after + dialogue_.server_script.read_after;
    const auto timeout =
        plan_.user_timeout != stack::duration{0} ? plan_.user_timeout : c.user_timeout;
    return std::max(syn, timeout) + 2 * c.rto_max + pauses + 2 * look_interval;
}

void session::look_after_progress() {
    const auto info = host_.stack().tcp_info(socket_);
    if (!info) {
        faults_.add("error", dialogue_.name() + ": the socket is gone", host_.now());
        mine_.over = true;
        return;
    }
    const std::uint64_t acknowledged = mine_.accepted - info->send_buffered;
    const std::uint64_t progress =
        mine_.accepted + mine_.received + acknowledged + static_cast<std::uint64_t>(info->current);
    if (progress != progress_) {
        progress_ = progress;
        progressed_ = host_.now();
    }
    judge_standstill(*info, host_.now() - progressed_);
    if (!mine_.over) host_.time().at(host_.now() + look_interval, *this, look);
}

void session::judge_standstill(const stack::tcp::connection_info& info, stack::duration idle) {
    if (idle <= mine_.patience) return;
    const bool owes_fin = info.current == stack::tcp::state::fin_wait_1 ||
                          info.current == stack::tcp::state::closing ||
                          info.current == stack::tcp::state::last_ack;
    const bool owes = info.send_buffered != 0 || owes_fin || !connected_;
    const std::string what = dialogue_.name() + ": " +
                             std::string(stack::tcp::to_string(info.current)) + " for " +
                             std::to_string(idle / std::chrono::seconds{1}) + " s, " +
                             std::to_string(info.send_buffered) + " bytes to send";
    if (owes) {
        faults_.add("stuck", what, host_.now());
    } else if (peer_.began && !peer_.over && idle > mine_.patience + peer_.patience) {
        faults_.add("stuck", what + ", the peer waits too", host_.now());
    } else if (peer_.began && !peer_.over) {
        return;  // the peer's own watch judges it first
    }
    // Nobody is there any more, and nothing told so: what a timeout of the application is for.
    leave_by_reset();
}

}  // namespace coax::sim
