// The load of HTTP against servers that keep connections, end them with or without a word, or
// answer with errors.
#include <array>
#include <string>

#include <catch2/catch.hpp>

#include "tests/services/load_site.hpp"
#include "tests/services/temporary_directory.hpp"

using namespace coax::services;
using namespace std::chrono_literals;

namespace {

// Answers `most` requests on a connection, then closes it; says so in the last answer, or not.
class closing_server final : public server {
  public:
    closing_server(coax::io_context& io, const coax::tcp::endpoint& at, std::size_t most, bool says)
        : server(io, at, server_limits{}), most_(most), says_(says) {}
    const char* unit() const noexcept override { return "requests"; }

  private:
    coax::awaitable<void> converse(coax::fast_socket socket) override {
        const presence here(*this, socket);
        std::string asked;
        for (std::size_t answered = 1; answered <= most_; ++answered) {
            constexpr std::string_view end = "\r\n\r\n";
            while (asked.find(end) == std::string::npos) {
                std::array<char, 1024> piece{};
                const auto [error, n] =
                    co_await socket.async_read_some(asio::buffer(piece), as_value);
                if (error) co_return;
                asked.append(piece.data(), n);
            }
            asked.erase(0, asked.find(end) + end.size());
            std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n";
            if (says_ && answered == most_) answer += "Connection: close\r\n";
            answer += "\r\nok";
            co_await asio::async_write(socket, asio::buffer(answer), as_value);
        }
        // What is unread when it closes would become a reset, which may overtake the answers.
        shut_down_quietly(socket, asio::socket_base::shutdown_send);
        for (std::array<char, 1024> waste{};;) {
            const auto [error, n] = co_await socket.async_read_some(asio::buffer(waste), as_value);
            if (error) co_return;
        }
    }

    std::size_t most_;
    bool says_;
};

load_site closing_site(std::size_t most, bool says) {
    return {"kernel", "", [most, says](coax::io_context& io, const coax::tcp::endpoint& at) {
                return std::make_unique<closing_server>(io, at, most, says);
            }};
}

load_options http_options(const load_site& site, const std::string& target) {
    load_options asked = site.options(load_protocol::http);
    asked.host = to_text(asked.connect);
    asked.target = target;
    return asked;
}

}  // namespace

TEST_CASE("load of HTTP: closed and open loop, pipelined, small and large files") {
    const temporary_directory files;
    files.write("small", "hello");
    files.write("large", std::string(1'000'000, 'x'));
    for (const char* kind : {"kernel", "wire"}) {
        const load_site site(kind, "load-http", [&](coax::io_context& io, const auto& at) {
            return std::make_unique<http_server>(io, at, server_limits{},
                                                 document_root(files.path().string()));
        });
        for (const char* target : {"/small", "/large"}) {
            load_options asked = http_options(site, target);
            asked.pipeline = 3;
            const load_result r = run_some_load(asked);
            INFO(kind << target);
            CHECK(r.counts.clean());
            CHECK(r.connected == 4);
            CHECK(r.counts.reconnects == 0);
            CHECK(r.counts.statuses.size() == 1);
            CHECK(r.counts.statuses.at(200) == r.counts.messages);
        }
        load_options paced = http_options(site, "/small");
        paced.rate = 1'000;
        CHECK(run_load_of(paced).counts.messages == 50);
    }
}

TEST_CASE("connections that an HTTP server ends are made anew, and nothing is lost") {
    for (const bool says : {true, false}) {
        const load_site site = closing_site(3, says);
        for (const std::size_t pipeline : {1U, 2U}) {
            load_options asked = http_options(site, "/");
            asked.pipeline = pipeline;
            asked.rate = 1'000;
            const load_result r = run_load_of(asked);
            INFO(says << " " << pipeline);
            CHECK(r.counts.errors.empty());
            CHECK(r.counts.messages == 50);
            CHECK(r.counts.reconnects >= 4);
        }
    }
}

TEST_CASE("the time that a new connection takes is not the silence of a server that owes a reply") {
    const load_site site("wire", "load-far", [](coax::io_context& io, const auto& at) {
        return std::make_unique<closing_server>(io, at, 1, true);
    });
    load_options asked = http_options(site, "/");
    // Each is 300 ms: to connect, and to be answered. What is asked at 300 ms is answered at 900.
    asked.backend.specification += ",delay=150ms";
    asked.timeout = 500ms;
    asked.duration = 800ms;
    const load_result r = run_load_of(asked);
    CHECK(r.counts.errors.empty());
    CHECK(r.counts.reconnects > 0);
}

TEST_CASE("a connection that ends before its first answer is an error, not made anew for ever") {
    const load_site site = closing_site(0, false);
    load_options asked = http_options(site, "/");
    asked.rate = 1'000;
    const load_result r = run_load_of(asked);
    CHECK(r.counts.messages == 0);
    CHECK(r.counts.errors.at("closed by the server") == 4);
    CHECK(r.counts.reconnects == 0);
}

TEST_CASE("a status of 400 or more is an error of its own kind") {
    const temporary_directory files;
    const load_site site("kernel", "", [&](coax::io_context& io, const auto& at) {
        return std::make_unique<http_server>(io, at, server_limits{},
                                             document_root(files.path().string()));
    });
    const load_result r = run_some_load(http_options(site, "/none"));
    CHECK(r.counts.messages == 0);
    CHECK(r.counts.all_errors() > 0);
    CHECK(r.counts.errors.at("status 404") == r.counts.all_errors());
    CHECK(r.counts.statuses.at(404) == r.counts.all_errors());
}
