// What the system says of standard error. terminal_posix.cc, terminal_win32.cc.
#ifndef NUMPACK_CLI_TERMINAL_H_
#define NUMPACK_CLI_TERMINAL_H_

namespace numpack::cli {

// Whether a person looks at standard error as it is written.
bool StandardErrorIsTerminal();

}  // namespace numpack::cli

#endif  // NUMPACK_CLI_TERMINAL_H_
