"""C++ toolchains of Debian's cross compilers (GCC), which run on Linux x86-64."""

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
    tools = [tool_path(name = tool, path = prefix + tool + ctx.attr.tool_suffix) for tool in _SUFFIXED_TOOLS]
    tools += [tool_path(name = tool, path = prefix + tool) for tool in _TOOLS]
    tools.append(tool_path(name = "dwp", path = "/bin/false"))
    return cc_common.create_cc_toolchain_config_info(
        ctx = ctx,
        toolchain_identifier = ctx.attr.triple,
        host_system_name = "local",
        target_system_name = ctx.attr.triple,
        target_cpu = ctx.attr.cpu,
        target_libc = ctx.attr.libc,
        compiler = "gcc",
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
                        "-fno-canonical-system-headers",
                        "-no-canonical-prefixes",
                        "-Wno-builtin-macro-redefined",
                        "-D__DATE__=\"redacted\"",
                        "-D__TIMESTAMP__=\"redacted\"",
                        "-D__TIME__=\"redacted\"",
                    ] + ctx.attr.compile_flags),
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
                    _flags(_LINK, ["-static", "-no-canonical-prefixes"]),
                    _flags(_LINK, ["-Wl,--gc-sections"], with_features = [with_feature_set(features = ["opt"])]),
                ],
            ),
            feature(
                name = "default_link_libs",
                enabled = True,
                flag_sets = [_flags(_LINK, ["-l" + library for library in ctx.attr.libraries])],
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
        "tool_suffix": attr.string(),
        "triple": attr.string(mandatory = True),
    },
    provides = [CcToolchainConfigInfo],
)

def cross_toolchain(platform, constraints, cpu, **config):
    """Declares everything that a cross build is configured with.

    Args:
      platform: name of the platform target to build for.
      constraints: what is true there.
      cpu: value of --cpu, by which Bazel 4 looks into the suite. It also names the output folder.
      **config: triple (of the tools in /usr/bin), tool_suffix, libc, include_directories, compile_flags,
        libraries, extensions (artifact category -> file name extension).
    """
    native.platform(
        name = platform,
        constraint_values = constraints,
    )
    native.filegroup(name = "empty")
    _cross_toolchain_config(
        name = "config",
        cpu = cpu,
        **config
    )
    native.cc_toolchain(
        name = "cc",
        all_files = ":empty",
        ar_files = ":empty",
        as_files = ":empty",
        compiler_files = ":empty",
        dwp_files = ":empty",
        linker_files = ":empty",
        objcopy_files = ":empty",
        strip_files = ":empty",
        supports_param_files = 1,
        toolchain_config = ":config",
        toolchain_identifier = config["triple"],
    )
    native.toolchain(
        name = "toolchain",
        exec_compatible_with = [
            "@platforms//os:linux",
            "@platforms//cpu:x86_64",
        ],
        target_compatible_with = constraints,
        toolchain = ":cc",
        toolchain_type = "@bazel_tools//tools/cpp:toolchain_type",
    )
    native.cc_toolchain_suite(
        name = "suite",
        tags = ["manual"],
        toolchains = {cpu: ":cc"},
    )
