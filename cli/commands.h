// The commands of npk. Each returns how the program ends.
#ifndef NUMPACK_CLI_COMMANDS_H_
#define NUMPACK_CLI_COMMANDS_H_

#include "cli/arguments.h"
#include "cli/console.h"

namespace numpack::cli {

int RunLs(const Arguments& arguments, const Console& console);
int RunInfo(const Arguments& arguments, const Console& console);
int RunVerify(const Arguments& arguments, const Console& console);
int RunRepair(const Arguments& arguments, const Console& console);
int RunVacuum(const Arguments& arguments, const Console& console);
int RunConvert(const Arguments& arguments, const Console& console);

}  // namespace numpack::cli

#endif  // NUMPACK_CLI_COMMANDS_H_
