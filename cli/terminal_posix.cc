#if defined(_WIN32)
#error "built for POSIX systems only"
#endif

#include <unistd.h>

#include "cli/terminal.h"

namespace numpack::cli {

bool StandardErrorIsTerminal() { return isatty(STDERR_FILENO) != 0; }

}  // namespace numpack::cli
