// The rules of GET and HEAD on files (RFC 9110, RFC 9112).
#include "services/http/answer.hpp"

#include <utility>

#include <fmt/format.h>

#include "services/http/content_type.hpp"
#include "services/http/date.hpp"
#include "services/http/target.hpp"

namespace coax::services {
namespace {

constexpr unsigned http_1_1 = 11;

response make_head(http::status status, unsigned version, bool keep_alive, std::time_t now) {
    // RFC 9112 2.3: we speak 1.1 at most; to a 1.0 client Beast writes what 1.0 understands.
    response head(status, version == 10 ? 10 : http_1_1);
    head.set(http::field::server, "coax/" COAX_VERSION);
    head.set(http::field::date, to_http_date(now));  // RFC 9110 6.6.1 (MUST with a clock)
    head.keep_alive(keep_alive);
    head.body().data = nullptr;
    head.body().more = false;
    return head;
}

condition_fields conditions_of(const request_header& request) {
    const auto value = [&](http::field name) -> std::string_view { return request[name]; };
    return {value(http::field::if_match), value(http::field::if_none_match),
            value(http::field::if_modified_since), value(http::field::if_unmodified_since),
            value(http::field::if_range)};
}

answer answer_with_document(const request_header& request, bool keep_alive, document file,
                            std::time_t now) {
    const unsigned version = request.version();
    const condition_fields conditions = conditions_of(request);
    const precondition verdict = evaluate(conditions, file.state(), now);
    if (verdict == precondition::failed)
        return make_refusal(http::status::precondition_failed, version, keep_alive, now);

    answer a;
    a.head = make_head(http::status::ok, version, keep_alive, now);
    a.head.set(http::field::etag, file.state().etag);
    a.head.set(http::field::last_modified, to_http_date(file.state().modified));
    a.head.set(http::field::accept_ranges, "bytes");
    if (verdict == precondition::not_modified) {
        a.head.result(http::status::not_modified);  // RFC 9110 15.4.5: no content, no length needed
        a.send_body = false;
        return a;
    }

    // RFC 9110 14.2 (MUST): Range has a meaning for GET only.
    const bool get = request.method() == http::verb::get;
    const bool ranged = get && range_applies(conditions, file.state(), now);
    const auto chosen = choose_range(ranged ? request[http::field::range] : "", file.size());
    if (chosen.choice == range_choice::unsatisfiable) {
        answer refusal =
            make_refusal(http::status::range_not_satisfiable, version, keep_alive, now);
        refusal.head.set(http::field::content_range, fmt::format("bytes */{}", file.size()));
        return refusal;
    }
    a.range = chosen.range;
    if (chosen.choice == range_choice::part) {
        a.head.result(http::status::partial_content);
        a.head.set(http::field::content_range,
                   fmt::format("bytes {}-{}/{}", a.range.first, a.range.first + a.range.length - 1,
                               file.size()));
    }
    a.head.set(http::field::content_type, content_type(file.name()));
    a.head.set("X-Content-Type-Options", "nosniff");
    a.head.content_length(a.range.length);
    a.send_body = get;
    a.file = std::move(file);
    return a;
}

http::status status_of(document_refusal refusal) {
    switch (refusal) {
        case document_refusal::forbidden: return http::status::forbidden;
        case document_refusal::overloaded: return http::status::service_unavailable;
        case document_refusal::is_directory: return http::status::moved_permanently;
        case document_refusal::not_found: break;
    }
    return http::status::not_found;
}

answer answer_without_document(document_refusal refusal, document_path path, unsigned version,
                               bool keep_alive, std::time_t now) {
    answer a = make_refusal(status_of(refusal), version, keep_alive, now);
    if (refusal == document_refusal::is_directory) {
        path.directory = true;
        a.head.set(http::field::location, to_target(path));
    }
    return a;
}

}  // namespace

answer make_refusal(http::status status, unsigned version, bool keep_alive, std::time_t now) {
    answer a;
    a.head = make_head(status, version, keep_alive, now);
    a.text = fmt::format("{} {}\n", static_cast<unsigned>(status),
                         std::string_view(http::obsolete_reason(status)));
    a.head.set(http::field::content_type, "text/plain; charset=utf-8");
    a.head.content_length(a.text.size());
    return a;
}

answer make_answer(const request_header& request, bool keep_alive, const document_root& root,
                   std::time_t now) {
    const unsigned version = request.version();
    const bool head = request.method() == http::verb::head;
    const auto refuse = [&](http::status status) {
        answer a = make_refusal(status, version, keep_alive, now);
        a.send_body = !head;  // RFC 9110 9.3.2 (MUST NOT): no content after HEAD
        return a;
    };
    // RFC 9112 3.2 (MUST): exactly one Host field in a request of HTTP/1.1.
    const auto hosts = request.count(http::field::host);
    if (hosts > 1 || (version >= http_1_1 && hosts == 0)) return refuse(http::status::bad_request);
    if (request.method() == http::verb::unknown) return refuse(http::status::not_implemented);
    if (!head && request.method() != http::verb::get) {
        answer a = refuse(http::status::method_not_allowed);
        a.head.set(http::field::allow, "GET, HEAD");  // RFC 9110 15.5.6 (MUST)
        return a;
    }
    auto path = parse_target(request.target());
    if (!path) return refuse(http::status::bad_request);
    auto found = root.open(*path);
    answer a =
        std::holds_alternative<document>(found)
            ? answer_with_document(request, keep_alive, std::move(std::get<document>(found)), now)
            : answer_without_document(std::get<document_refusal>(found), std::move(*path), version,
                                      keep_alive, now);
    if (head) a.send_body = false;
    return a;
}

}  // namespace coax::services
