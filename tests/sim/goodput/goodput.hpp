// The goodput table: how much a connection gets through, for each congestion control, buffer, delay
// and loss. The numbers come from whole runs in virtual time, so they are the same on every
// machine, and a change of behaviour shows as a change of the table.
#pragma once

#include <string>

namespace coax::sim {

// The whole table as text.
std::string goodput_table();

}  // namespace coax::sim
