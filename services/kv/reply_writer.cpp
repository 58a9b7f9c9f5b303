// Serialises replies.
#include "services/kv/reply_writer.hpp"

#include <fmt/format.h>

namespace coax::services::kv {

void reply_writer::append(std::string_view a, std::string_view b, std::string_view c) {
    if (overflowed_) return;
    if (out_.size() + a.size() + b.size() + c.size() > limit_) {
        overflowed_ = true;
        return;
    }
    out_ += a;
    out_ += b;
    out_ += c;
}

void reply_writer::header(char kind, std::size_t count) {
    const fmt::format_int digits(count);
    line(kind, {digits.data(), digits.size()});
}

void reply_writer::error(std::string_view text) {
    std::string plain(text);
    for (char& c : plain)
        if (c == '\r' || c == '\n') c = ' ';
    line('-', plain);
}

void reply_writer::integer(std::int64_t value) {
    const fmt::format_int digits(value);
    line(':', {digits.data(), digits.size()});
}

void reply_writer::bulk(std::string_view text) {
    header('$', text.size());
    append(text, "\r\n", {});
}

void reply_writer::verbatim(std::string_view text) {
    if (protocol_ < 3) return bulk(text);
    header('=', text.size() + 4);
    append("txt:", text, "\r\n");
}

void reply_writer::real(double value) {
    const std::string text = fmt::format("{}", value);
    protocol_ >= 3 ? line(',', text) : bulk(text);
}

}  // namespace coax::services::kv
