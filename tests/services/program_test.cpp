// The program as its users meet it: help on standard output, mistakes as one line and status 2.
#include <array>
#include <cstdio>
#include <filesystem>
#include <string>

#include <sys/resource.h>
#include <sys/wait.h>

#include <catch2/catch.hpp>

#include "tests/services/temporary_directory.hpp"

namespace {

struct outcome {
    int status = -1;
    std::string output;  // both streams
};

// The program stands beside this test's.
outcome run(const std::string& arguments) {
    const auto program = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "coax";
    const std::string command = program.string() + " " + arguments + " 2>&1 </dev/null";
    outcome o;
    std::FILE* pipe = ::popen(command.c_str(), "r");
    REQUIRE(pipe != nullptr);
    std::array<char, 4096> piece{};
    while (const std::size_t n = std::fread(piece.data(), 1, piece.size(), pipe))
        o.output.append(piece.data(), n);
    const int status = ::pclose(pipe);
    if (WIFEXITED(status)) o.status = WEXITSTATUS(status);
    return o;
}

void check_mistake(const std::string& arguments, const std::string& told) {
    const outcome o = run(arguments);
    INFO(arguments << ": " << o.output);
    CHECK(o.status == 2);
    CHECK(o.output.starts_with("coax: "));
    CHECK(o.output.find('\n') == o.output.size() - 1);
    CHECK(o.output.find(told) != std::string::npos);
}

}  // namespace

TEST_CASE("help and version are answers, not mistakes") {
    for (const char* arguments :
         {"--help", "serve --help", "serve echo --help", "serve http --help", "serve proxy --help",
          "serve kv --help", "load --help", "load echo --help", "load http --help",
          "load tcp-stream --help", "load tcp-churn --help", "load udp-echo --help",
          "serve sink --help", "serve source --help", "fetch --help", "push --help",
          "backends --help", "demo --help"}) {
        const outcome o = run(arguments);
        INFO(arguments);
        CHECK(o.status == 0);
        CHECK(o.output.find("Example") != std::string::npos);
    }
    const outcome version = run("--version");
    CHECK(version.status == 0);
    CHECK(version.output.starts_with("coax "));
    CHECK(run("backends").status == 0);
    CHECK(run("backends").output.find("kernel") != std::string::npos);
}

TEST_CASE("mistakes on the command line are one line and status 2") {
    check_mistake("", "coax --help");
    check_mistake("bogus", "'bogus'");
    check_mistake("--bogus", "'--bogus'");
    check_mistake("serve bogus", "'bogus'");
    check_mistake("serve echo", "--listen");
    check_mistake("serve echo --listen 127.0.0.1", "not an address with a port");
    check_mistake("serve echo --listen 127.0.0.1:99999", "not an address with a port");
    check_mistake("serve echo --listen localhost:80", "not an address with a port");
    check_mistake("serve echo --udp", "--listen");
    check_mistake("serve http --listen 127.0.0.1:0", "directory");
    check_mistake("serve http . --listen 127.0.0.1:0 --tls cert.pem", "--tls");
    check_mistake("serve websocket", "--listen");
    check_mistake("serve websocket --listen 127.0.0.1:0 --max-message 0", "--max-message");
    check_mistake("serve proxy --listen 127.0.0.1:0", "--upstream");
    check_mistake("serve proxy --listen 127.0.0.1:0 --upstream 127.0.0.1:0", "from 1 to 65535");
    check_mistake("serve echo --listen 127.0.0.1:0 --shards 0", "--shards");
    check_mistake("serve echo --listen 127.0.0.1:0 --shards 65", "--shards");
    check_mistake("serve kv --listen 127.0.0.1:0 --shards 2", "one store");
    check_mistake("serve proxy --listen 127.0.0.1:0 --upstream 127.0.0.1:1 --shards 2",
                  "leave --shards out");
    check_mistake("serve kv", "--listen");
    check_mistake("serve kv --listen 127.0.0.1:0 --memory much", "--memory");
    check_mistake("serve kv --listen 127.0.0.1:0 --memory 1", "--memory");
    check_mistake("serve kv --listen 127.0.0.1:0 --eviction some", "--eviction");
    check_mistake("load echo", "--connect");
    check_mistake("load echo --connect 127.0.0.1:0", "from 1 to 65535");
    check_mistake("load echo --connect 0.0.0.0:7", "server's address");
    check_mistake("load echo --connect 127.0.0.1:7 --connections 0", "--connections");
    check_mistake("load echo --connect 127.0.0.1:7 --size -1", "--size");
    check_mistake("load echo --connect 127.0.0.1:7 --duration soon", "--duration");
    check_mistake("fetch ftp://127.0.0.1/", "http://ADDR:PORT");
}

