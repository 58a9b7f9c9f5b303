// A key-value server without sockets for tests: requests as words or bytes, answers as text.
#pragma once

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "services/kv/conversation.hpp"

class kv_client final : public coax::services::kv::conversation {
  public:
    using conversation::conversation;

    // All that the bytes bring about, as a stream in pieces of `piece` would.
    std::string send(std::string_view bytes, std::size_t piece = std::string_view::npos) {
        std::string answers;
        while (!bytes.empty() && !closed) {
            const auto room = this->room();
            const std::size_t n = std::min({bytes.size(), piece, room.size()});
            std::memcpy(room.data(), bytes.data(), n);
            commit(n);
            bytes.remove_prefix(n);
            state s = state::full;
            while (s == state::full) {
                s = answer();
                answers += received();
            }
            closed = s == state::closing;
        }
        return answers;
    }
    // One request as it is written on the wire.
    std::string ask(std::initializer_list<std::string_view> words) { return send(wire(words)); }
    // One request, its words with single spaces between.
    std::string ask(std::string_view words) { return send(std::string(words) + "\r\n"); }
    // What has been delivered meanwhile.
    std::string received() {
        std::string text;
        take_output(text);
        return text;
    }
    template <class Words>
    static std::string wire(const Words& words) {
        std::string text = "*" + std::to_string(words.size()) + "\r\n";
        for (const std::string_view word : words)
            text += "$" + std::to_string(word.size()) + "\r\n" + std::string(word) + "\r\n";
        return text;
    }

    bool closed = false;
};

struct kv_desk {
    explicit kv_desk(coax::services::kv::store_limits limits = {})
        : base(std::make_shared<coax::services::kv::database>(
              limits, coax::services::kv::hash_key{1, 2}, 7)),
          one(base) {
        base->data.set_now(1'000'000'000'000);
    }
    void pass(std::int64_t milliseconds) { base->data.set_now(base->data.now() + milliseconds); }
    std::string ask(std::string_view words) { return one.ask(words); }

    std::shared_ptr<coax::services::kv::database> base;
    kv_client one;
};
