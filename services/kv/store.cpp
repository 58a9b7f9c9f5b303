// Accounts of memory and time around the table of keys.
#include "services/kv/store.hpp"

namespace coax::services::kv {
namespace {

// Of random keys, the least recently used goes. Ten come close to a true LRU.
constexpr int eviction_samples = 10;
constexpr std::size_t expiry_bytes = 48 + allocation_overhead;  // a node of the set

bool is_empty(const any_value& v) {
    return std::visit(
        [](const auto& one) {
            using held = std::decay_t<decltype(one)>;
            return !std::is_same_v<held, std::string> && one.size() == 0;
        },
        v);
}

}  // namespace

store::store(store_limits limits, const hash_key& key, std::uint64_t seed)
    : limits_(limits), key_(key), chance_(seed), keys_(key_) {}

std::size_t store::memory() const noexcept {
    return keys_.bytes() + value_bytes_ + expiries_.size() * expiry_bytes;
}

store::place* store::find(std::string_view key) {
    place* const p = keys_.find(key);
    if (p == nullptr) return nullptr;
    if (is_over(p->value)) {
        forget(p);
        ++counts_.expired;
        return nullptr;
    }
    p->value.used = ++uses_;
    return p;
}

store::place* store::read(std::string_view key) {
    place* const p = find(key);
    ++(p == nullptr ? counts_.misses : counts_.hits);
    return p;
}

std::pair<store::place*, bool> store::find_or_make(std::string_view key) {
    if (place* const known = find(key)) return {known, false};
    place* const made = keys_.emplace(key).first;
    made->value.used = ++uses_;
    return {made, true};
}

store::place* store::assign(std::string_view key, any_value v, bool keep_expiry) {
    place* const p = find_or_make(key).first;
    p->value.held = std::move(v);
    if (!keep_expiry) set_expiry(p, no_expiry);
    changed(p);
    return p;
}

void store::changed(place* p) {
    if (is_empty(p->value.held)) return forget(p);
    value_bytes_ -= p->value.charged;
    p->value.charged = heap_bytes(p->value.held);
    value_bytes_ += p->value.charged;
}

void store::forget(const place* p) {
    if (p->value.expires != no_expiry) expiries_.erase({p->value.expires, p});
    value_bytes_ -= p->value.charged;
    keys_.take(p);
}

bool store::erase(std::string_view key) {
    const place* const p = find(key);
    if (p == nullptr) return false;
    forget(p);
    return true;
}

void store::set_expiry(place* p, std::int64_t when) {
    std::int64_t& expires = p->value.expires;
    if (expires != no_expiry) expiries_.erase({expires, p});
    expires = when;
    if (when != no_expiry) expiries_.insert({when, p});
    if (is_over(p->value)) {
        forget(p);
        ++counts_.expired;
    }
}

void store::rename(std::string_view from, std::string_view to) {
    place* const old = keys_.find(from);
    any_value held = std::move(old->value.held);
    const std::int64_t expires = old->value.expires;
    forget(old);
    place* const p = assign(to, std::move(held));
    set_expiry(p, expires);
}

void store::clear() {
    keys_.clear();
    expiries_.clear();
    value_bytes_ = 0;
}

bool store::expire_some(std::size_t most) {
    for (; most > 0 && !expiries_.empty(); --most) {
        const auto [when, p] = *expiries_.begin();
        if (when > now_) return false;
        forget(p);
        ++counts_.expired;
    }
    return !expiries_.empty() && expiries_.begin()->first <= now_;
}

bool store::make_room(std::size_t bytes) {
    if (bytes > limits_.memory) return false;
    while (memory() + bytes > limits_.memory) {
        if (limits_.eviction == eviction_policy::noeviction || keys_.size() == 0) return false;
        evict_one();
    }
    return true;
}

void store::evict_one() {
    const place* worst = nullptr;
    for (int i = 0; i < eviction_samples; ++i) {
        const place* const p = keys_.random(chance_);
        if (worst == nullptr || p->value.used < worst->value.used) worst = p;
    }
    forget(worst);
    ++counts_.evicted;
}

store::place* store::random() {
    while (place* const p = keys_.random(chance_)) {
        if (!is_over(p->value)) return p;
        forget(p);
        ++counts_.expired;
    }
    return nullptr;
}

}  // namespace coax::services::kv
