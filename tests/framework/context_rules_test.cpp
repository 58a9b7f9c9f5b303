// What Asio asks of an execution context beside running handlers: services, forks, older spellings,
// and I/O before timers.
#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio.hpp>
#include <catch2/catch.hpp>

#include <coax/coax.hpp>

#include "tests/framework/world.hpp"

namespace asio = boost::asio;
using boost::system::error_code;
using coax_test::connection;
using coax_test::world;
using tcp = coax::tcp;
using namespace std::chrono_literals;

namespace {

// Stores handlers, as the service of an I/O object does, and drops them when the context ends.
class waiting_room final : public asio::execution_context::service {
  public:
    using key_type = waiting_room;
    inline static asio::execution_context::id id;

    explicit waiting_room(asio::execution_context& c, int n = 0) : service(c), number(n) {}
    template <class Handler>
    void keep(Handler handler) {
        kept_.push_back(std::make_shared<Handler>(std::move(handler)));
    }
    int number;
    inline static int shut_down = 0;

  private:
    void shutdown() noexcept override {
        ++shut_down;
        kept_.clear();
    }
    std::vector<std::shared_ptr<void>> kept_;
};

// Says that it is destroyed, and then does what handlers' owners do.
struct last_words {
    coax::io_context* io;
    std::vector<std::string>* order;
    std::string name;
    ~last_words() {
        if (order == nullptr) return;
        order->push_back(name);
        asio::post(*io, [] {});
    }
    last_words(coax::io_context& c, std::vector<std::string>& o, std::string n)
        : io(&c), order(&o), name(std::move(n)) {}
    last_words(last_words&& other) noexcept
        : io(other.io), order(std::exchange(other.order, nullptr)), name(std::move(other.name)) {}
    last_words& operator=(last_words&&) = delete;
};

}  // namespace

TEST_CASE("services: used, made, added, found; each once, and of one context") {
    coax::io_context io;
    CHECK(!asio::has_service<waiting_room>(io));
    waiting_room& made = asio::make_service<waiting_room>(io, 42);
    CHECK(asio::has_service<waiting_room>(io));
    CHECK(&asio::use_service<waiting_room>(io) == &made);
    CHECK(made.number == 42);
    CHECK(&made.context() == &io);
    auto second = std::make_unique<waiting_room>(io);
    CHECK_THROWS_AS(asio::add_service(io, second.get()), asio::service_already_exists);
    coax::io_context other;
    CHECK_THROWS_AS(asio::add_service(other, second.get()), asio::invalid_service_owner);
    CHECK(!asio::has_service<waiting_room>(other));
    CHECK(asio::use_service<waiting_room>(other).number == 0);
}

TEST_CASE("a context's end: services drop what they keep, then goes what is queued; none runs") {
    std::vector<std::string> order;
    waiting_room::shut_down = 0;
    {
        coax::io_context io;
        asio::use_service<waiting_room>(io).keep(last_words(io, order, "kept"));
        asio::post(io, [w = last_words(io, order, "queued")] { FAIL("ran"); });
    }
    CHECK(waiting_room::shut_down == 1);
    CHECK(order == std::vector<std::string>{"kept", "queued"});
}

#if BOOST_ASIO_VERSION >= 103300
TEST_CASE("initial services are there when the context begins") {
    coax::io_context io(asio::config_from_string("scheduler.concurrency_hint=1\nmine.number=42"));
    CHECK(asio::config(io).get("mine", "number", 0) == 42);
    bool ran = false;
    asio::post(io, [&] { ran = true; });
    CHECK(io.run() == 1);
    CHECK(ran);
}
#endif

TEST_CASE("the Networking TS spellings: dispatch, post, defer, counted work") {
    coax::io_context io;
    const coax::executor e = io.get_executor();
    const std::allocator<void> a;
    CHECK(&e.context() == &io);
    std::vector<std::string> order;
    const auto note = [&](std::string name) { return [&order, name] { order.push_back(name); }; };
    e.dispatch(note("outside"), a);
    CHECK(order.empty());
    e.post(
        [&] {
            e.post(note("posted"), a);
            e.defer(note("deferred"), a);
            e.dispatch(note("inside"), a);
        },
        a);
    CHECK(io.run() == 4);
    CHECK(order == std::vector<std::string>{"outside", "inside", "posted", "deferred"});
    io.restart();
    e.on_work_started();
    CHECK(io.poll() == 0);
    CHECK(!io.stopped());
    e.on_work_finished();
    CHECK(io.poll() == 0);
    CHECK(io.stopped());
}