TEST_CASE("mistakes in the options of a load are one line and status 2") {
    const std::string echo = "load echo --connect 127.0.0.1:7 ";
    check_mistake(echo + "--rate 0", "--rate");
    check_mistake(echo + "--rate fast", "--rate");
    check_mistake(echo + "--rate 5 --think-time 1", "--think-time");
    check_mistake(echo + "--warmup -1", "--warmup");
    for (const char* each : {"--rate", "--warmup", "--duration", "--timeout", "--think-time"})
        check_mistake(echo + each + " nan", "nan is not a number");
    check_mistake(echo + "--rate inf", "--rate");
    check_mistake(echo + "--pipeline 0", "--pipeline");
    check_mistake(echo + "--threads 0", "--threads");
    check_mistake(echo + "--timeout 0", "--timeout");
    check_mistake(echo + "--connections 1000000 --size 1000000", "8 GiB");
    check_mistake(echo + "--request PING", "--reply-end");
    check_mistake(echo + "--reply PONG", "--request");
    check_mistake(echo + "--request PING --reply PONG --reply-size 4", "--reply");
    check_mistake(echo + "--request 'PING\\q' --reply PONG", "\\xHH");
    check_mistake(echo + "--request '' --reply PONG", "at least one byte");
    check_mistake(echo + "--request PING --reply-size 0", "--reply-size");
    check_mistake(echo + "--request PING --reply PONG --size 7", "--size");
    check_mistake(echo + "--backend tap:coax-none,ip=198.18.0.2/24 --connections 2 --threads 2",
                  "leave out --threads");
    check_mistake(echo + "--hgrm /nonexistent/file", "/nonexistent/file");
    check_mistake("load http", "url");
    check_mistake("load http https://127.0.0.1/", "http://ADDR:PORT/path");
    check_mistake("load http http://localhost/", "numeric address");
    check_mistake("load tcp-stream --connect 127.0.0.1:9 --direction up", "--direction");
    check_mistake("load tcp-stream --connect 127.0.0.1:9 --rate 5", "--rate");
    check_mistake("load udp-echo --connect 127.0.0.1:7 --size 7", "--size");
    check_mistake("load udp-echo --connect 127.0.0.1:7 --size 70000", "--size");
}

TEST_CASE("what the machine refuses is one line and status 2") {
    check_mistake("serve echo --backend bogus --listen 127.0.0.1:0", "bogus");
    check_mistake("serve echo --backend kernel,bogus=1 --listen 127.0.0.1:0", "bogus");
    check_mistake("serve echo --backend wire,bogus=1 --listen 198.18.0.1:7", "bogus");
    check_mistake("serve echo --backend xdp:coax-none,ip=198.18.0.2/24 --listen 198.18.0.2:7",
                  "coax-none");
    check_mistake("serve echo --backend wire,ip=198.18.0.1/24 --listen 198.18.0.2:7",
                  "198.18.0.1/24");
    check_mistake("serve echo --listen 198.18.77.77:7", "not an address of this machine");
    check_mistake("serve http /nonexistent --listen 127.0.0.1:0", "/nonexistent");
    check_mistake("serve http . --listen 127.0.0.1:0 --tls /nonexistent/a /nonexistent/b",
                  "certificate '/nonexistent/a'");
    check_mistake("serve http . --listen 127.0.0.1:0 --tls /etc/passwd /etc/passwd",
                  "no certificate in PEM form");
    check_mistake(
        "serve proxy --listen 127.0.0.1:0 --upstream 127.0.0.1:1 "
        "--upstream-backend bogus",
        "bogus");
    check_mistake("load echo --connect 127.0.0.1:7 --json /nonexistent/file", "/nonexistent/file");
    check_mistake("push /nonexistent --connect 127.0.0.1:7", "/nonexistent");
    check_mistake("demo /nonexistent", "/nonexistent");
}

