// A run: build the world, let the dialogues happen, let everything end that ends by itself, and
// look at what is left.
#include "tests/sim/swarm/run.hpp"

#include <algorithm>
#include <deque>
#include <map>

#include "tests/sim/network/network.hpp"
#include "tests/sim/swarm/aftermath.hpp"
#include "tests/sim/swarm/datagrams.hpp"
#include "tests/sim/swarm/excuse.hpp"
#include "tests/sim/swarm/scenario.hpp"
#include "tests/sim/swarm/session.hpp"
#include "tests/sim/swarm/witness.hpp"

namespace coax::sim {

namespace {

using namespace std::chrono_literals;

constexpr stack::duration longest_run = 24h * 30;
constexpr std::uint64_t idle_turns_max = 1000;
constexpr std::uint64_t events_max = 20'000'000;

class world;

// Accepts for one port of one host.
class listener final : public socket_user {
  public:
    listener(world& in, host& at, std::uint16_t port) : world_(in), host_(at), port_(port) {}
    // False: no room for a listener (limits may be that low).
    bool open(std::uint32_t backlog);
    void close() { host_.stack().tcp_close(socket_, host_.now()); }
    const host& at() const noexcept { return host_; }
    void on_ready(host& at, const stack::tcp::readiness& ready) override;

  private:
    world& world_;
    host& host_;
    stack::tcp_socket socket_;
    std::uint16_t port_;
};

class world final : public actor {
  public:
    world(const scenario& plan, const run_options& options);
    run_result run();

    void accept(host& at, std::uint16_t port, const stack::tcp::accepted& came);
    void on_moment(std::uint64_t what) override { begin(what); }

  private:
    void build_links();
    void listen(host& at);
    void begin(std::uint64_t number);
    void after_turn(host& at);
    void check_windows(host& at);
    void check_buffers(const session& user, const host& at, const stack::tcp::connection_info& i);
    void check_limits(const host& at);
    bool all_over() const;
    void judge_dialogues();
    void settle();
    void settle_datagrams();

