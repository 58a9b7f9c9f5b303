// Delivery: each form of a message is written once, however many get it.
#include "services/kv/broker.hpp"

#include <array>
#include <limits>

#include "services/kv/glob.hpp"
#include "services/kv/reply_writer.hpp"

namespace coax::services::kv {
namespace {

// Twice the name, two nodes of sets and a node of the table.
std::size_t cost(std::string_view name) { return 2 * name.size() + 256; }

// A message in the forms of RESP2 and RESP3, made when first asked for.
class message {
  public:
    message(std::string_view pattern, std::string_view channel, std::string_view text)
        : pattern_(pattern), channel_(channel), text_(text) {}

    std::string_view in(int protocol) {
        std::string& form = forms_[protocol >= 3 ? 1 : 0];
        if (!form.empty()) return form;
        reply_writer w(form, protocol, std::numeric_limits<std::size_t>::max());
        w.push(pattern_.empty() ? 3 : 4);
        w.bulk(pattern_.empty() ? "message" : "pmessage");
        if (!pattern_.empty()) w.bulk(pattern_);
        w.bulk(channel_);
        w.bulk(text_);
        return form;
    }

  private:
    std::string_view pattern_;
    std::string_view channel_;
    std::string_view text_;
    std::array<std::string, 2> forms_;
};

template <class Audience>
std::size_t deliver(const Audience& audience, message m) {
    for (subscriber* const one : audience) one->deliver(m.in(one->protocol()));
    return audience.size();
}

}  // namespace

bool broker::subscribe(subscriber& who, topic kind, std::string_view name) {
    auto& own = kind == topic::channel ? who.channels_ : who.patterns_;
    if (own.contains(name)) return true;
    if (!memory_.change(0, cost(name))) {
        memory_.change(cost(name), 0);
        return false;
    }
    own.emplace(name);
    of(kind).emplace(name).first->value.insert(&who);
    return true;
}

void broker::unsubscribe(subscriber& who, topic kind, std::string_view name) {
    auto& own = kind == topic::channel ? who.channels_ : who.patterns_;
    const auto at = own.find(name);
    if (at == own.end()) return;
    memory_.change(cost(name), 0);
    auto* const n = of(kind).find(name);
    n->value.erase(&who);
    if (n->value.empty()) of(kind).take(n);
    own.erase(at);  // last: `name` may be its text
}

void broker::forget(subscriber& who) {
    while (!who.channels_.empty())
        unsubscribe(who, topic::channel, std::string(*who.channels_.begin()));
    while (!who.patterns_.empty())
        unsubscribe(who, topic::pattern, std::string(*who.patterns_.begin()));
}

std::size_t broker::publish(std::string_view channel, std::string_view text) {
    std::size_t count = 0;
    if (const auto* const n = channels_.find(channel))
        count += deliver(n->value, message({}, channel, text));
    patterns_.for_each([&](const auto& n) {
        if (glob_matches(n.key, channel)) count += deliver(n.value, message(n.key, channel, text));
    });
    return count;
}

}  // namespace coax::services::kv
