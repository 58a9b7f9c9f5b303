// The executor's traits, at compile time, and what execute() and the properties do.
#include <memory>
#include <type_traits>

#include <boost/asio.hpp>
#include <catch2/catch.hpp>

#include <coax/coax.hpp>

namespace asio = boost::asio;
namespace execution = boost::asio::execution;

using ex = coax::executor;
using tracked = coax::basic_executor<std::allocator<void>, true>;

static_assert(execution::is_executor_v<ex>);
static_assert(asio::is_executor<ex>::value);  // Networking TS
static_assert(asio::can_require_v<ex, execution::blocking_t::never_t>);
static_assert(asio::can_require_v<ex, execution::blocking_t::possibly_t>);
static_assert(!asio::can_require_v<ex, execution::blocking_t::always_t>);
static_assert(asio::can_require_v<ex, execution::relationship_t::fork_t>);
static_assert(asio::can_require_v<ex, execution::relationship_t::continuation_t>);
static_assert(asio::can_require_v<ex, execution::outstanding_work_t::tracked_t>);
static_assert(asio::can_require_v<tracked, execution::outstanding_work_t::untracked_t>);
static_assert(asio::can_require_v<ex, execution::allocator_t<std::allocator<int>>>);
static_assert(asio::can_require_v<ex, execution::allocator_t<void>>);
static_assert(asio::can_prefer_v<ex, execution::blocking_t::possibly_t>);
static_assert(asio::can_prefer_v<ex, execution::relationship_t::continuation_t>);
static_assert(asio::can_prefer_v<ex, execution::outstanding_work_t::tracked_t>);
static_assert(asio::can_query_v<ex, execution::context_t>);
static_assert(asio::can_query_v<ex, execution::context_as_t<asio::execution_context&>>);
static_assert(asio::can_query_v<ex, execution::blocking_t>);
static_assert(asio::can_query_v<ex, execution::relationship_t>);
static_assert(asio::can_query_v<ex, execution::outstanding_work_t>);
static_assert(asio::can_query_v<ex, execution::mapping_t>);
static_assert(asio::can_query_v<ex, execution::allocator_t<void>>);
static_assert(std::is_constructible_v<asio::any_io_executor, ex>);
static_assert(std::is_constructible_v<asio::any_io_executor, tracked>);
static_assert(std::is_trivially_copyable_v<ex>);
static_assert(!std::is_trivially_copyable_v<tracked>);
static_assert(sizeof(ex) == sizeof(void*));
static_assert(std::is_nothrow_move_constructible_v<ex> &&
              std::is_nothrow_copy_constructible_v<tracked> &&
              std::is_nothrow_move_constructible_v<tracked>);
static_assert(std::is_same_v<coax::detail::default_token_t<ex>, asio::deferred_t>);
static_assert(std::is_base_of_v<asio::execution_context, coax::io_context>);

TEST_CASE("properties are values of the executor, and equality sees them") {
    coax::io_context io;
    const ex plain = io.get_executor();
    const ex never = asio::require(plain, execution::blocking.never);
    const ex later = asio::require(plain, execution::relationship.continuation);

    CHECK(asio::query(plain, execution::blocking) == execution::blocking.possibly);
    CHECK(asio::query(never, execution::blocking) == execution::blocking.never);
    CHECK(asio::query(later, execution::relationship) == execution::relationship.continuation);
    CHECK(asio::query(plain, execution::outstanding_work) == execution::outstanding_work.untracked);
    CHECK(asio::query(asio::require(plain, execution::outstanding_work.tracked),
                      execution::outstanding_work) == execution::outstanding_work.tracked);
    CHECK(&asio::query(plain, execution::context) == &io);

    CHECK(plain != never);
    CHECK(plain != later);
    CHECK(plain == asio::require(never, execution::blocking.possibly));
    CHECK(plain == asio::require(later, execution::relationship.fork));

    coax::io_context other;
    CHECK(plain != other.get_executor());
    const asio::any_io_executor erased = plain;
    CHECK(erased == asio::any_io_executor(io.get_executor()));
    CHECK(erased != asio::any_io_executor(other.get_executor()));
    CHECK(asio::require(erased, execution::blocking.never) == asio::any_io_executor(never));
}

TEST_CASE("execute: inline only when blocking is possible and the thread is inside") {
    coax::io_context io;
    const ex plain = io.get_executor();
    const ex never = asio::require(plain, execution::blocking.never);
    int inlined = 0;
    int queued = 0;
    plain.execute([&] {
        const int before = inlined;
        plain.execute([&] { ++inlined; });
        CHECK(inlined == before + 1);
        never.execute([&] { ++queued; });
        CHECK(queued == 0);
    });
    CHECK(inlined == 0);  // from outside it is queued
    CHECK(io.run() == 2);
    CHECK(inlined == 1);
    CHECK(queued == 1);
}

TEST_CASE("execute takes what can only be moved") {
    coax::io_context io;
    int got = 0;
    io.get_executor().execute([p = std::make_unique<int>(7), &got] { got = *p; });
    io.run();
    CHECK(got == 7);
}

TEST_CASE("an exception of an inlined function leaves run, not execute") {
    coax::io_context io;
    bool passed = false;
    asio::post(io, [&] {
        io.get_executor().execute([] { throw std::runtime_error("inner"); });
        passed = true;
    });
    asio::post(io, [] {});
    CHECK_THROWS_WITH(io.run(), "inner");
    CHECK(passed);
    CHECK(io.run() == 1);
}

TEST_CASE("copies of a tracked executor are work") {
    coax::io_context io;
    {
        auto work = asio::require(io.get_executor(), execution::outstanding_work.tracked);
        CHECK(io.poll() == 0);
        CHECK(!io.stopped());
        auto copy = work;
        auto moved = std::move(work);
        CHECK(io.poll() == 0);
        CHECK(!io.stopped());
        {
            auto gone = std::move(copy);
        }
        CHECK(io.poll() == 0);
        CHECK(!io.stopped());
        asio::any_io_executor erased = moved;
        auto untracked = asio::require(moved, execution::outstanding_work.untracked);
        (void)untracked;
    }
    CHECK(io.poll() == 0);
    CHECK(io.stopped());
}

namespace {

// Counts what is allocated and not yet given back.
template <class T>
struct counting_allocator {
    using value_type = T;
    explicit counting_allocator(std::shared_ptr<int> count) : live(std::move(count)) {}
    template <class U>
    counting_allocator(const counting_allocator<U>& o) : live(o.live) {}
    T* allocate(std::size_t n) {
        ++*live;
        return std::allocator<T>().allocate(n);
    }
    void deallocate(T* p, std::size_t n) {
        --*live;
        std::allocator<T>().deallocate(p, n);
    }
    friend bool operator==(const counting_allocator& a, const counting_allocator& b) {
        return a.live == b.live;
    }
    std::shared_ptr<int> live;
};

}  // namespace

TEST_CASE("the allocator property allocates, and the memory is back before the function runs") {
    coax::io_context io;
    const auto live = std::make_shared<int>(0);
    const counting_allocator<int> a(live);
    const auto e = asio::require(io.get_executor(), execution::allocator(a));
    CHECK(asio::query(e, execution::allocator) == a);
    int in_function = -1;
    e.execute([&] { in_function = *live; });
    CHECK(*live == 1);
    io.run();
    CHECK(in_function == 0);
    CHECK(*live == 0);
    // Not run: given back all the same.
    io.restart();
    {
        coax::io_context doomed;
        asio::require(doomed.get_executor(), execution::allocator(a)).execute([] {});
        CHECK(*live == 1);
    }
    CHECK(*live == 0);
}
