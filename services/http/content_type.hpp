// Media types by file name. Knows nothing of file contents.
#pragma once

#include <string_view>

namespace coax::services {

// The Content-Type for a file of this name; application/octet-stream if its extension says nothing.
std::string_view content_type(std::string_view file_name);

}  // namespace coax::services
