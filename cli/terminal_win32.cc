#if !defined(_WIN32)
#error "built for Windows only"
#endif

#include <io.h>

#include "cli/terminal.h"

namespace numpack::cli {

bool StandardErrorIsTerminal() { return _isatty(2) != 0; }

}  // namespace numpack::cli
