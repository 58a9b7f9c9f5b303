// Entity-tag lists and the order of evaluation.
#include "services/http/precondition.hpp"

#include "services/http/date.hpp"

namespace coax::services {
namespace {

// One entity-tag off the front of a list; false at its end or at what is no tag.
bool take_tag(std::string_view& list, std::string_view& opaque, bool& weak) {
    const std::size_t begin = list.find_first_not_of(" \t,");
    if (begin == std::string_view::npos) return false;
    list.remove_prefix(begin);
    weak = list.starts_with("W/");
    if (weak) list.remove_prefix(2);
    if (!list.starts_with('"')) return false;
    const std::size_t close = list.find('"', 1);
    if (close == std::string_view::npos) return false;
    opaque = list.substr(0, close + 1);
    list.remove_prefix(close + 1);
    return true;
}

// RFC 9110 8.8.3.2: our tags are strong, so the weak comparison only overlooks the client's W/.
bool list_matches(std::string_view list, const std::string& etag, bool strong) {
    if (list == "*") return true;
    std::string_view opaque;
    bool weak = false;
    while (take_tag(list, opaque, weak))
        if (opaque == etag && !(strong && weak)) return true;
    return false;
}

}  // namespace

precondition evaluate(const condition_fields& fields, const validators& ours, std::time_t now) {
    // RFC 9110 13.2.2 step 1, else step 2.
    if (!fields.if_match.empty()) {
        if (!list_matches(fields.if_match, ours.etag, true)) return precondition::failed;
    } else if (const auto since = parse_http_date(fields.if_unmodified_since, now)) {
        if (ours.modified > *since) return precondition::failed;
    }
    // Step 3, else step 4: If-Modified-Since is ignored beside If-None-Match (13.1.3, MUST).
    if (!fields.if_none_match.empty()) {
        if (list_matches(fields.if_none_match, ours.etag, false)) return precondition::not_modified;
    } else if (const auto since = parse_http_date(fields.if_modified_since, now)) {
        if (ours.modified <= *since) return precondition::not_modified;
    }
    return precondition::proceed;
}

bool range_applies(const condition_fields& fields, const validators& ours, std::time_t now) {
    if (fields.if_range.empty()) return true;
    // RFC 9110 13.1.5: strong comparison of tags, exact match of dates.
    if (fields.if_range.find('"') != std::string_view::npos)
        return list_matches(fields.if_range, ours.etag, true);
    const auto date = parse_http_date(fields.if_range, now);
    return date && *date == ours.modified;
}

}  // namespace coax::services