TEST_CASE("io_context::strand: the older name of strands") {
    coax::io_context io;
    coax::io_context::strand s(io);
    const coax::io_context::strand same = s;
    CHECK(s == same);
    CHECK(s != coax::io_context::strand(io));
    CHECK(&s.context() == &io);
    asio::steady_timer timer(io, 0ms);
    std::vector<int> order;
    asio::post(s, [&] {
        CHECK(s.running_in_this_thread());
        asio::dispatch(same, [&] { order.push_back(1); });
        s.post([&] { order.push_back(3); });
        s.dispatch([&] { order.push_back(2); });
        timer.async_wait(s.wrap([&](error_code) {
            CHECK(same.running_in_this_thread());
            order.push_back(4);
        }));
    });
    const asio::any_io_executor erased = s;
    io.run();
    CHECK(order == std::vector<int>{1, 2, 3, 4});
    int sum = 0;
    s.wrap([&](int a, int b) { sum += a + b; })(3, 4);  // queued, not called here
    CHECK(sum == 0);
    io.restart();
    io.run();
    CHECK(sum == 7);
}

TEST_CASE("in a turn I/O comes before the timers that expired meanwhile, Asio's and ours") {
    world w("kernel");
    connection c(w);
    std::vector<std::string> order;
    std::array<char, 8> data{};
    c.near.async_read_some(asio::buffer(data), [&](error_code ec, std::size_t) {
        CHECK(!ec);
        order.push_back("read");
    });
    w.client().poll();  // the read waits in the kernel
    w.client().restart();
    coax::steady_timer ours(w.client(), 0ms);
    asio::steady_timer theirs(w.client(), 0ms);
    // While this handler is busy the bytes arrive, and both timers expire.
    asio::post(w.client(), [&] {
        const auto expired = std::chrono::steady_clock::now() + 1ms;
        ours.expires_at(expired);
        theirs.expires_at(expired);
        ours.async_wait([&](error_code) { order.push_back("timer"); });
        theirs.async_wait([&](error_code) { order.push_back("timer"); });
        c.far.write_some(asio::buffer("x", 1));
        while (std::chrono::steady_clock::now() <= expired) {
        }
    });
    w.run();
    CHECK(order == std::vector<std::string>{"read", "timer", "timer"});
}

TEST_CASE("a fork with exec leaves nothing of the context in the child; the parent goes on") {
    coax::io_context io;
    tcp::acceptor acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    coax::udp::socket datagrams(io, coax::udp::v4());
    asio::steady_timer timer(io, 1h);
    timer.async_wait([](error_code) {});
    io.poll();
    // Everything that the context opened closes at exec.
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        error_code gone;
        const auto target = std::filesystem::read_symlink(entry.path(), gone).string();
        const int descriptor = std::stoi(entry.path().filename());
        if (gone || (target.find("anon_inode") == std::string::npos &&
                     target.find("socket:") == std::string::npos))
            continue;
        CAPTURE(target, descriptor);
        const int flags = ::fcntl(descriptor, F_GETFD);
        CHECK((flags == -1 || (flags & FD_CLOEXEC) != 0));
    }
    io.notify_fork(asio::execution_context::fork_prepare);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        ::execl("/bin/true", "true", static_cast<char*>(nullptr));
        ::_exit(1);
    }
    io.notify_fork(asio::execution_context::fork_parent);
    int status = -1;
    CHECK(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    timer.cancel();
    tcp::socket near(io);
    tcp::socket far(io);
    int done = 0;
    acceptor.async_accept(far, [&](error_code ec) { done += ec ? 0 : 1; });
    near.async_connect(acceptor.local_endpoint(), [&](error_code ec) { done += ec ? 0 : 1; });
    io.restart();
    io.run();
    CHECK(done == 2);
}