TEST_CASE("a server that is not there is one line and status 1") {
    // Port 1 of loopback: reserved, and nothing listens there.
    for (const char* arguments :
         {"load echo --connect 127.0.0.1:1", "load http http://127.0.0.1:1/",
          "load tcp-churn --connect 127.0.0.1:1", "fetch http://127.0.0.1:1/",
          "push /dev/null --connect 127.0.0.1:1"}) {
        const outcome o = run(arguments);
        INFO(arguments << ": " << o.output);
        CHECK(o.status == 1);
        CHECK(o.output.find("refused") != std::string::npos);
        CHECK(o.output.find('\n') == o.output.size() - 1);
    }
}

TEST_CASE("a load asks for the descriptors that its connections need") {
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    rlimit few = before;
    few.rlim_cur = 64;
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
    const outcome o = run("load echo --connect 127.0.0.1:1 --connections 200");
    ::setrlimit(RLIMIT_NOFILE, &before);
    CHECK(o.output.find("connection refused") != std::string::npos);
}

TEST_CASE("results that cannot be written are told, and the others are written") {
    const std::string load = "load echo --backend wire --connect 198.18.0.1:7 --duration 0.05 ";
    const outcome full = run(load + "--json - 2>&1 >/dev/full #");
    CHECK(full.status == 1);
    CHECK(full.output.find("cannot write the standard output") != std::string::npos);
    CHECK(run(load + "2>&1 >/dev/full #").status == 1);
    const outcome half = run(load + "--json /dev/full --hgrm -");
    CHECK(half.status == 1);
    CHECK(half.output.find("mismatches") != std::string::npos);
    CHECK(half.output.find("#[Max") != std::string::npos);
    // Not into what has got the number of an output that is closed.
    const outcome closed = run(load + "--json /dev/null 2>&1 >&- #");
    CHECK(closed.status == 2);
    CHECK(closed.output.find("the standard output") != std::string::npos);
}

TEST_CASE("each load on a wire brings its own server") {
    const temporary_directory directory;
    for (const char* arguments :
         {"http http://198.18.0.1/nothing/here", "tcp-stream --connect 198.18.0.1:9",
          "tcp-stream --direction both --connect 198.18.0.1:9", "tcp-churn --connect 198.18.0.1:7",
          "udp-echo --connect 198.18.0.1:7 --rate 1000"}) {
        const outcome o =
            run(std::string("load ") + arguments + " --backend wire --duration 0.05 --json -");
        INFO(arguments << ": " << o.output);
        // The directory of this test has no file of that name.
        const bool is_http = std::string_view(arguments).starts_with("http");
        CHECK(o.status == (is_http ? 1 : 0));
        CHECK(o.output.find(is_http ? "\"404\"" : "\"errors\": 0") != std::string::npos);
        CHECK(o.output.find("also serves") != std::string::npos);
    }
    const std::string hgrm = directory / "echo.hgrm";
    const std::string json = directory / "result.json";
    const outcome o =
        run("load echo --backend wire --connect 198.18.0.1:7 --connections 3 "
            "--size 100 --duration 0.1 --json " +
            json + " --hgrm " + hgrm);
    INFO(o.output);
    CHECK(o.status == 0);
    std::ifstream curve(hgrm);
    std::string head;
    std::getline(curve, head);
    CHECK(head == "       Value     Percentile TotalCount 1/(1-Percentile)");
    std::ifstream file(json);
    const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    for (const char* key : {"\"messages\"", "\"messages_per_second\"", "\"errors\": 0",
                            "\"mismatches\": 0", "\"p50\"", "\"p99_9\"", "\"backend\": \"wire"}) {
        INFO(key << " in " << text);
        CHECK(text.find(key) != std::string::npos);
    }
}

TEST_CASE("the demo on a wire compares files") {
    const temporary_directory directory;
    directory.write("index.html", "hello");
    directory.write("big", std::string(300'000, 'x'));
    const outcome o = run("demo " + directory.path().string());
    INFO(o.output);
    CHECK(o.status == 0);
    CHECK(o.output.find("300000 bytes: equal") != std::string::npos);
}
