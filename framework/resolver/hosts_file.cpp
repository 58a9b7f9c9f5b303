// Reads a hosts file into two tables.
#include "framework/resolver/hosts_file.hpp"

#include "framework/resolver/host_name.hpp"

namespace coax::detail::dns {

void hosts_file::refresh() {
    if (file_.has_changed()) read(file_.read());
}

void hosts_file::read(std::string_view text) {
    by_name_.clear();
    by_address_.clear();
    while (!text.empty()) read_line(next_line(text));
}

void hosts_file::read_line(std::string_view line) {
    boost::system::error_code ec;
    const auto address = boost::asio::ip::make_address(std::string(next_word(line)), ec);
    if (ec) return;
    std::string canonical;
    for (;;) {
        const std::string_view word = next_word(line);
        if (word.empty()) return;
        const auto name = to_host_name(word);
        if (!name) continue;
        if (canonical.empty()) {
            canonical = *name;
            by_address_.emplace(address.to_string(), canonical);
        }
        auto& entries = by_name_[*name];
        bool known = false;
        for (const entry& e : entries) known = known || e.address == address;
        if (!known) entries.push_back({address, canonical});
    }
}

const std::vector<hosts_file::entry>& hosts_file::find(const std::string& name) const {
    static const std::vector<entry> none;
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? none : found->second;
}

const std::string* hosts_file::find(const boost::asio::ip::address& address) const {
    const auto found = by_address_.find(address.to_string());
    return found == by_address_.end() ? nullptr : &found->second;
}

}  // namespace coax::detail::dns
