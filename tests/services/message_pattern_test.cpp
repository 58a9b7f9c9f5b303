// Test messages must differ wherever an answer could be the wrong one.
#include "services/load/message_pattern.hpp"

#include <set>
#include <string>

#include <catch2/catch.hpp>

namespace {

std::string message(std::size_t size, std::uint64_t connection, std::uint64_t sequence) {
    std::string text(size, '\0');
    coax::services::fill_message(text, connection, sequence);
    return text;
}

}  // namespace

TEST_CASE("messages of other connections and numbers differ") {
    std::set<std::string> seen;
    for (std::uint64_t connection = 0; connection < 50; ++connection)
        for (std::uint64_t sequence = 0; sequence < 50; ++sequence)
            CHECK(seen.insert(message(64, connection, sequence)).second);
}

TEST_CASE("no piece of a message occurs twice in it") {
    const std::string text = message(64 * 1024, 3, 4);
    std::set<std::string> words;
    for (std::size_t i = 0; i + 8 <= text.size(); i += 8)
        CHECK(words.insert(text.substr(i, 8)).second);
}

TEST_CASE("the same message can be made again, of any size") {
    for (const std::size_t size : {1U, 2U, 7U, 8U, 9U, 63U, 64U, 1'000U}) {
        CHECK(message(size, 1, 2) == message(size, 1, 2));
        CHECK(message(size, 1, 2) == message(1'000, 1, 2).substr(0, size));
    }
}
