// <windows.h> without the macros that get in everybody's way. Never included by a header that
// others than this folder see.
#ifndef NUMPACK_BACKENDS_WIN32_MMAP_WIN32_API_H_
#define NUMPACK_BACKENDS_WIN32_MMAP_WIN32_API_H_

#if !defined(_WIN32)
#error "win32_mmap is for Windows; other systems have posix_mmap"
#endif

#ifndef NOMINMAX
#define NOMINMAX
#endif
#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#include <windows.h>

#endif  // NUMPACK_BACKENDS_WIN32_MMAP_WIN32_API_H_
