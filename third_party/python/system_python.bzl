"""An interpreter of this machine with its headers, NumPy's and nanobind, as the repository @system_python.

The interpreter is $SYSTEM_PYTHON, else .venv/bin/python of the workspace, else /usr/bin/python3. NumPy and nanobind
are asked from it; $NUMPACK_NUMPY_INCLUDE and $NUMPACK_NANOBIND_DIR name folders that it does not know of. With
$NUMPACK_STABLE_ABI=1 the module that nanobind binds is for every Python from 3.12 on: setup.py says when.

Nothing here fails when a part is missing: defs.bzl says what there is (HAVE_PYTHON_DEV, MISSING), and targets that
need the rest are skipped by Bazel as incompatible (PYTHON_COMPATIBLE of //bazel:numpack.bzl).
"""

_PROBE = """
import importlib.util, os, sys, sysconfig

def folder(module):
    spec = importlib.util.find_spec(module)
    return spec.submodule_search_locations[0] if spec and spec.submodule_search_locations else ''

def first(*paths):
    return next((p for p in paths if p and os.path.isdir(p)), '')

numpy = folder('numpy')
print(sysconfig.get_paths()['include'])
print(sysconfig.get_config_var('EXT_SUFFIX'))
print(first(os.environ.get('NUMPACK_NUMPY_INCLUDE'), numpy and numpy + '/_core/include', numpy and numpy + '/core/include'))
print(first(os.environ.get('NUMPACK_NANOBIND_DIR'), folder('nanobind')))
"""

_BUILD = """
load("@bazel_tools//tools/python:toolchain.bzl", "py_runtime_pair")
load("@rules_cc//cc:defs.bzl", "cc_library")
load(":defs.bzl", "STABLE_ABI_COPTS")

package(default_visibility = ["//visibility:public"])

# No platform has this value: a target that asks for it is skipped.
constraint_setting(name = "availability")

constraint_value(
    name = "unavailable",
    constraint_setting = ":availability",
)

cc_library(
    name = "headers",
    hdrs = glob(["python/**/*.h"], allow_empty = True),
    includes = ["python"],
)

cc_library(
    name = "numpy_headers",
    hdrs = glob(["numpy/**/*.h"], allow_empty = True),
    includes = ["numpy"],
    deps = [":headers"],
)

cc_library(
    name = "robin_map",
    hdrs = glob(["nanobind/ext/robin_map/include/**/*.h"], allow_empty = True),
    includes = ["nanobind/ext/robin_map/include"],
    visibility = ["//visibility:private"],
)

# nanobind's library part, with the flags that its own CMake files use.
cc_library(
    name = "nanobind",
    srcs = glob(["nanobind/src/nb_combined.cpp"], allow_empty = True),
    hdrs = glob(["nanobind/include/**/*.h"], allow_empty = True),
    copts = [
        "-fvisibility=hidden",
        "-fno-plt",
        "-fno-strict-aliasing",
        "-w",
    ] + STABLE_ABI_COPTS,
    includes = ["nanobind/include"],
    local_defines = [
        "NB_BUILD",
        "NB_COMPACT_ASSERTIONS",
    ],
    tags = ["manual"],
    textual_hdrs = glob(
        [
            "nanobind/src/*.cpp",
            "nanobind/src/*.h",
        ],
        allow_empty = True,
        exclude = ["nanobind/src/nb_combined.cpp"],
    ),
    deps = [
        ":headers",
        ":robin_map",
    ],
)

py_runtime(
    name = "runtime",
    interpreter_path = "{python}",
    python_version = "PY3",
    stub_shebang = "#!{python}",
)

py_runtime_pair(
    name = "runtime_pair",
    py3_runtime = ":runtime",
)

toolchain(
    name = "toolchain",
    toolchain = ":runtime_pair",
    toolchain_type = "@bazel_tools//tools/python:toolchain_type",
)
"""

_DEFS = """\
\"\"\"What //third_party/python:system_python.bzl found on this machine.\"\"\"

PYTHON = {python}
EXT_SUFFIX = {suffix}

# Names of what an extension module needs and this machine lacks.
MISSING = {missing}
HAVE_PYTHON_DEV = not MISSING

# copts of extension modules. Half of what they call is Python's: without a detour over the PLT.
EXTENSION_COPTS = ["-fvisibility=hidden", "-fno-plt"]

# Those of the one that nanobind binds, besides.
STABLE_ABI_COPTS = {stable_abi_copts}
"""

def _interpreter(ctx):
    python = ctx.os.environ.get("SYSTEM_PYTHON", "")
    if python:
        return python
    venv = ctx.path(str(ctx.path(Label("//:WORKSPACE")).dirname) + "/.venv/bin/python")
    return str(venv) if venv.exists else "/usr/bin/python3"

def _impl(ctx):
    python = _interpreter(ctx)
    found = ctx.execute([python, "-c", _PROBE])
    if found.return_code:
        # No interpreter at all: the C++ side must still build.
        found_lines = ["", "", "", ""]
    else:
        found_lines = found.stdout.split("\n")[:4]
    include, suffix, numpy, nanobind = found_lines

    missing = []
    if include and ctx.path(include + "/Python.h").exists:
        # Debian puts a numpy of its own in there, which is not the interpreter's.
        for entry in ctx.path(include).readdir():
            if entry.basename != "numpy":
                ctx.symlink(entry, "python/" + entry.basename)
    else:
        missing.append("Python.h")
    if numpy and ctx.path(numpy + "/numpy").exists:
        ctx.symlink(numpy + "/numpy", "numpy/numpy")
    else:
        missing.append("numpy")
    if nanobind and ctx.path(nanobind + "/src/nb_combined.cpp").exists:
        ctx.symlink(nanobind, "nanobind")
    else:
        missing.append("nanobind")
    if missing:
        # buildifier: disable=print
        print("%s lacks %s: the Python extension and its tests are skipped" % (python, ", ".join(missing)))
    stable_abi = ctx.os.environ.get("NUMPACK_STABLE_ABI") == "1"
    ctx.file("defs.bzl", _DEFS.format(
        missing = repr(missing),
        python = repr(python),
        stable_abi_copts = repr(["-DPy_LIMITED_API=0x030c0000"] if stable_abi else []),
        suffix = repr(suffix),
    ))
    ctx.file("BUILD", _BUILD.format(python = python))

system_python = repository_rule(
    implementation = _impl,
    configure = True,
    environ = [
        "NUMPACK_NANOBIND_DIR",
        "NUMPACK_NUMPY_INCLUDE",
        "NUMPACK_STABLE_ABI",
        "PYTHONPATH",
        "SYSTEM_PYTHON",
    ],
    local = True,
)
