// A list in the order of use, with an index.
#include "framework/resolver/cache.hpp"

#include <chrono>

namespace coax::detail::dns {

const answer* cache::find(const question& q, clock::time_point now) {
    const auto found = index_.find(q);
    if (found == index_.end()) return nullptr;
    const place at = found->second;
    if (at->until <= now) {
        entries_.erase(at);
        index_.erase(found);
        return nullptr;
    }
    entries_.splice(entries_.begin(), entries_, at);
    return &at->said;
}

void cache::store(const question& q, const answer& a, clock::time_point now) {
    if (a.lifetime <= std::chrono::seconds(0)) return;
    const clock::time_point until = now + a.lifetime;
    store_one(q, a, until);
    if (a.what != answer::kind::no_name) return;
    // RFC 2308 5: known by the name alone, whatever the type asked for.
    if (q.type == record_type::a) store_one({q.name, record_type::aaaa}, a, until);
    if (q.type == record_type::aaaa) store_one({q.name, record_type::a}, a, until);
}

void cache::store_one(const question& q, const answer& a, clock::time_point until) {
    if (most_entries_ == 0) return;
    if (const auto known = index_.find(q); known != index_.end()) {
        entries_.erase(known->second);
        index_.erase(known);
    }
    if (entries_.size() == most_entries_) {
        index_.erase(entries_.back().asked);
        entries_.pop_back();
    }
    entries_.push_front({q, a, until});
    index_.emplace(q, entries_.begin());
}

}  // namespace coax::detail::dns
