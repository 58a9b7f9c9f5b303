// The request target of HTTP as a path below the document root. Pure text: no file is touched.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace coax::services {

struct document_path {
    std::string relative;    // below the root, without a leading slash; empty: the root itself
    bool directory = false;  // the target ended with a slash (or is the root)
};

// Takes the path out of origin-form ("/a/b?query") or absolute-form ("http://host/a/b"), decodes
// percent-escapes and removes dot segments. Nothing if it is malformed, names anything above the
// root, or hides a slash or a NUL in an escape.
std::optional<document_path> parse_target(std::string_view target);

// The path as a target again, percent-encoded, for a Location field; begins with a slash.
std::string to_target(const document_path& path);

}  // namespace coax::services
