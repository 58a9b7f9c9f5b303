// Publish and subscribe: who wants what, and its delivery. Knows no socket: a subscriber takes
// bytes, and decides itself when they are too many.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>

#include "services/kv/budget.hpp"
#include "services/kv/dictionary.hpp"

namespace coax::services::kv {

class subscriber {
  public:
    subscriber() = default;
    subscriber(const subscriber&) = delete;
    subscriber& operator=(const subscriber&) = delete;
    virtual ~subscriber() = default;

    virtual int protocol() const noexcept = 0;  // 2 or 3
    // A whole message, ready to send. Must not subscribe or unsubscribe anybody.
    virtual void deliver(std::string_view message) = 0;

    std::size_t subscriptions() const noexcept { return channels_.size() + patterns_.size(); }
    const std::set<std::string, std::less<>>& channels() const noexcept { return channels_; }
    const std::set<std::string, std::less<>>& patterns() const noexcept { return patterns_; }

  private:
    friend class broker;
    std::set<std::string, std::less<>> channels_;
    std::set<std::string, std::less<>> patterns_;
};

enum class topic { channel, pattern };

class broker {
  public:
    // Names that are held are charged to `memory`.
    broker(const hash_key& key, budget& memory) : memory_(memory), channels_(key), patterns_(key) {}

    // False: there is no memory for it. Again is no more than once.
    bool subscribe(subscriber& who, topic kind, std::string_view name);
    void unsubscribe(subscriber& who, topic kind, std::string_view name);
    // Everything of it: to be called before it goes.
    void forget(subscriber& who);

    // To how many it was delivered; who has a channel and a matching pattern counts for both.
    std::size_t publish(std::string_view channel, std::string_view text);

    std::size_t channels() const noexcept { return channels_.size(); }
    std::size_t patterns() const noexcept { return patterns_.size(); }

  private:
    using audience = std::set<subscriber*>;

    dictionary<audience>& of(topic kind) { return kind == topic::channel ? channels_ : patterns_; }

    budget& memory_;
    dictionary<audience> channels_;
    dictionary<audience> patterns_;
};

}  // namespace coax::services::kv
