// Whether bytes are UTF-8: array names come out of files that anybody may have written.
#ifndef NUMPACK_BASE_UTF8_H_
#define NUMPACK_BASE_UTF8_H_

#include "absl/strings/string_view.h"

namespace numpack {

// True for well-formed UTF-8 as Unicode defines it: no surrogates, no overlong forms, nothing above
// U+10FFFF. Zero bytes are characters like any other.
bool IsUtf8(absl::string_view bytes);

}  // namespace numpack

#endif  // NUMPACK_BASE_UTF8_H_
