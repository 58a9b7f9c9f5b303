// CLOSE and ABORT (RFC 9293 3.10.4, 3.10.5), and half of CLOSE: shutdown.
#include "stack/tcp/core.hpp"
#include "stack/tcp/lifecycle.hpp"
#include "stack/tcp/urgent.hpp"

namespace coax::stack::tcp {

namespace {

// The user sends no more: FIN after what stands in the send buffer (MUST-12 for half close).
void queue_fin(core& k, connection& c) noexcept {
    if (c.fin_queued) return;
    c.fin_queued = true;
    switch (c.current) {
        case state::established: c.current = state::fin_wait_1; break;
        case state::close_wait: c.current = state::last_ack; break;
        default: return;  // SYN-RECEIVED: when established
    }
    k.make_ready(c);
}

bool is_synchronized(state s) noexcept {
    switch (s) {
        case state::established:
        case state::fin_wait_1:
        case state::fin_wait_2:
        case state::close_wait:
        case state::closing:
        case state::last_ack: return true;
        default: return false;
    }
}

}  // namespace

status layer::shutdown(socket_id socket, shutdown_side side, instant) noexcept {
    core& k = *core_;
    connection* c = k.find(socket);
    if (c == nullptr) return error::bad_handle;
    if (c->failure != error::none) return error::not_connected;
    if (!is_synchronized(c->current) && c->current != state::syn_received)
        return error::not_connected;
    if (side != shutdown_side::send) {
        c->receive_shut = true;  // nobody waits for more; what comes is taken in all the same
        k.notify(*c, &readiness::readable);
    }
    if (side != shutdown_side::receive) queue_fin(k, *c);
    return {};
}

void layer::close(socket_id socket, instant now) noexcept {
    core& k = *core_;
    connection* c = k.find(socket);
    if (c == nullptr) return;
    if (!is_synchronized(c->current) && c->current != state::syn_received) {
        destroy(k, *c);  // nothing was opened, or not yet: RFC 9293 3.10.4 SYN-SENT
        return;
    }
    if (visible_before_mark(*c) != 0) {
        tcp::abort(k, *c, now);  // RFC 9293 3.6.1 (SHLD-3), RFC 2525 2.17: data is lost, so say it
        return;
    }
    k.connections.forget_ids(c);  // RFC 9293 3.6.1 (MAY-1): nothing can be read any more
    c->attached = false;
    c->keep_alive = c->keep_alive_pending = false;
    core::clear_timer(*c, timer::keep_alive);
    c->event_hook.unlink();
    c->user = nullptr;
    queue_fin(k, *c);
    if (c->current == state::fin_wait_2)
        k.set_timer(*c, timer::lifetime, now + k.config.fin_wait_2);
    else if (c->rare != nullptr && c->rare->linger != duration::zero())
        k.set_timer(*c, timer::lifetime, now + c->rare->linger);
}

void layer::abort(socket_id socket, instant now) noexcept {
    core& k = *core_;
    if (connection* c = k.find(socket)) tcp::abort(k, *c, now);
}

}  // namespace coax::stack::tcp
