// What Abseil uses of CoreFoundation, which Zig's headers leave out: the name of the local time
// zone. Declared as Apple documents it, for a check that programs compile and link; nothing is ever
// run with it.
#ifndef NUMPACK_TOOLCHAINS_MACOS_CFTIMEZONE_H_
#define NUMPACK_TOOLCHAINS_MACOS_CFTIMEZONE_H_

extern "C" {
typedef const void* CFTypeRef;
typedef const struct __CFString* CFStringRef;
typedef const struct __CFTimeZone* CFTimeZoneRef;
typedef unsigned int CFStringEncoding;
typedef long CFIndex;
typedef unsigned char Boolean;

enum { kCFStringEncodingUTF8 = 0x08000100 };

CFTimeZoneRef CFTimeZoneCopyDefault(void);
CFStringRef CFTimeZoneGetName(CFTimeZoneRef zone);
CFIndex CFStringGetLength(CFStringRef string);
CFIndex CFStringGetMaximumSizeForEncoding(CFIndex length, CFStringEncoding encoding);
Boolean CFStringGetCString(CFStringRef string, char* buffer, CFIndex size,
                           CFStringEncoding encoding);
void CFRelease(CFTypeRef object);
}

#endif  // NUMPACK_TOOLCHAINS_MACOS_CFTIMEZONE_H_