    const scenario& plan_;
    const run_options& options_;
    fault_list faults_;
    network net_;
    flow_watch flows_;
    witness witness_;
    fragment_forger forger_;
    std::deque<datagram_user> datagram_users_;  // by host; none if there is no plan
    std::deque<dialogue> dialogues_;
    std::deque<session> sessions_;
    std::deque<listener> listeners_;
    // Both endpoints to the latest dialogue between them.
    std::map<std::pair<std::uint64_t, std::uint64_t>, std::size_t> by_ends_;
    struct live_end {
        session* client = nullptr;
        session* server = nullptr;
    };
    std::deque<live_end> ends_;                     // by dialogue
    std::map<const host*, probe_excuse> probes_;    // looked up, never walked
    std::map<const host*, cookie_excuse> cookies_;  // the same
    std::size_t begun_ = 0;
    bool stopped_ = false;
};

std::pair<std::uint64_t, std::uint64_t> key_of(const stack::endpoint& client,
                                               const stack::endpoint& server) noexcept {
    const auto number = [](const stack::endpoint& e) {
        return std::uint64_t{e.address.to_v4()} << 16 | e.port;
    };
    return {number(client), number(server)};
}

void listener::on_ready(host& at, const stack::tcp::readiness& ready) {
    if (!ready.acceptable) return;
    while (const auto came = at.stack().tcp_accept(socket_)) world_.accept(at, port_, *came);
}

bool listener::open(std::uint32_t backlog) {
    stack::ip_stack& s = host_.stack();
    const auto opened = s.tcp_open(static_cast<socket_user*>(this));
    if (!opened) return false;
    socket_ = *opened;
    return s.tcp_bind(socket_, {stack::ip_address::any_v4(), port_}, false).has_value() &&
           s.tcp_listen(socket_, backlog).has_value();
}

world::world(const scenario& plan, const run_options& options)
    : plan_(plan),
      options_(options),
      flows_(net_.time(), faults_),
      witness_(net_.time(), flows_),
      forger_(net_, witness_, plan.datagrams) {
    for (const host_options& each : plan.hosts) {
        host& made = net_.add_host(each);
        flows_.add_host(made.card(), made.address(), each.config.tcp.congestion_window_initial);
        made.after_turn = [this](host& at) { after_turn(at); };
    }
    build_links();
    net_.watch_with(forger_);
    if (!options.capture.empty() &&
        !witness_.capture(options.capture, net_.hosts().at(options.capture_host - 1)->card()))
        faults_.add("capture", "cannot write " + options.capture, net_.now());
    for (const auto& each : net_.hosts()) {
        listen(*each);
        each->wake();
    }
    if (!plan.datagrams.flows.empty())
        for (const auto& each : net_.hosts()) datagram_users_.emplace_back(*each, faults_).open();
    for (const planned_datagrams& each : plan.datagrams.flows)
        datagram_users_[each.from].plan(each, *net_.hosts()[each.to]);
    for (std::size_t i = 0; i < plan.dialogues.size(); ++i)
        net_.time().at(net_.now() + plan.dialogues[i].begins, *this, i);
}

void world::build_links() {
    const auto& hosts = net_.hosts();
    seeded_random seeds = seeded_random(plan_.seed).fork(3);
    if (!plan_.routed) {
        net_.cable(*hosts[0], *hosts[1], plan_.links[0].out, plan_.links[0].in, seeds.next());
        return;
    }
    router& middle = net_.add_router();
    for (std::size_t i = 0; i < hosts.size(); ++i) {
        const planned_link& link = plan_.links[i];
        net_.attach(middle, *hosts[i], link.out, link.in, link.router_mtu, link.tells_mtu,
                    seeds.next());
    }
}

void world::listen(host& at) {
    for (const std::uint16_t port : server_ports)
        if (!listeners_.emplace_back(*this, at, port).open(plan_.backlog))
            faults_.add("call", "cannot listen", net_.now());
}

void world::begin(std::uint64_t number) {
    const planned_dialogue& p = plan_.dialogues[number];
    host& from = *net_.hosts()[p.client];
    const host& to = *net_.hosts()[p.server];
    dialogue& d = dialogues_.emplace_back();
    live_end& ends = ends_.emplace_back();
    ++begun_;
    d.server = {to.address(), p.port};
    d.client_script = p.client_script;
    d.server_script = p.server_script;
    session& made = sessions_.emplace_back(from, d, true, faults_);
    ends.client = &made;
    if (p.crossing) d.set_client({from.address(), p.client_port});
    made.open(d.server, p.client_port);
    if (d.client.port != 0) by_ends_[key_of(d.client, d.server)] = dialogues_.size() - 1;
    if (!p.crossing) return;
    session& other = sessions_.emplace_back(*net_.hosts()[p.server], d, false, faults_);
    ends.server = &other;
    other.open(d.client, p.port);
}

void world::accept(host& at, std::uint16_t port, const stack::tcp::accepted& came) {
    const auto found = by_ends_.find(key_of(came.ends.remote, {at.address(), port}));
    if (found == by_ends_.end() || dialogues_[found->second].server_end.began) {
        const bool again =
            found != by_ends_.end() && dialogues_[found->second].server_end.over &&
            cookies_[&at].again(found->second, at.counter("tcp.syn_cookies_accepted"));
        if (!again)
            faults_.add("accept",
                        "accepted " + came.ends.remote.to_string() + ", which nobody opened",
                        net_.now());
        at.stack().tcp_abort(came.socket, net_.now());
        return;
    }
    dialogue& d = dialogues_[found->second];
    session& made = sessions_.emplace_back(at, d, false, faults_);
    ends_[found->second].server = &made;
    cookies_[&at].accepted(found->second, at.counter("tcp.syn_cookies_accepted"));
    made.adopt(came.socket);
}

void world::after_turn(host& at) {
    if (at.idle_turns() > idle_turns_max) {
        faults_.add("livelock", at.address().to_string() + ": a deadline that does not move",
                    net_.now());
        stopped_ = true;
    }
    check_windows(at);
    if (at.turns() % 16 == 0) check_limits(at);
}

// config.hpp: limits of one connection, whose buffers may have tuned themselves.
void world::check_buffers(const session& user, const host& at,
                          const stack::tcp::connection_info& i) {
    const script& plan = user.plan();
    const stack::tcp_config& c = at.options().config.tcp;
    const auto check = [&](const char* which, std::uint64_t held, std::uint64_t capacity,
                           std::uint64_t asked, std::uint64_t most) {
        most = asked != 0 ? asked : most;
        if (held > capacity || capacity > most)
            faults_.add("limit",
                        std::to_string(held) + " bytes in a " + which + " buffer of " +
                            std::to_string(capacity) + ", at most " + std::to_string(most),
                        net_.now());
    };
    check("send", i.send_buffered, i.send_capacity, plan.send_buffer,
          std::max(c.send_buffer_bytes, c.send_buffer_max_bytes));
    // The window field tells no less than a unit of its scale.
    const std::uint64_t unit = std::uint64_t{1} << i.receive_window_scale;
    check("receive", i.receive_buffered - std::min<std::uint64_t>(unit, i.receive_buffered),
          std::max(i.receive_capacity, c.receive_buffer_bytes),  // as offered before it was set
          std::max(plan.receive_buffer, plan.receive_buffer == 0 ? 0 : c.receive_buffer_bytes),
          std::max(c.receive_buffer_bytes, c.receive_buffer_max_bytes));
}

// config.hpp: limits of the whole stack.
void world::check_limits(const host& at) {
    const stack::tcp_config& c = at.options().config.tcp;
    const stack::ip_config& ip = at.options().config.ip;
    const auto limit_of = [&c, &ip](std::string_view name) -> std::uint64_t {
        if (name == "tcp.connections") return c.connections_max;
        if (name == "tcp.half_open") return c.half_open_max;
        if (name == "tcp.time_wait") return c.time_wait_max;
        if (name == "tcp.replies") return c.reply_queue_max;
        if (name == "tcp.tunings") return c.tuned_connections_max;
        if (name == "tcp.pacings" || name == "tcp.models") return c.paced_connections_max;
        if (name == "ip.reassembly_bytes") return ip.reassembly_bytes;
        if (name == "ip.incomplete_datagrams") return ip.reassembly_datagrams_max;
        if (name == "tcp.buffer_blocks") return c.buffer_memory_bytes / 4096;
        return ~std::uint64_t{0};
    };
    for (const stack::counter& each : at.stack().usage())
        if (each.value > limit_of(each.name))
            faults_.add("limit",
                        at.address().to_string() + ": " + std::string(each.name) + " is " +
                            std::to_string(each.value) + ", at most " +
                            std::to_string(limit_of(each.name)),
                        net_.now());
}

// What only the stack knows: the congestion window. Looked at when new data went out.
void world::check_windows(host& at) {
    const auto fresh = flows_.take_fresh();
    probe_excuse& probes = probes_[&at];
    probes.turn(at.counter("tcp.tail_loss_probes"));
    for (const flow_watch::fresh& each : fresh) {
        const auto found = by_ends_.find(key_of(each.flow->client, each.flow->server));
        if (found == by_ends_.end()) continue;
        const session* user =
            each.end == 0 ? ends_[found->second].client : ends_[found->second].server;
        if (user == nullptr || user->over()) continue;
        const auto info = at.stack().tcp_info(user->socket());
        if (!info) continue;
        const watched_end& e = each.flow->ends[each.end];
        std::uint64_t sent = 0;  // in this turn
        for (const flow_watch::fresh& other : fresh)
            if (other.flow == each.flow && other.end == each.end) sent += other.bytes;
        const std::uint64_t probed = probes.bytes(info->send_mss);
        const std::uint64_t allowance = e.dup_allowance + std::uint64_t{3} * info->send_mss;
        // What a probe adds to a flight that is already too large, as after a mark, is its own.
        if (info->in_flight > info->congestion_window + allowance + probed && sent > probed)
            faults_.add("cwnd",
                        dialogues_[found->second].name() + ": " + std::to_string(info->in_flight) +
                            " bytes in flight, window " + std::to_string(info->congestion_window),
                        net_.now());
        check_buffers(*user, at, *info);
    }
}

bool world::all_over() const {
    if (stopped_ || net_.events() > events_max) return true;
    if (begun_ != plan_.dialogues.size()) return false;
    return std::all_of(dialogues_.begin(), dialogues_.end(),
                       [](const dialogue& d) { return d.over(); });
}

void world::judge_dialogues() {
    for (const dialogue& d : dialogues_) {
        if (const std::string wrong = imbalance(d); !wrong.empty())
            faults_.add("balance", d.name() + ": " + wrong, net_.now());
        if (!plan_.gentle) continue;
        const bool rude = d.client_end.left || d.server_end.left;
        for (const end_state* each : {&d.client_end, &d.server_end}) {
            const end_state& peer = each == &d.client_end ? d.server_end : d.client_end;
            if (each->failure != stack::error::none && !rude && !was_forgotten(*each, peer))
                faults_.add(
                    "cause",
                    d.name() + ": " + std::string(to_string(each->failure)) + " without a cause",
                    net_.now());
        }
    }
}

// Links become perfect, and nobody forges; whatever still has timers has the time for them. Then
// the listeners close.
void world::settle() {
    forger_.stop();
    for (const auto& each : net_.lanes()) {
        lane_options clean;
        clean.delay = each->options().delay;
        clean.bits_per_second = each->options().bits_per_second;
        each->options() = clean;
    }
    for (const auto& each : net_.hosts()) {
        const stack::ip_stack& s = each->stack();
        const bool settled =
            net_.run_until([&s] { return s.tcp_socket_count() <= server_ports.size(); },
                           longest_afterlife(each->options().config));
        if (!settled)
            faults_.add("stuck", each->address().to_string() + ": still " + nonzero(s.usage()),
                        net_.now());
    }
    for (listener& each : listeners_) each.close();
    for (const auto& each : net_.hosts()) each->wake();
    net_.run_for(2min);  // neighbours answer, or are given up
    if (!datagram_users_.empty()) settle_datagrams();
}

// Nothing is in the way any more: one that needs fragments on most links arrives. What fits the
// first link has DF, and so tells the sender of a narrower one at the price of the datagram, or
// ends in its black hole (RFC 1191 3).
void world::settle_datagrams() {
    constexpr std::uint32_t needs_fragments = 4001;  // bytes; the last is no multiple of eight
    constexpr int tries = 3;
    for (const planned_datagrams& each : plan_.datagrams.flows) {
        if (!plan_.links.front().tells_mtu) break;
        const host& to = *net_.hosts()[each.to];
        datagram_users_[each.from].send(to.address(), datagram_head_bytes);
        net_.run_for(5s);  // neighbours know each other
        const std::uint64_t before = datagram_users_[each.to].received();
        for (int i = 0; i < tries && datagram_users_[each.to].received() == before; ++i) {
            datagram_users_[each.from].send(to.address(), needs_fragments);
            net_.run_for(5s);
        }
        if (datagram_users_[each.to].received() == before)
            faults_.add("datagram", to.address().to_string() + ": none comes over perfect lines",
                        net_.now());
    }
    for (datagram_user& each : datagram_users_) each.close();
    net_.run_for(2min);
}

run_result world::run() {
    if (!net_.run_until([this] { return all_over(); }, longest_run) || net_.events() > events_max)
        faults_.add("stuck", "the run does not end", net_.now());
    run_result out;
    out.lasted = net_.now() - schedule::beginning;
    if (faults_.empty()) {
        settle();
        judge_dialogues();
        for (const auto& each : net_.hosts()) {
            check_emptiness(*each, faults_);
            check_counters(*each, flows_, faults_);
        }
    }
    if (options_.counters)
        for (const auto& each : net_.hosts())
            out.counters.push_back(each->address().to_string() + ": " +
                                   nonzero(each->stack().counters()));
    if (faults_.empty()) check_frames(net_, faults_);
    out.seed = plan_.seed;
    out.digest = witness_.digest();
    out.frames = witness_.frames();
    out.events = net_.events();
    for (const dialogue& d : dialogues_) out.bytes += d.client_end.received + d.server_end.received;
    out.scenario = describe(plan_);
    out.faults = faults_;
    return out;
}

}  // namespace

run_result run_seed(std::uint64_t seed, const run_options& options) {
    const scenario plan = draw_scenario(seed);
    world w(plan, options);
    return w.run();
}

}  // namespace coax::sim
