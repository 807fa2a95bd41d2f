"""C++ toolchains of cross compilers that run on Linux x86-64: Debian's GCC, and Zig's Clang."""

load("@bazel_tools//tools/build_defs/cc:action_names.bzl", "ACTION_NAMES")
load(
    "@bazel_tools//tools/cpp:cc_toolchain_config_lib.bzl",
    "artifact_name_pattern",
    "feature",
    "flag_group",
    "flag_set",
    "tool_path",
    "with_feature_set",
)

_COMPILE = [
    ACTION_NAMES.assemble,
    ACTION_NAMES.preprocess_assemble,
    ACTION_NAMES.c_compile,
    ACTION_NAMES.cpp_compile,
    ACTION_NAMES.cpp_header_parsing,
    ACTION_NAMES.cpp_module_compile,
    ACTION_NAMES.cpp_module_codegen,
    ACTION_NAMES.linkstamp_compile,
    ACTION_NAMES.lto_backend,
]

_LINK = [
    ACTION_NAMES.cpp_link_executable,
    ACTION_NAMES.cpp_link_dynamic_library,
    ACTION_NAMES.cpp_link_nodeps_dynamic_library,
]

# The compiler proper and its companions carry the version's suffix, the binutils do not.
_SUFFIXED_TOOLS = ["gcc", "cpp", "gcov"]
_TOOLS = ["ar", "ld", "nm", "objcopy", "objdump", "strip"]

def _flags(actions, flags, **kwargs):
    return flag_set(actions = actions, flag_groups = [flag_group(flags = flags)], **kwargs)

def _config_impl(ctx):
    prefix = "/usr/bin/%s-" % ctx.attr.triple
    paths = {tool: prefix + tool + ctx.attr.tool_suffix for tool in _SUFFIXED_TOOLS}
    paths.update({tool: prefix + tool for tool in _TOOLS})
    if ctx.attr.wrappers:
        paths = {tool: "/bin/false" for tool in paths}
        paths.update(ctx.attr.wrappers)
    paths["dwp"] = "/bin/false"
    tools = [tool_path(name = tool, path = path) for tool, path in paths.items()]
    gcc = not ctx.attr.wrappers
    return cc_common.create_cc_toolchain_config_info(
        ctx = ctx,
        toolchain_identifier = ctx.attr.triple,
        host_system_name = "local",
        target_system_name = ctx.attr.triple,
        target_cpu = ctx.attr.cpu,
        target_libc = ctx.attr.libc,
        compiler = "gcc" if gcc else "clang",
        abi_version = "local",
        abi_libc_version = "local",
        tool_paths = tools,
        cxx_builtin_include_directories = ctx.attr.include_directories,
        artifact_name_patterns = [
            artifact_name_pattern(category_name = category, prefix = "", extension = extension)
            for category, extension in ctx.attr.extensions.items()
        ],
        features = [
            feature(name = "dbg"),
            feature(name = "opt"),
            feature(name = "fastbuild"),
            feature(
                name = "default_compile_flags",
                enabled = True,
                flag_sets = [
                    _flags(_COMPILE, [
                        "-Wall",
                        "-no-canonical-prefixes",
                        "-Wno-builtin-macro-redefined",
                        "-D__DATE__=\"redacted\"",
                        "-D__TIMESTAMP__=\"redacted\"",
                        "-D__TIME__=\"redacted\"",
                    ] + (["-fno-canonical-system-headers"] if gcc else []) + ctx.attr.compile_flags),
                    _flags(_COMPILE, ["-g"], with_features = [with_feature_set(features = ["dbg"])]),
                    _flags(
                        _COMPILE,
                        ["-g0", "-O2", "-DNDEBUG", "-ffunction-sections", "-fdata-sections"],
                        with_features = [with_feature_set(features = ["opt"])],
                    ),
                ],
            ),
            feature(
                name = "default_link_flags",
                enabled = True,
                flag_sets = [
                    _flags(_LINK, ["-no-canonical-prefixes"] + (["-static"] if gcc else []) + ctx.attr.link_flags),
                    _flags(_LINK, ["-Wl,--gc-sections"], with_features = [with_feature_set(features = ["opt"])]),
                ],
            ),
            feature(
                name = "default_link_libs",
                enabled = True,
                flag_sets = [_flags(_LINK, ["-l" + library for library in ctx.attr.libraries])] if ctx.attr.libraries else [],
            ),
        ],
    )

_cross_toolchain_config = rule(
    implementation = _config_impl,
    attrs = {
        "compile_flags": attr.string_list(),
        "cpu": attr.string(mandatory = True),
        "extensions": attr.string_dict(),
        "include_directories": attr.string_list(),
        "libc": attr.string(mandatory = True),
        "libraries": attr.string_list(),
        "link_flags": attr.string_list(),
        "tool_suffix": attr.string(),
        "triple": attr.string(mandatory = True),
        "wrappers": attr.string_dict(),
    },
    provides = [CcToolchainConfigInfo],
)

def cross_toolchain(platform, constraints, cpu, suffix = "", files = [], **config):
    """Declares everything that a cross build is configured with.

    Args:
      platform: name of the platform target to build for.
      constraints: what is true there.
      cpu: value of --cpu, by which Bazel 4 looks into the suite. It also names the output folder.
      suffix: of the other targets' names, where a package has several toolchains.
      files: what the wrappers are and read, if there are any.
      **config: triple (of the tools in /usr/bin), tool_suffix, libc, include_directories, compile_flags,
        link_flags, libraries, extensions (artifact category -> file name extension); wrappers (tool -> script of the
        package), in place of tools in /usr/bin, for Clang.
    """
    native.platform(
        name = platform,
        constraint_values = constraints,
    )
    native.filegroup(
        name = "files" + suffix,
        srcs = files,
    )
    _cross_toolchain_config(
        name = "config" + suffix,
        cpu = cpu,
        **config
    )
    native.cc_toolchain(
        name = "cc" + suffix,
        all_files = ":files" + suffix,
        ar_files = ":files" + suffix,
        as_files = ":files" + suffix,
        compiler_files = ":files" + suffix,
        dwp_files = ":files" + suffix,
        linker_files = ":files" + suffix,
        objcopy_files = ":files" + suffix,
        strip_files = ":files" + suffix,
        supports_param_files = 1,
        toolchain_config = ":config" + suffix,
        toolchain_identifier = config["triple"],
    )
    native.toolchain(
        name = "toolchain" + suffix,
        exec_compatible_with = [
            "@platforms//os:linux",
            "@platforms//cpu:x86_64",
        ],
        target_compatible_with = constraints,
        toolchain = ":cc" + suffix,
        toolchain_type = "@bazel_tools//tools/cpp:toolchain_type",
    )
    native.cc_toolchain_suite(
        name = "suite" + suffix,
        tags = ["manual"],
        toolchains = {cpu: ":cc" + suffix},
    )
