// The program `coax`.
#include "services/program/run_program.hpp"

int main(int count, char** arguments) { return coax::services::run_program(count, arguments); }
