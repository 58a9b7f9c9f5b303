// The names of hosts that a file gives (hosts(5)): "ADDRESS NAME ALIAS...", one address a line.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <boost/asio/ip/address.hpp>

#include "framework/resolver/text_file.hpp"

namespace coax::detail::dns {

class hosts_file {
  public:
    struct entry {
        boost::asio::ip::address address;
        std::string canonical;  // the first name of its line
    };

    explicit hosts_file(std::string path) : file_(std::move(path)) {}

    // Reads the file again if it has changed.
    void refresh();
    // Instead of what was there. Names and addresses that are none are left out.
    void read(std::string_view text);
    // In the order of the file; `name` as to_host_name() gives it.
    const std::vector<entry>& find(const std::string& name) const;
    // The first name of an address; null if it has none.
    const std::string* find(const boost::asio::ip::address& address) const;

  private:
    void read_line(std::string_view line);

    text_file file_;
    std::unordered_map<std::string, std::vector<entry>> by_name_;
    std::unordered_map<std::string, std::string> by_address_;  // its text
};

}  // namespace coax::detail::dns
